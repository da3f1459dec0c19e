"""A parsed document whose every value knows its line, and the limits that all formats share."""

from __future__ import annotations

from dataclasses import dataclass

from schedproof_gate.errors import InputError

MAX_DEPTH = 32
"""Levels of nesting; a deployment needs four."""

MAX_ITEMS = 10_000
"""Keys, list items and values of one document."""

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Node:
    """A value and the line it starts on; a mapping's value has the line of its key."""

    value: Scalar | list[Node] | dict[str, Node]
    line: int


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


def duplicate_key(key: str, source: str, line: int, first_line: int | None = None) -> InputError:
    """Return the error for a key that stands twice in one mapping."""
    where = "" if first_line is None else f" (first on line {first_line})"
    return InputError(
        f"the key is given twice{where}", source=source, line=line, key=key, advice="keep the one that counts"
    )
