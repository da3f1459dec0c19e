"""Finds the smallest state that refutes a claim: least sum of all numbers first, then the earlier numbers."""

from __future__ import annotations

from dataclasses import dataclass

import z3

from schedproof_spec.prover.context import SymbolicContext
from schedproof_spec.prover.paths import PathExplorer, SolverWork


@dataclass(slots=True)
class Refutation:
    """A refuted claim, the conditions of its path, and the smallest size found there."""

    label: str
    conditions: list[z3.BoolRef]
    size: int
    model: z3.ModelRef


class SearchContext(SymbolicContext):
    """Looks through every path and keeps the smallest refutation."""

    def __init__(self, explorer: PathExplorer) -> None:
        super().__init__(explorer)
        self.smallest: Refutation | None = None

    def on_refuted(self, label: str, broken: z3.BoolRef) -> None:
        """Keep this refutation if it is smaller than the smallest so far."""
        conditions = [*self.explorer.solver.assertions(), broken]
        size = size_of(self.inputs)
        bound = [] if self.smallest is None else [size < self.smallest.size]
        found = minimise(size, [*conditions, *bound], self.explorer)
        if found is not None:
            value, model = found
            self.smallest = Refutation(label=label, conditions=conditions, size=value, model=model)

    def smallest_values(self) -> dict[str, int]:
        """Return the numbers of the smallest state, by input name."""
        assert self.smallest is not None
        fixed = [*self.smallest.conditions, size_of(self.inputs) == self.smallest.size]
        model = self.smallest.model
        for term in self.inputs.values():
            number = as_number(term)
            found = minimise(number, fixed, self.explorer, start=model)
            if found is not None:
                value, model = found
                fixed.append(number == value)
        return {name: value_in(model, as_number(term)) for name, term in self.inputs.items()}


def minimise(
    measure: z3.ArithRef,
    conditions: list[z3.BoolRef],
    explorer: PathExplorer,
    start: z3.ModelRef | None = None,
) -> tuple[int, z3.ModelRef] | None:
    """Return the least value of a measure that is never negative, with a model; None if none was found."""
    solver = z3.Solver()
    solver.set("rlimit", explorer.resource_limit)
    solver.add(*conditions)
    model = start if start is not None else next_model(solver, explorer.work)
    if model is None:
        return None
    high = value_in(model, measure)
    low = 0
    while low < high:
        middle = (low + high) // 2
        smaller = next_model(solver, explorer.work, measure <= middle)
        if smaller is None:
            low = middle + 1
        else:
            model = smaller
            high = value_in(model, measure)
    return high, model


def next_model(solver: z3.Solver, work: SolverWork, *conditions: z3.BoolRef) -> z3.ModelRef | None:
    """Return a model under extra conditions, None when the solver finds none."""
    work.num_questions += 1
    solver.push()
    solver.add(*conditions)
    model = solver.model() if solver.check() == z3.sat else None
    solver.pop()
    return model


def size_of(inputs: dict[str, z3.ExprRef]) -> z3.ArithRef:
    """Return the sum of all inputs; truth values and choices count by their index."""
    return z3.Sum([z3.IntVal(0), *(magnitude(term) for term in inputs.values())])


def magnitude(term: z3.ExprRef) -> z3.ArithRef:
    """Return the absolute value of an input."""
    number = as_number(term)
    return z3.If(number >= 0, number, -number)


def as_number(term: z3.ExprRef) -> z3.ArithRef:
    """Return an input as an integer term."""
    return z3.If(term, z3.IntVal(1), z3.IntVal(0)) if z3.is_bool(term) else term


def value_in(model: z3.ModelRef, term: z3.ArithRef) -> int:
    """Return the value of a term, with unconstrained inputs as 0."""
    return int(model.eval(term, model_completion=True).as_long())
