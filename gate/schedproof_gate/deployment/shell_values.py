"""The variables of a script that runs: values, arrays, arguments, and what a word becomes by them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TypeVar

from schedproof_gate.deployment.budget import Budget
from schedproof_gate.deployment.given_values import GivenValues
from schedproof_gate.deployment.launch import Argument
from schedproof_gate.deployment.placed_text import PlacedText
from schedproof_gate.deployment.shell_changes import BY_ARITHMETIC
from schedproof_gate.deployment.shell_words import Elements, Text, Variable, Word
from schedproof_gate.deployment.tree import check_count

NAMED = re.compile(r"\$[A-Za-z_]")
PATTERN = re.compile(r"[*?\[\]{}~]")
BLANKS = re.compile(r"[ \t\n]+")
ValueT = TypeVar("ValueT", Argument, Argument | None)


@dataclass(slots=True)
class Piece:
    """A part of a word that comes to be, and the line to show for it when it is a whole word."""

    text: str
    line: int | None = None
    is_element: bool = False
    """Whether it is a word even when it is empty."""


@dataclass(slots=True)
class Values:
    """What a script has set so far."""

    budget: Budget
    given: GivenValues
    scalars: dict[str, Argument] = field(default_factory=dict)
    arrays: dict[str, tuple[Argument, ...]] = field(default_factory=dict)
    exported: set[str] = field(default_factory=set)
    arguments: tuple[Argument, ...] | None = None
    """Those of the function or script that runs; None when only its caller knows them."""
    exports_all: bool = False
    """Whether what is set from here on reaches the commands, by ``set -a``."""
    not_read: str = ""
    """The script that was sourced and is not here, for a person: it may have set anything."""

    def copy(self) -> Values:
        """Return what a subshell starts with."""
        return replace(self, scalars=dict(self.scalars), arrays=dict(self.arrays), exported=set(self.exported))

    def environment(self) -> dict[str, Argument]:
        """Return the variables that a command of the script gets."""
        names = (name for name in sorted(self.exported) if name in self.scalars)
        return {name: self.given_if_unknown(name, self.scalars[name]) for name in names}

    def unset(self, name: str) -> None:
        """Forget a variable."""
        self.scalars.pop(name, None)
        self.arrays.pop(name, None)

    def lose(self, name: str, why: str = "") -> None:
        """Take in that only a shell knows a variable's value from here on; its text still tells what it may be."""
        elements = self.arrays.get(name)
        if elements is not None:
            written = f"${{{name}[@]}}"
            elements = elements or (Argument(written, None),)
            unknown = (f"${name}{why}" if why else written,)
            self.arrays[name] = tuple(replace(element, unknown_variables=unknown) for element in elements)
            return
        value = self.scalars.get(name) or Argument(f"${name}", None)
        self.scalars[name] = replace(value, unknown_variables=(f"${name}{why}",))

    def lose_all(self, why: str, line: int | None) -> None:
        """Take in that any variable may have another value from this line on.

        Raises:
            InputError: over the budget.
        """
        self.not_read = why
        self.budget.count(len(self.scalars) + len(self.arrays), line)
        known = [name for name, value in self.scalars.items() if not value.unknown_variables]
        for name in (*known, *self.arrays):
            self.lose(name, why)

    def expand(self, word: Word) -> list[Argument]:
        """Return the words that a word becomes: one, or several by an array or a variable that holds blanks."""
        fields: list[list[Piece]] = [[]]
        unknown: list[str] = []
        is_present = is_empty_array = False
        for part in word.parts:
            if isinstance(part, Variable) and part.is_array and (elements := self.elements_of(part)) is not None:
                is_empty_array = is_empty_array or not elements
                is_present = is_present or bool(elements)
                for index, element in enumerate(elements):
                    self.budget.count(len(element.text), word.line)
                    unknown.extend(element.unknown_variables)
                    if index:
                        fields.append([])
                    fields[-1].append(Piece(element.text, element.line, is_element=True))
                    check_count(len(fields), self.budget.source, word.line)
                continue
            text, line = self.text_of(part, unknown)
            self.budget.count(len(text), word.line)
            is_present = is_present or part.quoted or text != ""
            pieces = [text]
            if isinstance(part, Variable) and not part.quoted:
                pieces = BLANKS.split(text)
            fields[-1].append(Piece(pieces[0], line if len(pieces) > 1 else None))
            fields.extend([Piece(piece, line)] for piece in pieces[1:])
            check_count(len(fields), self.budget.source, word.line)
        if len(fields) > 1 or is_empty_array or not is_present:
            fields = [pieces for pieces in fields if any(piece.text or piece.is_element for piece in pieces)]
        return [self.argument(pieces, word, unknown) for pieces in fields]

    def argument(self, pieces: list[Piece], word: Word, unknown: list[str]) -> Argument:
        """Return one word; it stands where its variable was set when nothing else belongs to it."""
        text = "".join(piece.text for piece in pieces)
        lines = {piece.line for piece in pieces if piece.text}
        line = next(iter(lines)) if len(lines) == 1 else None
        placed = PlacedText.aligned(text, word.raw, word.line) if word.raw else None
        return Argument(text, line or word.line, tuple(dict.fromkeys(unknown)), placed)

    def elements_of(self, variable: Variable) -> tuple[Argument, ...] | None:
        """Return the elements of an array that is known as one."""
        if variable.name in ("@", "*"):
            return self.arguments
        elements = self.arrays.get(variable.name)
        if elements is None or any(element.unknown_variables for element in elements):
            given = self.given.get(variable.name)
            if given is not None:
                return tuple(Argument(text, None) for text in BLANKS.split(given.strip()) if text)
        return elements

    def text_of(self, part: Text | Variable | Elements, unknown: list[str]) -> tuple[str, int | None]:
        """Return a part's text, or how it is written, noted as unknown; and the line of its value."""
        if isinstance(part, Text):
            return part.text, None
        if isinstance(part, Variable):
            for name in part.changes:
                self.lose(name, BY_ARITHMETIC)
        if isinstance(part, Elements):
            unknown.append("(…)")
            return "(…)", None
        value = None if part.is_array else self.value_of(part)
        if value is None:
            unknown.append(part.written)
            return part.written, None
        unknown.extend(name if NAMED.match(name) else f"${part.name}" for name in value.unknown_variables)
        return value.text, None if value.source else value.line

    def value_of(self, variable: Variable) -> Argument | None:
        """Return a variable's value: as the script sets it, else as the person gives it, else its default."""
        name = variable.name
        value = self.argument_of(name) if name.isdigit() else self.scalars.get(name)
        if value is None and name in self.arrays and not variable.is_array:
            elements = self.arrays[name]
            value = elements[0] if elements else Argument("", None)
        value = self.given_if_unknown(name, value)
        is_replaced = value is None or (variable.replaces_empty and not value.text and not value.unknown_variables)
        if is_replaced and name and variable.default is not None:
            unknown = (f"${name}{self.not_read}",) if value is None and self.not_read else ()
            value = Argument(variable.default, None, unknown)
            if variable.assigns:
                self.scalars[name] = value
        return value

    def given_if_unknown(self, name: str, value: ValueT) -> ValueT | Argument:
        """Return a variable's value, or the one that the person gives where it is not known."""
        if value is not None and not value.unknown_variables:
            return value
        given = self.given.get(name) if name else None
        return value if given is None else Argument(given, None)

    def argument_of(self, name: str) -> Argument | None:
        """Return one of the arguments by its number; one that is not given is empty where the others are known."""
        if self.arguments is None:
            return None
        number = int(name) if len(name) < 4 else 0
        if not 1 <= number <= len(self.arguments):
            return None
        return self.arguments[number - 1]


def same(before: tuple[Argument, ...], after: tuple[Argument, ...]) -> bool:
    """Return whether values are known, and the same."""
    is_known = not any(value.unknown_variables for value in (*before, *after))
    return is_known and [value.text for value in before] == [value.text for value in after]


def is_pattern(word: Word) -> bool:
    """Return whether a shell looks for files by a word, or makes several words of it."""
    return any(isinstance(part, Text) and not part.quoted and PATTERN.search(part.text) for part in word.parts)
