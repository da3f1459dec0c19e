"""Runs a function once for every way through its decisions.

Each run replays the decisions that earlier runs have taken and then turns off at the last one that has an
untried side.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any

import z3

from schedproof_spec.prover import symbolic, terms
from schedproof_spec.prover.failures import failure_behind
from schedproof_spec.prover.symbolic import Split, SymBool

MAX_PATHS = 20_000
MAX_DECISIONS = 400


class PathEnded(BaseException):
    """Nothing satisfies the conditions of the current path; not an error of the function under proof."""


class LimitReached(BaseException):
    """The exploration met a limit, which the message names."""


Decision = tuple[z3.BoolRef, int]
"""The condition that a path follows at one point, and which of the sides it is."""


@dataclass(slots=True)
class Event:
    """One recorded step of a path: a decision with the sides still to try, or a value computed once."""

    sides: list[int] = field(default_factory=list)
    """The first is the one that the path follows."""
    split: Split | None = None
    """What the sides are; None where nothing is decided."""
    models: dict[int, z3.ModelRef] = field(default_factory=dict)
    """A state that takes a side, where one is known."""
    open_sides: set[int] = field(default_factory=set)
    """Sides of which it was not settled whether a state takes them."""
    value: Any = None


class PathWalker:
    """Follows every side of every decision, whether or not a state takes it; asks no solver."""

    def __init__(self, memory: dict[Hashable, Any], identities: dict[int, tuple[Any, Hashable]]) -> None:
        self.memory = memory
        """Terms and values of pure functions, which hold on every path."""
        self.identities = identities
        """What tells the objects of the current run from others, by their address; it keeps them alive."""
        self.num_paths = 0
        self._events: list[Event] = []
        self._position = 0
        self._known: dict[int, bool] = {}

    @property
    def is_replaying(self) -> bool:
        """Whether the run is still on a part that an earlier run has walked."""
        return self._position < len(self._events)

    def runs(self, function: Callable[[], Any]) -> Iterator[tuple[Any, Exception | None]]:
        """Yield the result or the exception of each path."""
        while True:
            self._begin()
            symbolic.activate(self)
            try:
                outcome: tuple[Any, Exception | None] | None = (function(), None)
            except PathEnded:
                outcome = None
            except Exception as error:
                outcome = (None, failure_behind(error))
            finally:
                symbolic.deactivate()
            if outcome is not None:
                self.num_paths += 1
                if self.num_paths > MAX_PATHS:
                    raise LimitReached(f"{MAX_PATHS} paths")
                yield outcome
            if not self._turn_off():
                return

    def branch(self, split: Split) -> int:
        """Follow one of these conditions; the others get their own runs."""
        for side, key in enumerate(split.keys):
            if self._known.get(key):
                return side
        return self._decide(lambda: split)

    def holds(self, condition: SymBool) -> bool:
        """Follow a condition or its opposite; the other gets a run of its own."""
        known = self._known.get(condition.key)
        if known is not None:
            return known
        return self._decide(lambda: self._halves(condition)) == 0

    def once(self, compute: Callable[[], Any]) -> Any:
        """Return a value that runs with the same beginning share, computed by the first of them."""
        if self.is_replaying:
            event = self._events[self._position]
        else:
            event = Event(value=compute())
            self._record(event)
        self._position += 1
        return event.value

    def decisions(self) -> tuple[Decision, ...]:
        """Return the condition that each decision of the current path follows, with its side."""
        return tuple(
            [(event.split.conditions[event.sides[0]], event.sides[0]) for event in self._events if event.split]
        )

    def _halves(self, condition: SymBool) -> Split:
        key = (operator.not_, condition.key)
        known: Split | None = self.memory.get(key)
        if known is None:
            known = self.memory[key] = Split((condition.term, terms.negation(condition.term)))
        return known

    def _decide(self, split: Callable[[], Split]) -> int:
        """Take the side that an earlier run took here, or the first side of a new decision."""
        if self.is_replaying:
            event = self._events[self._position]
        else:
            event = self._decision(split())
            self._record(event)
            if len(self._events) > MAX_DECISIONS:
                raise LimitReached(f"{MAX_DECISIONS} decisions on one path")
        self._position += 1
        assert event.split is not None
        taken = event.sides[0]
        for side, key in enumerate(event.split.keys):
            self._known[key] = side == taken
        return taken

    def _decision(self, split: Split) -> Event:
        """Return a new decision with the sides to try."""
        return Event(sides=list(range(len(split.conditions))), split=split)

    def _begin(self) -> None:
        """Start a run."""
        self._position = 0
        self._known.clear()

    def _record(self, event: Event) -> None:
        self._events.append(event)
        self._enter(event)

    def _turn_off(self) -> bool:
        """Go back to the last decision with an untried side; return False when there is none."""
        while self._events:
            event = self._events[-1]
            self._leave(event)
            if len(event.sides) > 1:
                event.sides.pop(0)
                self._enter(event)
                return True
            self._events.pop()
        return False

    def _enter(self, event: Event) -> None:
        """Begin what is beyond an event."""

    def _leave(self, event: Event) -> None:
        """End what is beyond an event."""
