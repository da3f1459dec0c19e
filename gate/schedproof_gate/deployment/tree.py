"""A parsed document whose every value knows its line, and the limits that all formats share."""

from __future__ import annotations

from dataclasses import dataclass

from schedproof_gate.deployment.placed_text import PlacedText
from schedproof_gate.errors import InputError

MAX_DEPTH = 32
"""Levels of nesting; a deployment needs four."""

MAX_ITEMS = 10_000
"""Keys, list items and values of one document."""

MAX_NUMBER_CHARACTERS = 40
"""Of one number; what is configured has at most ten digits."""

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Node:
    """A value and the line it starts on; a mapping's value has the line of its key."""

    value: Scalar | list[Node] | dict[str, Node]
    line: int
    placed: PlacedText | None = None
    """The lines of a text that begins on another line, or has several."""

    @property
    def text(self) -> PlacedText:
        """A scalar as text, with its lines; nothing is empty text."""
        if self.placed is not None:
            return self.placed
        value = self.value
        if isinstance(value, bool):
            return PlacedText.on_line(str(value).lower(), self.line)
        return PlacedText.on_line("" if value is None else str(value), self.line)

    def get(self, *keys: str) -> Node | None:
        """Return what a mapping holds under keys inside each other, None where there is no such thing."""
        node: Node | None = self
        for key in keys:
            if node is None or not isinstance(node.value, dict):
                return None
            node = node.value.get(key)
        return node

    @property
    def items(self) -> list[Node]:
        """The items of a list; none for anything else."""
        return self.value if isinstance(self.value, list) else []

    @property
    def members(self) -> dict[str, Node]:
        """The members of a mapping; none for anything else."""
        return self.value if isinstance(self.value, dict) else {}


def check_depth(depth: int, source: str, line: int) -> None:
    """Refuse nesting that no deployment has.

    Raises:
        InputError: the depth is over the limit.
    """
    if depth > MAX_DEPTH:
        raise InputError(
            f"more than {MAX_DEPTH} levels of nesting", source=source, line=line, advice="write the flags flat"
        )


def check_count(count: int, source: str, line: int) -> None:
    """Refuse a document with too many parts.

    Raises:
        InputError: the count is over the limit.
    """
    if count > MAX_ITEMS:
        raise InputError(
            f"more than {MAX_ITEMS} keys and values", source=source, line=line, advice="give the deployment alone"
        )


def check_number(num_characters: int, source: str, line: int, key: str = "") -> None:
    """Refuse a number that is longer than any that is configured.

    Raises:
        InputError: it is.
    """
    if num_characters > MAX_NUMBER_CHARACTERS:
        raise InputError(
            f"a number of {num_characters} characters",
            source=source,
            line=line,
            key=key,
            advice="give a smaller number",
        )


def duplicate_key(key: str, source: str, line: int, first_line: int | None = None) -> InputError:
    """Return the error for a key that stands twice in one mapping."""
    where = "" if first_line is None else f" (first on line {first_line})"
    return InputError(
        f"the key is given twice{where}", source=source, line=line, key=key, advice="keep the one that counts"
    )
