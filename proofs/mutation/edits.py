"""What a change puts in the place of a node."""

from __future__ import annotations

import ast
import copy
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Edit:
    """The node in the place of another, and what to call the two where their own first lines would not do."""

    node: ast.AST
    old: str = ""
    new: str = ""


def with_field(node: ast.AST, name: str, value: Any, old: str = "", new: str = "") -> Edit:
    """Return the edit that changes one field of a node."""
    changed = copy.copy(node)
    setattr(changed, name, value)
    return Edit(changed, old, new)


def with_item(items: list[Any], index: int, item: Any) -> list[Any]:
    """Return a list with another item."""
    return [*items[:index], item, *items[index + 1 :]]


def without_item(items: list[Any], index: int) -> list[Any]:
    """Return a list without an item."""
    return [*items[:index], *items[index + 1 :]]
