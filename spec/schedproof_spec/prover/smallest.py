"""Finds the smallest state that refutes a claim: least sum of all numbers first, then the earlier numbers."""

from __future__ import annotations

from dataclasses import dataclass

import z3

from schedproof_spec.prover.context import SymbolicContext
from schedproof_spec.prover.inquiry import Minimiser
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
        least = Minimiser([*conditions, *bound], self.explorer.resource_limit, self.explorer.work).least(size)
        if least is not None:
            self.smallest = Refutation(label=label, conditions=conditions, size=least)

    def smallest_values(self) -> dict[str, int]:
        """Return the numbers of the smallest state, by input name."""
        assert self.smallest is not None
        conditions = [*self.smallest.conditions, size_of(self.inputs) == self.smallest.size]
        minimiser = Minimiser(conditions, self.explorer.resource_limit, self.explorer.work)
        return {name: minimiser.least(as_number(term)) or 0 for name, term in self.inputs.items()}


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
