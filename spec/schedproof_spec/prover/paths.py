"""Runs a function once for every path through it that the solver cannot rule out at a glance.

The solver keeps the conditions of the path, one scope a decision, and a state that takes the path where it has
named one: a side that this state takes needs no question. A side that no state takes is nearly always ruled out
within little work; where that is not enough the side is followed, and whatever is claimed there is asked with every
means. So no state is left out, and no question that settles nothing is asked for long.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import z3

from schedproof_spec.prover.inquiry import DEFAULT_RESOURCE_LIMIT, Copies, SolverWork, answer, plain_solver, tell
from schedproof_spec.prover.symbolic import TRUE, Split
from schedproof_spec.prover.walk import Event, PathEnded, PathWalker

FIRST_LOOK = 20_000
"""Resource units after which the solver that all paths share gives up; what it leaves open is asked anew."""

GLANCE = 8_000
"""Resource units after which the side of a decision counts as possible."""


class PathExplorer(PathWalker):
    """Explores functions on one solver; `branch`, `assume` and `is_satisfiable` serve the function during a run."""

    def __init__(self, resource_limit: int = DEFAULT_RESOURCE_LIMIT) -> None:
        super().__init__(memory={}, identities={})
        self.resource_limit = resource_limit
        self.work = SolverWork()
        self.drawn: set[str] = set()
        """Names of the values that the current run has drawn."""
        self.bound: z3.BoolRef | None = None
        """What a state must satisfy to be looked for on the paths that are still to come."""
        self._copies = Copies()
        self._solver = plain_solver(self._copies.context)
        self._solver.set("rlimit", FIRST_LOOK)
        self._num_scopes = 0
        self._model: z3.ModelRef | None = None
        """A state of the current path, when one is known."""
        self._num_told_when_open: list[int] = []
        """How much the solver was told up to each decision of the current path whose side is open."""

    def assume(self, condition: z3.BoolRef) -> None:
        """Restrict the current path."""
        if not self.is_replaying:
            self._require(condition)

    def is_satisfiable(self, *conditions: z3.BoolRef) -> z3.CheckSatResult:
        """Return whether the path allows all conditions: sat, unsat or unknown."""
        found, _ = self._ask(*conditions)
        return found

    def is_possible(self) -> bool:
        """Return whether some state is known to take the current path, under all that the solver was told."""
        has_more = self._solver.num_scopes() != self._num_scopes
        if self._model is not None and not has_more:
            return True
        found, model = self._ask()
        if not has_more:
            self._model = model
        return bool(found == z3.sat)

    def is_ruled_out(self) -> bool:
        """Return whether no state takes the path's decisions, which a glance has left open."""
        if not self._num_told_when_open:
            return False
        told = list(self._solver.assertions())[: self._num_told_when_open[-1]]
        return bool(answer(told, self.resource_limit, self.work) == z3.unsat)

    def _ask(self, *conditions: z3.BoolRef) -> tuple[z3.CheckSatResult, z3.ModelRef | None]:
        """Ask whether the path allows all conditions; a state is named where the first look finds one."""
        with self.supposing(*conditions):
            found, model = self.look()
            if found == z3.unknown:
                found = answer(self._solver.assertions(), self.resource_limit, self.work)
            return found, model

    def look(self) -> tuple[z3.CheckSatResult, z3.ModelRef | None]:
        """Ask whether the path allows what the solver was told, at little cost; name a state that it allows."""
        found = self.work.check(self._solver)
        return found, self._solver.model() if found == z3.sat else None

    def value_in(self, state: z3.ModelRef, term: z3.ExprRef) -> z3.ExprRef:
        """Return what a term is in a state."""
        return state.eval(self._copies.of(term), model_completion=True)

    @contextmanager
    def supposing(self, *conditions: z3.BoolRef) -> Iterator[None]:
        """Restrict the current path to the states of these conditions, for a while."""
        self._solver.push()
        self.tell(*conditions)
        try:
            yield
        finally:
            self._solver.pop()

    def conditions(self) -> list[z3.BoolRef]:
        """Return what the solver was told of the current path."""
        return [condition.translate(z3.main_ctx()) for condition in self._solver.assertions()]

    def tell(self, *conditions: z3.BoolRef) -> None:
        """Tell the solver what holds."""
        tell(self._solver, [self._copies.of(condition) for condition in conditions])

    def _decision(self, split: Split) -> Event:
        """Return a new decision with the sides that the solver cannot rule out."""
        event = super()._decision(split)
        for side, condition in enumerate(split.conditions):
            found, model = self._state_with(condition)
            if found == z3.unsat:
                event.sides.remove(side)
            elif model is not None:
                event.models[side] = model
            if found == z3.unknown:
                event.open_sides.add(side)
        if not event.sides:
            raise PathEnded
        return event

    def _allows(self, condition: z3.BoolRef) -> bool:
        """Return whether the state at hand satisfies a condition."""
        return self._model is not None and self.value_in(self._model, condition).eq(self._copies.of(TRUE))

    def _state_with(self, condition: z3.BoolRef) -> tuple[z3.CheckSatResult, z3.ModelRef | None]:
        if self._allows(condition):
            return z3.sat, self._model
        self._solver.set("rlimit", GLANCE)
        try:
            with self.supposing(condition):
                return self.look()
        finally:
            self._solver.set("rlimit", FIRST_LOOK)

    def _require(self, condition: z3.BoolRef) -> None:
        self.tell(condition)
        if not self._allows(condition):
            self._model = None

    def _begin(self) -> None:
        super()._begin()
        self.drawn.clear()
        self.identities.clear()

    def _turn_off(self) -> bool:
        turned = super()._turn_off()
        if turned and self.bound is not None:
            self._require(self.bound)
        return turned

    def _enter(self, event: Event) -> None:
        if event.split is not None:
            self._solver.push()
            self._num_scopes += 1
            self.tell(event.split.conditions[event.sides[0]])
            self._model = event.models.get(event.sides[0])
            if event.sides[0] in event.open_sides:
                self._num_told_when_open.append(len(self._solver.assertions()))

    def _leave(self, event: Event) -> None:
        if event.split is not None:
            self._solver.pop()
            self._num_scopes -= 1
            if event.sides[0] in event.open_sides:
                self._num_told_when_open.pop()
