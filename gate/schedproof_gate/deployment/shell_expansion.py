"""What a word becomes by the variables of a script."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from schedproof_gate.deployment.launch import Argument
from schedproof_gate.deployment.placed_text import PlacedText
from schedproof_gate.deployment.shell_arithmetic import Arithmetic, NotKnownError, parsed_integer
from schedproof_gate.deployment.shell_changes import BY_ARITHMETIC, set_by_arithmetic
from schedproof_gate.deployment.shell_patterns import (
    Pattern,
    literal,
    matches,
    pattern,
    replaced,
    without_prefix,
    without_suffix,
)
from schedproof_gate.deployment.shell_syntax import Elements, Part, Text, Variable, Word
from schedproof_gate.deployment.shell_values import Values
from schedproof_gate.deployment.tree import check_count

NAMED = re.compile(r"\$[A-Za-z_]")
FILE_PATTERN = re.compile(r"[*?\[\]{}~]")
BRACES = re.compile(r"\{[^{}]*(?:,|\.\.)[^{}]*\}")
BLANKS = re.compile(r"[ \t\n]+")
DEFAULTS = {":-", "-", ":=", "="}
SEPARATORS = "IFS"


@dataclass(slots=True)
class Piece:
    """A part of a word that comes to be, and the line to show for it when it is a whole word."""

    text: str
    line: int | None = None
    is_element: bool = False
    """Whether it is a word even when it is empty."""


@dataclass(slots=True)
class Doubts:
    """What is not certain about a word."""

    unknown: list[str] = field(default_factory=list)
    is_default: bool = False
    may_split: bool = False

    def add(self, value: Argument, name: str = "") -> None:
        """Take in the doubts about a value; `name` is that of its variable."""
        self.unknown += [each if NAMED.match(each) or not name else f"${name}" for each in value.unknown_variables]
        self.is_default = self.is_default or value.is_default


def expand(values: Values, word: Word) -> list[Argument]:
    """Return the words that a word becomes: one, or several by an array or a variable that holds blanks."""
    fields: list[list[Piece]] = [[]]
    doubts = Doubts()
    is_present = is_empty_array = False
    if has_braces(word):
        doubts.unknown.append("{…}")
        doubts.may_split = True
    for part in word.parts:
        num_unknown = len(doubts.unknown)
        elements = elements_of(values, part) if isinstance(part, Variable) and part.is_array else None
        if isinstance(part, Variable) and elements is not None and not (part.joins and part.quoted):
            is_empty_array = is_empty_array or not elements
            is_present = is_present or bool(elements)
            pieces = split_elements(elements, part, values, doubts)
            for index, piece in enumerate(pieces):
                values.budget.count(len(piece.text), word.line)
                if index:
                    fields.append([])
                fields[-1].append(piece)
                check_count(len(fields), values.budget.source, word.line)
            doubts.may_split = doubts.may_split or len(doubts.unknown) > num_unknown
            continue
        text, line = text_of(values, part, doubts)
        values.budget.count(len(text), word.line)
        is_present = is_present or part.quoted or text != ""
        texts = [text]
        if isinstance(part, Variable) and not part.quoted:
            texts = split(values, text, part, doubts)
        is_one = part.quoted and not (isinstance(part, Variable) and part.is_array and not part.joins)
        doubts.may_split = doubts.may_split or (len(doubts.unknown) > num_unknown and not is_one)
        fields[-1].append(Piece(texts[0], line if len(texts) > 1 else None))
        fields.extend([Piece(piece, line)] for piece in texts[1:])
        check_count(len(fields), values.budget.source, word.line)
    if len(fields) > 1 or is_empty_array or not is_present:
        fields = [pieces for pieces in fields if any(piece.text or piece.is_element for piece in pieces)]
    if not fields and doubts.unknown:
        fields = [[Piece(doubts.unknown[0])]]
    return [argument(pieces, word, doubts) for pieces in fields]


def argument(pieces: list[Piece], word: Word, doubts: Doubts) -> Argument:
    """Return one word; it stands where its variable was set when nothing else belongs to it."""
    text = "".join(piece.text for piece in pieces)
    lines = {piece.line for piece in pieces if piece.text}
    line = next(iter(lines)) if len(lines) == 1 else None
    placed = PlacedText.aligned(text, word.raw, word.line) if word.raw else None
    unknown = tuple(dict.fromkeys(doubts.unknown))
    return Argument(
        text, line or word.line, unknown, placed, is_default=doubts.is_default, may_split=doubts.may_split
    )


def scalar(values: Values, word: Word) -> Argument:
    """Return a word as one text, whatever blanks are in it."""
    doubts = Doubts()
    texts = [text_of(values, part, doubts)[0] for part in word.parts]
    for text in texts:
        values.budget.count(len(text), word.line)
    return argument([Piece("".join(texts))], word, doubts)


def split(values: Values, text: str, part: Variable, doubts: Doubts) -> list[str]:
    """Return the words of a text that is not quoted."""
    if SEPARATORS in values.scalars and not text.isalnum():
        doubts.unknown.append(part.written)
    if part.operand is not None and any(inner.quoted for inner in part.operand.parts) and BLANKS.search(text):
        doubts.unknown.append(part.written)
    return BLANKS.split(text)


def split_elements(elements: tuple[Argument, ...], part: Variable, values: Values, doubts: Doubts) -> list[Piece]:
    """Return the words of an array; those that are not quoted are split once more."""
    pieces: list[Piece] = []
    for element in elements:
        doubts.add(element)
        if part.quoted:
            pieces.append(Piece(element.text, element.line, is_element=True))
        else:
            texts = [text for text in split(values, element.text, part, doubts) if text]
            pieces += [Piece(text, element.line, is_element=True) for text in texts]
    return pieces


def elements_of(values: Values, variable: Variable) -> tuple[Argument, ...] | None:
    """Return the elements of an array that is known as one."""
    if variable.operator:
        return None
    if variable.name in ("@", "*"):
        return values.arguments
    elements = values.arrays.get(variable.name)
    if elements is None or any(element.unknown_variables for element in elements):
        given = values.given.get(variable.name)
        if given is not None:
            return tuple(Argument(text, None) for text in BLANKS.split(given.strip()) if text)
    return elements


def text_of(values: Values, part: Part, doubts: Doubts) -> tuple[str, int | None]:
    """Return a part's text, or how it is written, noted as unknown; and the line of its value."""
    if isinstance(part, Text):
        return part.text, None
    if isinstance(part, Elements):
        doubts.unknown.append("(…)")
        return "(…)", None
    if part.arithmetic is not None:
        found = calculated(values, scalar(values, part.arithmetic))
        doubts.add(found)
        return found.text, None
    if part.is_array:
        elements = elements_of(values, part) if part.joins else None
        if elements is None:
            doubts.unknown.append(part.written)
            return part.written, None
        for element in elements:
            doubts.add(element)
        if SEPARATORS in values.scalars:
            doubts.unknown.append(part.written)
        return " ".join(element.text for element in elements), None
    value = value_of(values, part)
    if value is None:
        doubts.unknown.append(part.written)
        return part.written, None
    doubts.add(value, part.name)
    return value.text, None if value.source else value.line


def value_of(values: Values, variable: Variable) -> Argument | None:
    """Return a variable's value: as the script sets it, else as the person gives it, else its default."""
    name, operator = variable.name, variable.operator
    value = plain_value(values, variable)
    if operator in DEFAULTS:
        assert variable.operand is not None
        is_replaced = value is None or (":" in operator and not value.text and not value.unknown_variables)
        if not is_replaced:
            return value
        doubts = (f"${name}{values.not_read}",) if value is None and values.not_read else ()
        default = scalar(values, variable.operand)
        default = Argument(
            default.text,
            None,
            (*doubts, *default.unknown_variables),
            is_default=default.is_default or value is None,
        )
        if "=" in operator:
            values.assign(name, default)
        return default
    if value is None or not operator or value.unknown_variables:
        return value
    return changed(values, variable, value)


def plain_value(values: Values, variable: Variable) -> Argument | None:
    """Return a variable's value or element before its operator works; None where it has none."""
    name = variable.name
    if name == "#":
        return None if not values.has_places(None) else Argument(str(len(values.arguments or ())), None)
    elements = values.arrays.get(name)
    if variable.index is not None:
        try:
            number = parsed_integer(scalar_text(values, variable.index))
        except NotKnownError:
            return None
        if elements is None or not 0 <= number < len(elements) or elements[number].unknown_variables:
            return None
        if any(element.may_split for element in elements[:number]):
            return None
        return elements[number]
    value = values.argument_of(name) if name.isdigit() else values.scalars.get(name)
    if value is None and elements is not None:
        value = elements[0] if elements else Argument("", None)
    return values.given_if_unknown(name, value)


def scalar_text(values: Values, index: str) -> str:
    """Return the number that an index stands for, as text: a constant, or a variable."""
    name = index.removeprefix("$")
    value = values.scalars.get(name)
    if value is not None and not value.unknown_variables and not value.is_default:
        return value.text
    return index


def changed(values: Values, variable: Variable, value: Argument) -> Argument | None:
    """Return what an operator makes of a value; None where only a shell knows."""
    operator, operand = variable.operator, variable.operand
    if operator == "length":
        return Argument(str(len(value.text)), None, is_default=value.is_default)
    assert operand is not None
    if operator in (":?", "?"):
        return value if value.text or operator == "?" else None
    if operator in (":+", "+"):
        return scalar(values, operand) if value.text or operator == "+" else value
    tokens = pattern_of(values, operand)
    text: str | None = None
    if operator in ("#", "##") and tokens is not None:
        text = without_prefix(tokens, value.text, is_longest=operator == "##")
    elif operator in ("%", "%%") and tokens is not None:
        text = without_suffix(tokens, value.text, is_longest=operator == "%%")
    elif operator in ("/", "//") and tokens and value.text:
        replacement = Argument("", None)
        if variable.replacement is not None:
            replacement = scalar(values, variable.replacement)
        if not replacement.unknown_variables and not replacement.is_default and "&" not in replacement.text:
            text = replaced(tokens, value.text, replacement.text, is_every=operator == "//")
    elif operator in ("^^", ",,") and not operand.parts and value.text.isascii():
        text = value.text.upper() if operator == "^^" else value.text.lower()
    elif operator == ":" and operand.literal is not None:
        text = part_of(value.text, operand.literal)
    return None if text is None else Argument(text, value.line, source=value.source, is_default=value.is_default)


def part_of(text: str, places: str) -> str | None:
    """Return the part of ``${NAME:first:length}``; None where these are no numbers, or count from the end."""
    numbers = [number.strip() for number in places.split(":")]
    if len(numbers) > 2 or not all(number.isdigit() and len(number) < 6 for number in numbers):
        return None
    first = int(numbers[0])
    return text[first:] if len(numbers) == 1 else text[first : first + int(numbers[1])]


def pattern_of(values: Values, word: Word) -> Pattern | None:
    """Return the pattern that a word is; None where it is not known."""
    tokens: list[Pattern] = []
    plain = ""
    for part in (*word.parts, Text("", quoted=True)):
        if isinstance(part, Text):
            text = part.text
        else:
            doubts = Doubts()
            text, _ = text_of(values, part, doubts)
            if doubts.unknown or doubts.is_default:
                return None
        if not part.quoted:
            plain += text
            continue
        if plain and "[" in plain and text:
            return None
        found = pattern(plain)
        if found is None:
            return None
        tokens += [found, literal(text)]
        plain = ""
    return tuple(token for each in tokens for token in each)


def matches_pattern(values: Values, value: Argument, word: Word) -> bool | None:
    """Return whether a value matches a pattern; None where that is not known."""
    tokens = pattern_of(values, word)
    if tokens is None or value.unknown_variables or value.is_default:
        return None
    return matches(tokens, value.text)


def calculated(values: Values, expression: Argument) -> Argument:
    """Return what an arithmetic expression comes to, and take in what it assigns.

    Where it is not known, no variable that it assigns to is known from here on.
    """
    found = Doubts(is_default=expression.is_default)

    def read(name: str) -> int:
        variable = Variable(f"${name}", name, quoted=True)
        value = plain_value(values, variable)
        if value is None:
            raise NotKnownError(f"${name}")
        if value.unknown_variables:
            raise NotKnownError(*value.unknown_variables)
        found.is_default = found.is_default or value.is_default
        text = value.text.strip()
        sign = -1 if text[:1] == "-" else 1
        return sign * parsed_integer(text.lstrip("+-") if len(text) > 1 else text) if text else 0

    def write(name: str, number: int) -> None:
        if name in values.readonly | values.changed or name in values.arrays:
            raise NotKnownError
        values.assign(name, Argument(str(number), expression.line, is_default=found.is_default))

    unknown: tuple[str, ...] = expression.unknown_variables
    if not unknown:
        try:
            number = Arithmetic(expression.text, read, write).result()
            return Argument(str(number), expression.line, is_default=found.is_default)
        except NotKnownError as error:
            unknown = error.names or ("$(…)",)
    for name in set_by_arithmetic(expression.text):
        values.lose(name, BY_ARITHMETIC)
    return Argument("$(…)", expression.line, unknown)


def has_braces(word: Word) -> bool:
    """Return whether a shell makes several words of one by its braces."""
    unquoted = "".join(part.text if isinstance(part, Text) and not part.quoted else "x" for part in word.parts)
    return "{" in unquoted and BRACES.search(unquoted) is not None


def is_file_pattern(word: Word) -> bool:
    """Return whether a shell looks for files by a word, or makes several words of it."""
    return any(isinstance(part, Text) and not part.quoted and FILE_PATTERN.search(part.text) for part in word.parts)
