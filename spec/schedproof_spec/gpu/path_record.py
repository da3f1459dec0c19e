"""What a thread has done on the current path, for claims that it does what is due and leaves nothing out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from schedproof_spec.gpu.counting import all_of, any_of
from schedproof_spec.gpu.loops import Loop
from schedproof_spec.prover.symbolic import SymBool


@dataclass(frozen=True, slots=True)
class Write:
    """One write of a path."""

    array: str
    indices: tuple[Any, ...]
    value: Any

    def is_at(self, array: str, indices: tuple[Any, ...]) -> SymBool:
        """Return that it is to this element."""
        if array != self.array:
            return all_of(False)
        return all_of(*(one == other for one, other in zip(self.indices, indices, strict=True)))


@dataclass(slots=True)
class PathRecord:
    """The writes of one path, and the loops of which it has run every iteration."""

    writes: list[Write] = field(default_factory=list)
    finished: list[Loop] = field(default_factory=list)

    def wrote(self, array: str, *indices: Any) -> SymBool:
        """Return that the path has written to this element."""
        return any_of(*(write.is_at(array, indices) for write in self.writes))

    def stored(self, array: str, *indices: Any, value: Any) -> SymBool:
        """Return that the path has written this integer to this element."""
        return any_of(
            *(
                all_of(write.is_at(array, indices), write.value == value)
                for write in self.writes
                if array == write.array
            )
        )

    def wrote_only(self, array: str, *places: tuple[Any, ...]) -> SymBool:
        """Return that each write of the path to an array is to one of these elements."""
        return all_of(
            *(
                any_of(*(write.is_at(array, indices) for indices in places))
                for write in self.writes
                if write.array == array
            )
        )

    def has_run(self, function: str, condition: Callable[[SimpleNamespace, Loop], Any]) -> SymBool:
        """Return that the path has run all iterations of a loop of a function, of which a condition holds."""
        return any_of(
            *(condition(SimpleNamespace(**loop.scope), loop) for loop in self.finished if loop.function == function)
        )
