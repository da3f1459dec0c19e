"""Finds the smallest state that refutes a claim: least sum of all numbers first, then the earlier numbers."""

from __future__ import annotations

from dataclasses import dataclass

import z3

from schedproof_spec.prover.context import SymbolicContext
from schedproof_spec.prover.inquiry import Minimiser
from schedproof_spec.prover.paths import PathExplorer


@dataclass(frozen=True, slots=True)
class Refutation:
    """A refuted claim, the conditions of its path, and a state of the smallest size found there."""

    label: str
    conditions: list[z3.BoolRef]
    size: int
    numbers: dict[str, int]


class SearchContext(SymbolicContext):
    """Looks through every path and keeps the smallest refutations, one a path."""

    def __init__(self, explorer: PathExplorer) -> None:
        super().__init__(explorer)
        self.smallest: list[Refutation] = []

    def on_refuted(self, label: str, broken: z3.BoolRef) -> None:
        """Keep this refutation if none is smaller."""
        conditions = [*self.explorer.conditions(), broken]
        size = size_of(self.inputs)
        bound = [size <= self.smallest[0].size] if self.smallest else []
        minimiser = self._minimiser([*conditions, *bound])
        least = minimiser.least(size)
        if least is None:
            return
        if self.smallest and least < self.smallest[0].size:
            self.smallest.clear()
        numbers = {name: minimiser.value(as_number(term)) for name, term in self.inputs.items()}
        self.smallest.append(Refutation(label=label, conditions=conditions, size=least, numbers=numbers))
        self.explorer.bound = size <= least

    def smallest_state(self) -> tuple[str, dict[str, int]]:
        """Return the claim that the smallest state refutes, and the state's numbers by input name."""
        found = []
        for refutation in self.smallest:
            minimiser = self._minimiser([*refutation.conditions, size_of(self.inputs) == refutation.size])
            least = {name: minimiser.least(as_number(term)) for name, term in self.inputs.items()}
            numbers = [refutation.numbers.get(name, 0) if low is None else low for name, low in least.items()]
            found.append((numbers, refutation.label))
        numbers, label = min(found)
        return label, dict(zip(self.inputs, numbers, strict=True))

    def _minimiser(self, conditions: list[z3.BoolRef]) -> Minimiser:
        return Minimiser(conditions, self.explorer.resource_limit, self.explorer.work)


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
