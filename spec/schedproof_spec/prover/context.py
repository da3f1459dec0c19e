"""What a theorem talks to: it draws values, assumes, proves. The same theorem runs on symbols and on numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol, TypeVar

import z3

from schedproof_spec.prover.merge import merged
from schedproof_spec.prover.paths import PathExplorer
from schedproof_spec.prover.symbolic import (
    SymBool,
    SymEnum,
    SymInt,
    UnsupportedError,
    active,
    term_of,
    values_split,
)
from schedproof_spec.prover.walk import PathEnded

T = TypeVar("T")
E = TypeVar("E", bound=Enum)


class Context(Protocol):
    """The prover's side of a theorem."""

    def integer(self, name: str, low: int | None = None, high: int | None = None) -> Any:
        """Draw an integer between two bounds, both included; None leaves a side open."""

    def boolean(self, name: str) -> Any:
        """Draw a truth value."""

    def member(self, name: str, enum: type[E]) -> E:
        """Draw a member of an enum; the path splits only where the member is looked at."""

    def one_of(self, name: str, values: Sequence[T]) -> T:
        """Draw one of these values; the path splits at once."""

    def assume(self, condition: Any) -> None:
        """Leave out every state in which this does not hold."""

    def merged(self, function: Callable[[], T]) -> T:
        """Return the function's value over all its paths as one value."""

    def prove(self, label: str, condition: Any) -> None:
        """Claim that this holds in every state that gets here."""

    def cover(self, label: str) -> None:
        """Claim that some state gets here."""


class AssumptionFailedError(Exception):
    """Numbers were given that the theorem's assumptions leave out."""


class Refuted(BaseException):
    """A claim does not hold; ends the exploration."""


@dataclass(slots=True)
class Claims:
    """What a theorem claimed and what became of it."""

    proved: set[str] = field(default_factory=set)
    reached: set[str] = field(default_factory=set)
    """Claims and covers that some state gets to."""
    refuted: str | None = None
    undecided: str | None = None
    unsupported: str | None = None
    """What the prover cannot follow on some path."""


class SymbolicContext:
    """Draws symbols; `prove` asks the solver about every state of the current path at once."""

    def __init__(self, explorer: PathExplorer) -> None:
        self.explorer = explorer
        self.inputs: dict[str, z3.ExprRef] = {}
        self.claims = Claims()

    def integer(self, name: str, low: int | None = None, high: int | None = None) -> SymInt:
        """Draw any integer within the bounds."""
        number: SymInt = self._draw(name, SymInt, z3.Int)
        if low is not None:
            self.assume(number >= low)
        if high is not None:
            self.assume(number <= high)
        return number

    def boolean(self, name: str) -> SymBool:
        """Draw any truth value."""
        truth: SymBool = self._draw(name, SymBool, z3.Bool)
        return truth

    def _draw(self, name: str, kind: type, constant: Callable[[str], z3.ExprRef]) -> Any:
        if name in self.explorer.drawn or active() is not self.explorer:
            raise UnsupportedError(f"{name} is drawn twice on one path, or inside a merged function")
        self.explorer.drawn.add(name)
        symbol = self.explorer.memory.get((kind, name))
        if symbol is None:
            symbol = self.explorer.memory[kind, name] = kind(constant(name))
        self.inputs[name] = symbol.term
        return symbol

    def member(self, name: str, enum: type[E]) -> E:
        """Draw any member."""
        members = tuple(enum)
        return SymEnum(self.integer(name, 0, len(members) - 1), members)  # type: ignore[return-value]

    def one_of(self, name: str, values: Sequence[T]) -> T:
        """Draw any of the values on a path of its own."""
        index = self.integer(name, 0, len(values) - 1)
        return values[self.explorer.branch(values_split(index, len(values)))]

    def assume(self, condition: Any) -> None:
        """Add a condition to the current path; one that is plainly false ends it."""
        if condition is False:
            raise PathEnded
        self.explorer.assume(_truth_term(condition))

    def merged(self, function: Callable[[], T]) -> T:
        """Merge the function's paths into one conditional value."""
        value: T = merged(self.explorer, function)
        return value

    def prove(self, label: str, condition: Any) -> None:
        """Ask whether a state of this path breaks the condition; the first such state ends the exploration."""
        if self.explorer.is_replaying:
            return
        self.cover(label)
        if label not in self.claims.reached and self.explorer.is_ruled_out():
            raise PathEnded
        if condition is True:
            self.claims.proved.add(label)
            return
        broken = z3.Not(_truth_term(condition))
        answer = self.explorer.is_satisfiable(broken)
        if answer == z3.unsat:
            self.claims.proved.add(label)
        elif answer == z3.sat:
            self.claims.refuted = label
            self.on_refuted(label, broken)
        else:
            self.claims.undecided = label

    def on_refuted(self, label: str, broken: z3.BoolRef) -> None:
        """Stop at the first refuted claim."""
        raise Refuted(label)

    def cover(self, label: str) -> None:
        """Note that a state gets here, if one does."""
        if label not in self.claims.reached and self.explorer.is_possible():
            self.claims.reached.add(label)


class ConcreteContext:
    """Runs a theorem on given numbers, through the very functions that it is about."""

    def __init__(self, values: Mapping[str, int]) -> None:
        self.values = values
        self.failed: list[str] = []

    def integer(self, name: str, low: int | None = None, high: int | None = None) -> int:
        """Return the given number."""
        value = self._given(name)
        self.assume((low is None or value >= low) and (high is None or value <= high))
        return value

    def _given(self, name: str) -> int:
        if name not in self.values:
            raise AssumptionFailedError(f"no number is given for {name}")
        return self.values[name]

    def boolean(self, name: str) -> bool:
        """Return the given truth value."""
        return bool(self._given(name))

    def member(self, name: str, enum: type[E]) -> E:
        """Return the member with the given index."""
        return tuple(enum)[self._given(name)]

    def one_of(self, name: str, values: Sequence[T]) -> T:
        """Return the value with the given index."""
        return values[self._given(name)]

    def assume(self, condition: Any) -> None:
        """Refuse numbers that the theorem leaves out."""
        if not condition:
            raise AssumptionFailedError

    def merged(self, function: Callable[[], T]) -> T:
        """Call the function."""
        return function()

    def prove(self, label: str, condition: Any) -> None:
        """Note a claim that fails for these numbers."""
        if not condition:
            self.failed.append(label)

    def cover(self, label: str) -> None:
        """Do nothing: a run on numbers covers one path only."""


class RecordingContext(ConcreteContext):
    """Remembers which numbers a theorem looks at."""

    def __init__(self, values: Mapping[str, int]) -> None:
        super().__init__(values)
        self.drawn: dict[str, None] = {}

    def _given(self, name: str) -> int:
        self.drawn[name] = None
        return super()._given(name)


def _truth_term(condition: Any) -> z3.BoolRef:
    term = term_of(condition)
    if term is None or not z3.is_bool(term):
        raise TypeError(f"{condition!r} is not a truth value")
    return term
