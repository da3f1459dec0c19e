"""The commands of a shell that change its own variables, arguments and options."""

from __future__ import annotations

import re
from dataclasses import replace

from schedproof_gate.deployment.launch import Argument
from schedproof_gate.deployment.shell_expansion import calculated, expand, scalar
from schedproof_gate.deployment.shell_inner import ASSIGNMENT
from schedproof_gate.deployment.shell_syntax import Elements, Part, Text, Word
from schedproof_gate.deployment.shell_values import Values

DECLARING = {"export", "declare", "typeset", "readonly", "local"}
ELEMENT = re.compile(r"([A-Za-z_]\w*)\[[^\]]*\]\+?=", re.ASCII)
BY_ELEMENT = re.compile(r"([A-Za-z_]\w*)\[[^\]]*\]\Z", re.ASCII)
IS_READONLY = " (set though it is readonly)"
BY_DECLARATION = " (changed by declare)"


def assignment_name(word: Word) -> tuple[str, bool] | None:
    """Return the variable that a word assigns to, and whether it appends; None for any other word."""
    first = word.parts[0] if word.parts else None
    if not isinstance(first, Text) or first.quoted:
        return None
    match = ASSIGNMENT.match(first.text)
    return None if match is None else (match.group(1), match.group(2) == "+")


def element_name(word: Word) -> str | None:
    """Return the array of which a word assigns to one element; None for any other word."""
    first = word.parts[0] if word.parts else None
    match = ELEMENT.match(first.text) if isinstance(first, Text) and not first.quoted else None
    if match is None and isinstance(first, Text) and not first.quoted and "[" in first.text:
        name, bracket, _ = first.text.partition("[")
        rest = "".join(part.text for part in word.parts if isinstance(part, Text) and not part.quoted)
        return name if bracket and ASSIGNMENT.match(f"{name}=") and "]=" in rest.replace("]+=", "]=") else None
    return None if match is None else match.group(1)


def assigned_elements(values: Values, word: Word, name: str, appends: bool) -> tuple[Argument, ...] | None:
    """Return the elements that a word gives to an array; None where it is no array's assignment."""
    elements = next((part for part in word.parts if isinstance(part, Elements)), None)
    if elements is None:
        return None
    given = tuple(argument for each in elements.words for argument in expand(values, each))
    if not appends:
        return given
    value = values.scalars.get(name)
    return (*values.arrays.get(name, () if value is None else (value,)), *given)


def has_keys(word: Word) -> bool:
    """Return whether an array's assignment says which element each value is."""
    elements = next((part for part in word.parts if isinstance(part, Elements)), None)
    words = () if elements is None else elements.words
    firsts = [each.parts[0] for each in words if each.parts]
    return any(isinstance(first, Text) and not first.quoted and first.text.startswith("[") for first in firsts)


def assigned_value(values: Values, word: Word, name: str, appends: bool) -> Argument:
    """Return the value that a word assigns."""
    first = word.parts[0]
    assert isinstance(first, Text)
    parts: list[Part] = [Text(first.text[first.text.index("=") + 1 :], quoted=True)]
    value = scalar(values, Word(word.line, [*parts, *word.parts[1:]], word.raw))
    elements = values.arrays.get(name)
    before = values.scalars.get(name) if elements is None else elements[0] if elements else Argument("", None)
    if name in values.integers:
        if appends:
            if before is None:
                return replace(value, unknown_variables=(f"${name}",))
            doubts = (*before.unknown_variables, *value.unknown_variables)
            text = f"({before.text or 0})+({value.text})"
            value = replace(value, text=text, unknown_variables=doubts, is_default=before.is_default)
        return calculated(values, value)
    if not appends:
        return value
    if before is None:
        return replace(value, unknown_variables=(f"${name}",))
    unknown = tuple(dict.fromkeys((*before.unknown_variables, *value.unknown_variables)))
    values.budget.count(len(before.text), word.line)
    is_default = before.is_default or value.is_default
    return Argument(before.text + value.text, value.line, unknown, is_default=is_default)


def assign(values: Values, name: str, value: Argument) -> None:
    """Set a variable to what its attributes make of a value."""
    if name in values.readonly:
        values.lose(name, IS_READONLY)
        return
    elements = values.arrays.get(name)
    if elements is not None and (len(elements) > 1 or any(element.unknown_variables for element in elements)):
        known = not any(element.unknown_variables for element in elements)
        values.arrays[name] = (value, *elements[1:])
        if not known:
            values.lose(name)
        return
    values.assign(name, value)
    if name in values.changed:
        values.lose(name, BY_DECLARATION)


def assign_either(values: Values, word: Word, name: str, given: Argument | tuple[Argument, ...]) -> None:
    """Set a variable or an array to what a word gives to it."""
    if isinstance(given, Argument):
        assign(values, name, given)
    elif name in values.readonly:
        values.lose(name, IS_READONLY)
    else:
        values.assign_array(name, given)
        if has_keys(word) or name in values.changed | values.integers:
            values.lose(name)


def assign_word(values: Values, word: Word, name: str, appends: bool) -> None:
    """Take in an assignment."""
    elements = assigned_elements(values, word, name, appends)
    given = assigned_value(values, word, name, appends) if elements is None else elements
    assign_either(values, word, name, given)


def declare(values: Values, words: list[Word], how: str) -> None:
    """Take in ``export NAME=value`` and its relatives: their words are expanded before any of them counts."""
    num_options = 0
    while num_options < len(words) and (words[num_options].literal or "x")[0] in "-+":
        num_options += 1
    options = "".join(word.literal or "" for word in words[:num_options])
    takes, is_own = "-" in options, how in ("local", "declare", "typeset")
    found: list[tuple[str, Word, Argument | tuple[Argument, ...] | None]] = []
    for word in words[num_options:]:
        assigned = assignment_name(word)
        if assigned is None:
            for argument in expand(values, word):
                name, equals, text = argument.text.partition("=")
                found.append((name, word, replace(argument, text=text) if equals else None))
            continue
        if takes and "i" in options and is_own:
            values.integers.add(assigned[0])
        elements = assigned_elements(values, word, *assigned)
        found.append((assigned[0], word, assigned_value(values, word, *assigned) if elements is None else elements))
    for name, word, given in found:
        if is_own and "g" not in options and values.frames:
            is_new = name not in values.frames[-1]
            values.hide(name)
            if given is None and is_new:
                values.scalars.pop(name, None)
                values.arrays.pop(name, None)
        if takes and is_own and set(options) & set("Alu"):
            values.changed.add(name)
        if takes and is_own and "n" in options:
            values.lose_all(f" ({name} stands for another variable from line {word.line} on)", word.line)
        if given is not None:
            assign_either(values, word, name, given)
        if how == "readonly" or (takes and is_own and "r" in options):
            values.readonly.add(name)
        if how == "export" and "n" in options:
            values.exported.discard(name)
        elif how == "export" or (takes and "x" in options):
            values.exported.add(name)


def unset(values: Values, words: tuple[Argument, ...]) -> None:
    """Take in ``unset``."""
    for word in words:
        element = BY_ELEMENT.match(word.text)
        if element is not None:
            values.lose(element.group(1))
        elif word.text not in values.readonly and word.text != "-v":
            values.unset(word.text)


def set_options(values: Values, words: tuple[Argument, ...]) -> None:
    """Take in ``set``: whether variables are exported, and what ``$1`` and those behind it are."""
    for position, option in enumerate(words):
        sign, letters = option.text[:1], option.text[1:]
        if option.text == "--":
            values.arguments = words[position + 1 :]
            return
        after = words[position + 1].text if position + 1 < len(words) else ""
        if sign in ("-", "+"):
            if "a" in letters or (letters == "o" and after == "allexport"):
                values.exports_all = sign == "-"
        elif position == 0 or not words[position - 1].text.endswith("o"):
            values.arguments = words[position:]
            return


def shift(values: Values, words: tuple[Argument, ...]) -> None:
    """Take in ``shift``."""
    count = words[0] if words else Argument("1", None)
    known = values.arguments
    if known is None:
        return
    is_number = count.text.isdigit() and len(count.text) < 4 and not count.unknown_variables
    if not is_number or not values.has_places(int(count.text)):
        values.arguments = None
    elif int(count.text) <= len(known):
        values.arguments = known[int(count.text) :]
