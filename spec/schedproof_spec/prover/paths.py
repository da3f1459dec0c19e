"""Runs a function once for every feasible path through it.

The solver keeps the conditions of the path, one scope a decision, and a state that takes the path where it has
named one: a side that this state takes needs no question.
"""

from __future__ import annotations

import z3

from schedproof_spec.prover import symbolic
from schedproof_spec.prover.inquiry import DEFAULT_RESOURCE_LIMIT, SolverWork, answer
from schedproof_spec.prover.symbolic import Split
from schedproof_spec.prover.walk import Event, PathEnded, PathWalker

FIRST_LOOK = {"rlimit": 200_000, "arith.nl.grobner": False}
"""The plain solver that all paths share gives up early; what it leaves open is asked again with every means."""


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
        self.solver = z3.SimpleSolver()
        self.solver.set(**FIRST_LOOK)
        self._num_scopes = 0
        self._model: z3.ModelRef | None = None
        """A state of the current path, when one is known."""

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
        has_more = self.solver.num_scopes() != self._num_scopes
        if self._model is not None and not has_more:
            return True
        found, model = self._ask()
        if not has_more:
            self._model = model
        return bool(found == z3.sat)

    def _ask(self, *conditions: z3.BoolRef) -> tuple[z3.CheckSatResult, z3.ModelRef | None]:
        """Ask whether the path allows all conditions; the first look names a state that it allows."""
        self.solver.push()
        self.solver.add(*conditions)
        found = self.work.check(self.solver)
        model = self.solver.model() if found == z3.sat else None
        self.solver.pop()
        if found == z3.unknown:
            found = answer([*self.solver.assertions(), *conditions], self.resource_limit, self.work)
        return found, model

    def _decision(self, split: Split) -> Event:
        """Return a new decision with the sides that the solver cannot rule out."""
        event = super()._decision(split)
        for side, condition in enumerate(split.conditions):
            found, model = self._state_with(condition)
            if found == z3.unsat:
                event.sides.remove(side)
            elif model is not None:
                event.models[side] = model
        if not event.sides:
            raise PathEnded
        return event

    def _state_with(self, condition: z3.BoolRef) -> tuple[z3.CheckSatResult, z3.ModelRef | None]:
        if self._model is not None and is_true_in(self._model, condition):
            return z3.sat, self._model
        return self._ask(condition)

    def _require(self, condition: z3.BoolRef) -> None:
        self.solver.add(condition)
        if self._model is not None and not is_true_in(self._model, condition):
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
            self.solver.push()
            self._num_scopes += 1
            self.solver.add(event.split.conditions[event.sides[0]])
            self._model = event.models.get(event.sides[0])

    def _leave(self, event: Event) -> None:
        if event.split is not None:
            self.solver.pop()
            self._num_scopes -= 1


def is_true_in(model: z3.ModelRef, condition: z3.BoolRef) -> bool:
    """Return whether a state satisfies a condition."""
    value: z3.BoolRef = model.eval(condition, model_completion=True)
    return bool(value.eq(symbolic.TRUE))
