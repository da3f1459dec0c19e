"""A message of symbolic words: written and read at symbolic places, 0 where nothing was written."""

from __future__ import annotations

from typing import Any

import z3

from schedproof_spec.gpu.memory import whole
from schedproof_spec.prover.symbolic import SymBool, SymInt


class Words:
    """Stands for a list of ``length`` words that were all 0; an index outside raises, as a list does."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.writes: list[tuple[z3.ArithRef, z3.ArithRef]] = []

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: Any) -> SymInt:
        at = self._checked(index)
        value: z3.ArithRef = z3.IntVal(0)
        for written, what in self.writes:
            value = z3.If(at == written, what, value)
        return SymInt(z3.simplify(value))

    def __setitem__(self, index: Any, value: Any) -> None:
        self.writes.append((self._checked(index), whole(value)))

    def _checked(self, index: Any) -> z3.ArithRef:
        term = whole(index)
        if not SymBool(z3.simplify(z3.And(term >= 0, term < self.length))):
            raise IndexError(f"word {index!r} of {self.length}")
        return term
