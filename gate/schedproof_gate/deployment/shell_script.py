"""Finds the launch commands of a shell script, with the variables that the script itself sets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from schedproof_gate.deployment.shell_words import ShellReader, Text, Variable, Word
from schedproof_gate.deployment.tree import check_count
from schedproof_gate.errors import InputError

ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)(\+?)=", re.ASCII)
NAMED = re.compile(r"\$[A-Za-z_]")
MAX_EXPANDED_CHARACTERS = 4 << 20
"""Characters that all words of a script may expand to; variables that hold variables could make it endless."""

OPENING = {"if", "while", "until", "for", "case", "select", "{"}
CLOSING = {"fi", "done", "esac", "}"}
PASSING = {"then", "do", "else", "elif", "!", "time"}
DECLARING = {"export", "declare", "typeset", "readonly", "local"}


@dataclass(frozen=True, slots=True)
class Argument:
    """One word of a command after expansion."""

    text: str
    line: int | None
    unknown_variables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """A command that starts an engine: its words, and the environment that the script gives it."""

    arguments: tuple[Argument, ...]
    environment: dict[str, Argument]


@dataclass(slots=True)
class Script:
    """What a script has set so far."""

    source: str
    values: dict[str, Argument] = field(default_factory=dict)
    exported: set[str] = field(default_factory=set)
    depth: int = 0
    """How many conditions, loops and functions are open."""
    num_characters: int = 0

    def run(self, words: list[Word]) -> Launch | None:
        """Take in one command; return it when it is more than assignments."""
        words = self.without_reserved(words)
        prefix: dict[str, Argument] = {}
        while words and (assigned := assignment_name(words[0])) is not None:
            name, appends = assigned
            prefix[name] = self.assigned_value(words.pop(0), name, appends)
        if not words:
            for name, value in prefix.items():
                self.assign(name, value)
            return None
        if words[0].literal in DECLARING:
            self.declare(words[1:], exports=words[0].literal == "export")
            return None
        if words[0].literal == "unset":
            for word in words[1:]:
                self.values.pop(word.literal or "", None)
            return None
        arguments = tuple(argument for word in words for argument in self.expand(word))
        environment = {name: self.values[name] for name in sorted(self.exported) if name in self.values}
        return Launch(arguments=arguments, environment=environment | prefix)

    def without_reserved(self, words: list[Word]) -> list[Word]:
        """Drop leading words of the shell's grammar and count what they open and close."""
        index = 0
        for word in words:
            if word.literal in OPENING:
                self.depth += 1
            elif word.literal in CLOSING:
                self.depth = max(0, self.depth - 1)
            elif word.literal not in PASSING:
                break
            index += 1
        return words[index:]

    def declare(self, words: list[Word], exports: bool) -> None:
        """Take in ``export NAME=value`` and its relatives."""
        for word in words:
            assigned = assignment_name(word)
            name = assigned[0] if assigned is not None else word.literal
            if assigned is not None:
                self.assign(assigned[0], self.assigned_value(word, *assigned))
            if name is not None and (exports or name == "-x"):
                self.exported.add(name)

    def assigned_value(self, word: Word, name: str, appends: bool) -> Argument:
        """Return the value of an assignment word; what it appends to is not followed."""
        first = word.parts[0]
        assert isinstance(first, Text)
        rest = Text(first.text[first.text.index("=") + 1 :], quoted=True)
        whole = [rest, *(replace(part, quoted=True) for part in word.parts[1:])]
        value = self.expand(Word(word.line, whole))[0]
        return replace(value, unknown_variables=(f"${name}",)) if appends else value

    def assign(self, name: str, value: Argument) -> None:
        """Set a variable; one that depends on a branch of the script has no known value."""
        before = self.values.get(name)
        if self.depth > 0 and (before is None or before.text != value.text):
            value = replace(value, unknown_variables=(f"${name} (set in a branch)",))
        self.values[name] = value

    def expand(self, word: Word) -> list[Argument]:
        """Return the words that a word becomes: one, or several where an unquoted variable holds blanks."""
        fields: list[list[str]] = [[]]
        unknown: list[str] = []
        is_present = False
        for part in word.parts:
            text = part.text if isinstance(part, Text) else self.value_of(part, unknown)
            self.count(len(text), word.line)
            is_present = is_present or part.quoted or text != ""
            pieces = [text]
            if isinstance(part, Variable) and not part.quoted:
                pieces = re.split(r"[ \t\n]+", text)
            fields[-1].append(pieces[0])
            fields.extend([piece] for piece in pieces[1:])
            check_count(len(fields), self.source, word.line)
        texts = ["".join(pieces) for pieces in fields]
        if len(texts) > 1 or not is_present:
            texts = [text for text in texts if text]
        return [Argument(text, word.line, tuple(dict.fromkeys(unknown))) for text in texts]

    def count(self, num_characters: int, line: int) -> None:
        """Refuse a script whose variables expand without end.

        Raises:
            InputError: over the limit.
        """
        self.num_characters += num_characters
        if self.num_characters > MAX_EXPANDED_CHARACTERS:
            raise InputError(
                f"the script's words expand to more than {MAX_EXPANDED_CHARACTERS} characters",
                source=self.source,
                line=line,
                advice="write the launch command out",
            )

    def value_of(self, variable: Variable, unknown: list[str]) -> str:
        """Return a variable's text, or how it is written, noted as unknown."""
        value = self.values.get(variable.name)
        if value is not None:
            unknown.extend(name if NAMED.match(name) else f"${variable.name}" for name in value.unknown_variables)
            return value.text
        if variable.name and variable.default is not None:
            return variable.default
        unknown.append(variable.written)
        return variable.written


def assignment_name(word: Word) -> tuple[str, bool] | None:
    """Return the variable that a word assigns to, and whether it appends; None for any other word."""
    first = word.parts[0] if word.parts else None
    if not isinstance(first, Text) or first.quoted:
        return None
    match = ASSIGNMENT.match(first.text)
    return None if match is None else (match.group(1), match.group(2) == "+")


def launches(text: str, source: str, is_launch: Callable[[tuple[Argument, ...]], bool]) -> Iterator[Launch]:
    """Yield the script's launch commands in order.

    Raises:
        InputError: an open quote, or over a limit.
    """
    script = Script(source)
    for words in ShellReader(text, source).commands():
        launch = script.run(words)
        if launch is not None and is_launch(launch.arguments):
            yield launch
