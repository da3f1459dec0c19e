"""Runs a function once for every feasible path through it.

Each run replays the decisions that earlier runs have taken and then turns off at the last one that has an
untried side. The solver keeps the conditions of the replayed part, one scope a decision.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import z3

from schedproof_spec.prover import symbolic
from schedproof_spec.prover.inquiry import DEFAULT_RESOURCE_LIMIT, SolverWork, answer

FEASIBILITY_LIMIT = 200_000
"""Resource units for the first look at a question, on the solver that all paths share."""

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
    conditions: Sequence[z3.BoolRef] = ()
    value: Any = None
    is_decision: bool = True


class PathExplorer:
    """Explores functions on one solver; `branch`, `assume` and `check` serve the function during a run."""

    def __init__(self, resource_limit: int = DEFAULT_RESOURCE_LIMIT) -> None:
        self.resource_limit = resource_limit
        self.work = SolverWork()
        self.memory: dict[Hashable, Any] = {}
        """Values of pure functions, which hold on every path."""
        self.drawn: set[str] = set()
        """Names of the values that the current run has drawn."""
        self.solver = z3.Solver()
        self.solver.set("rlimit", FEASIBILITY_LIMIT)
        self._events: list[Event] = []
        self._position = 0
        self._known: dict[int, bool] = {}

    @property
    def is_replaying(self) -> bool:
        """Whether the run is still on a part that an earlier run has walked."""
        return self._position < len(self._events)

    def runs(self, function: Callable[[], Any]) -> Iterator[tuple[Any, Exception | None]]:
        """Yield the result or the exception of each feasible path; the solver then holds its conditions."""
        while True:
            self._position = 0
            self._known.clear()
            self.drawn.clear()
            symbolic.activate(self)
            try:
                outcome: tuple[Any, Exception | None] | None = (function(), None)
            except PathEnded:
                outcome = None
            except Exception as error:
                outcome = (None, error)
            finally:
                symbolic.deactivate()
            if outcome is not None:
                self._count_path()
                yield outcome
            if not self._turn_off():
                return

    def branch(self, conditions: Sequence[z3.BoolRef]) -> int:
        """Follow one of these conditions, of which exactly one holds; the others get their own runs."""
        known = self._known_side(conditions)
        if known is not None:
            return known
        if self.is_replaying:
            event = self._events[self._position]
        else:
            event = Event(sides=self._feasible_sides(conditions), conditions=conditions)
            self._events.append(event)
            self._enter(event)
            if len(self._events) > MAX_DECISIONS:
                raise LimitReached(f"{MAX_DECISIONS} decisions on one path")
        self._position += 1
        self._learn(event)
        return event.sides[0]

    def assume(self, condition: z3.BoolRef) -> None:
        """Restrict the current path."""
        if not self.is_replaying:
            self.solver.add(condition)

    def is_satisfiable(self, *conditions: z3.BoolRef) -> z3.CheckSatResult:
        """Return whether the path allows all conditions: sat, unsat or unknown."""
        self.solver.push()
        self.solver.add(*conditions)
        found = self.work.check(self.solver)
        self.solver.pop()
        if found == z3.unknown:
            found = answer([*self.solver.assertions(), *conditions], self.resource_limit, self.work)
        return found

    def once(self, compute: Callable[[], Any]) -> Any:
        """Return a value that runs with the same beginning share, computed by the first of them."""
        if self.is_replaying:
            event = self._events[self._position]
        else:
            event = Event(is_decision=False, value=compute())
            self._events.append(event)
            self.solver.push()
        self._position += 1
        return event.value

    def decisions(self) -> tuple[Decision, ...]:
        """Return the condition that each decision of the current path follows, with its side."""
        return tuple(
            (event.conditions[event.sides[0]], event.sides[0]) for event in self._events if event.is_decision
        )

    def _feasible_sides(self, conditions: Sequence[z3.BoolRef]) -> list[int]:
        """Return the sides that the solver cannot rule out."""
        sides = [i for i in range(len(conditions) - 1) if self.is_satisfiable(conditions[i]) != z3.unsat]
        last = len(conditions) - 1
        if not sides or self.is_satisfiable(conditions[last]) != z3.unsat:
            sides.append(last)
        if sides == [last] and self.is_satisfiable(conditions[last]) == z3.unsat:
            raise PathEnded
        return sides

    def _enter(self, event: Event) -> None:
        self.solver.push()
        self.solver.add(event.conditions[event.sides[0]])

    def _leave(self) -> None:
        self.solver.pop()

    def _turn_off(self) -> bool:
        """Go back to the last decision with an untried side; return False when there is none."""
        while self._events:
            event = self._events[-1]
            self._leave()
            if len(event.sides) > 1:
                event.sides.pop(0)
                self._enter(event)
                return True
            self._events.pop()
        return False

    def _known_side(self, conditions: Sequence[z3.BoolRef]) -> int | None:
        for side, condition in enumerate(conditions):
            if self._known.get(condition.get_id()):
                return side
        return None

    def _learn(self, event: Event) -> None:
        for side, condition in enumerate(event.conditions):
            self._known[condition.get_id()] = side == event.sides[0]

    def _count_path(self) -> None:
        self.work.num_paths += 1
        if self.work.num_paths > MAX_PATHS:
            raise LimitReached(f"{MAX_PATHS} paths")
