"""Questions to the solver whose answers depend on the question alone.

Each inquiry has a solver context of its own: what the process asked before changes neither the answer nor the
model, nor whether a hard question is given up.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import z3

DEFAULT_RESOURCE_LIMIT = 4_000_000
"""Solver resource units for one attempt at a question: a count of work, so that load changes no verdict."""

SEEDS = (0, 1, 2)
"""An attempt that gives up is repeated with the next seed."""


@dataclass(slots=True)
class SolverWork:
    """What an exploration cost."""

    num_paths: int = 0
    num_questions: int = 0
    solver_seconds: float = 0.0

    def check(self, solver: z3.Solver) -> z3.CheckSatResult:
        """Ask a solver, counting the question."""
        begin = time.perf_counter()
        answer = solver.check()
        self.solver_seconds += time.perf_counter() - begin
        self.num_questions += 1
        return answer


class Inquiry:
    """Conditions in a context of their own; `ask` can be repeated with further conditions."""

    def __init__(self, conditions: Sequence[z3.BoolRef], resource_limit: int, work: SolverWork) -> None:
        self.work = work
        self.context = z3.Context()
        self.conditions = [condition.translate(self.context) for condition in conditions]
        self.resource_limit = resource_limit

    def ask(self, *further: z3.BoolRef) -> tuple[z3.CheckSatResult, z3.ModelRef | None]:
        """Return sat with a model, unsat, or unknown when every attempt gives up."""
        translated = [condition.translate(self.context) for condition in further]
        for seed in SEEDS:
            solver = z3.Solver(ctx=self.context)
            solver.set("rlimit", self.resource_limit)
            solver.set("random_seed", seed)
            solver.add(*self.conditions, *translated)
            answer = self.work.check(solver)
            if answer == z3.sat:
                return answer, solver.model()
            if answer == z3.unsat:
                return answer, None
        return z3.unknown, None

    def require(self, condition: z3.BoolRef) -> None:
        """Add a condition to every later question."""
        self.conditions.append(condition.translate(self.context))

    def value(self, model: z3.ModelRef, term: z3.ArithRef) -> int:
        """Return the value of a term in a model of this inquiry, with unconstrained inputs as 0."""
        return int(model.eval(term.translate(self.context), model_completion=True).as_long())
