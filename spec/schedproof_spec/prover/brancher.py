"""Who decides which way a path goes, where Python asks a symbol for its truth."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

import z3

from schedproof_spec.prover.unsupported import UnsupportedError

if TYPE_CHECKING:
    from schedproof_spec.prover.symbolic import SymBool, SymInt


class Split:
    """Conditions of which exactly one holds."""

    __slots__ = ("conditions", "keys")

    def __init__(self, conditions: Iterable[z3.BoolRef]) -> None:
        self.conditions = tuple(conditions)
        self.keys = tuple([condition.get_id() for condition in self.conditions])
        """What tells the conditions from others."""


class Brancher(Protocol):
    """Decides, once for each path, which way it goes."""

    memory: dict[Hashable, Any]
    """What has been computed of symbols; it holds on every path."""

    def branch(self, split: Split) -> int:
        """Return the index of the condition that this path follows."""

    def holds(self, condition: SymBool) -> bool:
        """Return whether this path follows the condition, or its opposite."""


_branchers: list[Brancher] = []


def activate(brancher: Brancher) -> None:
    """Make this brancher the one that decides, until `deactivate`."""
    _branchers.append(brancher)


def deactivate() -> None:
    """Return to the brancher that was active before."""
    _branchers.pop()


def active() -> Brancher | None:
    """Return the brancher that decides now; None when everything is a number."""
    return _branchers[-1] if _branchers else None


def deciding() -> Brancher:
    """Return the brancher that decides now, which there must be."""
    brancher = active()
    if brancher is None:
        raise UnsupportedError("a symbolic value has no truth value outside the prover")
    return brancher


def values_split(number: SymInt, num_values: int) -> Split:
    """Return the split into the values 0, 1, ... of a number that has no other."""
    memory, key = deciding().memory, (Split, number.key, num_values)
    known: Split | None = memory.get(key)
    if known is None:
        known = memory[key] = Split(number.term == value for value in range(num_values))
    return known
