"""What a thread has done on the current path, for claims that it does what is due and leaves nothing out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from schedproof_spec.gpu.counting import all_of, any_of
from schedproof_spec.gpu.loops import Loop
from schedproof_spec.prover.symbolic import SymBool


@dataclass(slots=True)
class PathRecord:
    """The writes of one path, and the loops of which it has run every iteration."""

    writes: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    """Array and indices of each."""
    finished: list[Loop] = field(default_factory=list)

    def wrote(self, array: str, *indices: Any) -> SymBool:
        """Return that the path has written to this element."""
        return any_of(
            *(
                all_of(*(one == other for one, other in zip(written, indices, strict=True)))
                for name, written in self.writes
                if name == array
            )
        )

    def has_run(self, function: str, condition: Callable[[SimpleNamespace, Loop], Any]) -> SymBool:
        """Return that the path has run all iterations of a loop of a function, of which a condition holds."""
        return any_of(
            *(condition(SimpleNamespace(**loop.scope), loop) for loop in self.finished if loop.function == function)
        )
