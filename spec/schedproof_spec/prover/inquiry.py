"""Questions to the solver whose answers depend on the question alone.

The solver orders terms by when their context met them, and the order decides how hard a question is. Each inquiry
therefore has a context of its own, which meets the same terms in the same order whatever the process asked before.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import z3

DEFAULT_RESOURCE_LIMIT = 4_000_000
"""Solver resource units for the longest attempt at a question: a count of work, so that load changes no verdict."""

LIMIT_DIVISORS = (32, 32, 16, 16, 8, 4, 1, 1, 1)
"""What the limit is divided by in each attempt at a question; the random seed is the number of the attempt.

Some seeds never settle what most settle at once, so that short attempts come before the long ones.
"""

PLAIN = {"arith.nl.grobner": False}
"""Settings of the plain solver, which settles most questions with the least work."""


class Copies:
    """Copies of terms in a context that meets nothing else, one for each term."""

    def __init__(self) -> None:
        self.context = z3.Context()
        self._known: dict[int, tuple[z3.ExprRef, z3.ExprRef]] = {}
        """With the term, which must outlive its number in the key."""

    def of(self, term: z3.ExprRef) -> z3.ExprRef:
        """Return the copy of a term."""
        key = term.get_id()
        if key not in self._known:
            self._known[key] = term, term.translate(self.context)
        return self._known[key][1]

    def simplified(self, term: z3.ExprRef) -> z3.ExprRef:
        """Return an equal term in the solver's own form, which depends on the terms that were copied before."""
        return z3.simplify(self.of(term)).translate(term.ctx)


@dataclass(slots=True)
class SolverWork:
    """What an exploration cost."""

    num_questions: int = 0
    num_values_left_open: int = 0
    """Questions for a lesser value that were given up."""
    solver_seconds: float = 0.0

    def check(self, solver: z3.Solver) -> z3.CheckSatResult:
        """Ask a solver, counting the question."""
        begin = time.perf_counter()
        answer = solver.check()
        self.solver_seconds += time.perf_counter() - begin
        self.num_questions += 1
        return answer


def answer(conditions: Sequence[z3.BoolRef], resource_limit: int, work: SolverWork) -> z3.CheckSatResult:
    """Return whether the conditions can hold together; unknown when every attempt gives up.

    The plain solver and the one that has every means take turns: each settles some that the other does not.
    """
    for seed, divisor in enumerate(LIMIT_DIVISORS):
        context = z3.Context()
        solver = plain_solver(context) if seed % 2 == 0 else z3.Solver(ctx=context)
        solver.set("rlimit", resource_limit // divisor)
        solver.set("random_seed", seed)
        tell(solver, [condition.translate(context) for condition in conditions])
        found = work.check(solver)
        if found != z3.unknown:
            return found
    return z3.unknown


def plain_solver(context: z3.Context) -> z3.Solver:
    """Return a solver without preparation, which keeps what it found between questions."""
    solver = z3.SimpleSolver(ctx=context)
    for name, value in PLAIN.items():
        solver.set(name, value)
    return solver


def tell(solver: z3.Solver, conditions: Sequence[z3.BoolRef]) -> None:
    """Tell a solver what holds, in terms of its own context."""
    for condition in conditions:
        z3.Z3_solver_assert(solver.ctx.ref(), solver.solver, condition.ast)


class Minimiser:
    """Finds least values under conditions, one measure after the other."""

    def __init__(self, conditions: Sequence[z3.BoolRef], resource_limit: int, work: SolverWork) -> None:
        self.work = work
        self.context = z3.Context()
        self.solver = z3.SimpleSolver(ctx=self.context)
        self.solver.set("rlimit", resource_limit)
        self.solver.add(*(condition.translate(self.context) for condition in conditions))
        self.model = self.solver.model() if self._check() else None

    def least(self, measure: z3.ArithRef) -> int | None:
        """Return the least value of a measure that is not negative, and require it from now on.

        None if nothing is known to satisfy the conditions. A value below which the solver gives up counts as least,
        and the work notes it. The first question is whether the value at hand is the least, which it often is.
        """
        if self.model is None:
            return None
        term = measure.translate(self.context)
        low, high = 0, self.value(measure)
        middle = high - 1
        while low < high:
            if self._has_model(term <= middle):
                high = self.value(measure)
            else:
                low = middle + 1
            middle = (low + high) // 2
        self.solver.add(term == high)
        return high

    def _has_model(self, condition: z3.BoolRef) -> bool:
        self.solver.push()
        self.solver.add(condition)
        found = self._check()
        if found:
            self.model = self.solver.model()
        self.solver.pop()
        return found

    def _check(self) -> bool:
        found = self.work.check(self.solver)
        self.work.num_values_left_open += found == z3.unknown
        return bool(found == z3.sat)

    def value(self, measure: z3.ArithRef) -> int:
        """Return the value of a measure in the state at hand, which there must be."""
        assert self.model is not None
        return int(self.model.eval(measure.translate(self.context), model_completion=True).as_long())
