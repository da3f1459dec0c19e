"""Finds the smallest state that refutes a claim: least sum of all numbers first, then the earlier numbers."""

from __future__ import annotations

from dataclasses import dataclass

import z3

from schedproof_spec.prover.context import SymbolicContext
from schedproof_spec.prover.inquiry import Inquiry, SolverWork
from schedproof_spec.prover.paths import PathExplorer


@dataclass(frozen=True, slots=True)
class Refutation:
    """A refuted claim, the conditions of its path, and the smallest size found there."""

    label: str
    conditions: list[z3.BoolRef]
    size: int


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
        least = minimum(size, [*conditions, *bound], self.explorer.resource_limit, self.explorer.work)
        if least is not None:
            self.smallest = Refutation(label=label, conditions=conditions, size=least)

    def smallest_values(self) -> dict[str, int]:
        """Return the numbers of the smallest state, by input name."""
        assert self.smallest is not None
        conditions = [*self.smallest.conditions, size_of(self.inputs) == self.smallest.size]
        inquiry = Inquiry(conditions, self.explorer.resource_limit, self.explorer.work)
        values: dict[str, int] = {}
        for name, term in self.inputs.items():
            number = as_number(term)
            least = minimum_in(inquiry, number)
            values[name] = 0 if least is None else least
            inquiry.require(number == values[name])
        return values


def minimum(
    measure: z3.ArithRef, conditions: list[z3.BoolRef], resource_limit: int, work: SolverWork
) -> int | None:
    """Return the least value of a measure under conditions, None if nothing satisfies them."""
    return minimum_in(Inquiry(conditions, resource_limit, work), measure)


def minimum_in(inquiry: Inquiry, measure: z3.ArithRef) -> int | None:
    """Return the least value of a measure that is not negative, or any negative value if it is; by halving."""
    answer, model = inquiry.ask()
    if model is None:
        return None
    low, high = 0, inquiry.value(model, measure)
    while low < high:
        middle = (low + high) // 2
        answer, model = inquiry.ask(measure <= middle)
        if answer == z3.sat and model is not None:
            high = inquiry.value(model, measure)
        else:
            low = middle + 1
    return high


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
