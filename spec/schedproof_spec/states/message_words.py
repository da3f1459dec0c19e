"""A message of symbolic words: written and read at symbolic places, 0 where nothing was written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import z3

from schedproof_spec.gpu.memory import whole
from schedproof_spec.prover.inquiry import Copies
from schedproof_spec.prover.symbolic import SymBool, SymInt, deciding


@dataclass(slots=True)
class Place:
    """An unknown place, and what is known of the words around it."""

    base: z3.ArithRef
    inside: list[int] = field(default_factory=list)
    """Offsets from here that are within the message."""


class Words:
    """Stands for a list of ``length`` words that were all 0; an index outside raises, as a list does.

    Two indices at one place are the same word only if their offsets are, which needs no solver.
    """

    def __init__(self, length: Any) -> None:
        self.length = whole(length)
        self._places: dict[int, Place] = {}
        self._writes: list[tuple[Place, int, z3.ArithRef]] = []

    def __getitem__(self, index: Any) -> SymInt:
        place, offset = self._checked(index)
        value: z3.ArithRef = z3.IntVal(0)
        for written, at, what in self._writes:
            if written is not place:
                value = z3.If(place.base + offset == written.base + at, what, value)
            elif at == offset:
                value = what
        return SymInt(value)

    def __setitem__(self, index: Any, value: Any) -> None:
        place, offset = self._checked(index)
        self._writes.append((place, offset, whole(value)))

    def _checked(self, index: Any) -> tuple[Place, int]:
        term = whole(index)
        base, offset = split(term)
        place = self._places.setdefault(base.get_id(), Place(base))
        if not place.inside or not min(place.inside) <= offset <= max(place.inside):
            if not SymBool(simplified(z3.And(term >= 0, term < self.length))):
                raise IndexError(f"word {index!r} of {self.length}")
            place.inside.append(offset)
        return place, offset


def split(term: z3.ArithRef) -> tuple[z3.ArithRef, int]:
    """Return an index as what is unknown of it, and a number that is added."""
    memory, key = deciding().memory, (split, term.get_id())
    if key not in memory:
        memory[key] = *base_and_offset(simplified(term)), term
    base, offset, _ = memory[key]
    return base, offset


def base_and_offset(term: z3.ArithRef) -> tuple[z3.ArithRef, int]:
    """Return the parts of a simplified sum."""
    if z3.is_int_value(term):
        return z3.IntVal(0), term.as_long()
    if z3.is_add(term) and z3.is_int_value(term.arg(0)):
        return simplified(term - term.arg(0)), term.arg(0).as_long()
    return term, 0


def simplified(term: z3.ExprRef) -> z3.ExprRef:
    """Return an equal term in the solver's own form."""
    memory = deciding().memory
    if Copies not in memory:
        memory[Copies] = Copies()
    return memory[Copies].simplified(term)
