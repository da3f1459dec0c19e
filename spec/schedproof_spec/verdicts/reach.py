"""Whether any state gets to what a theorem claims: a theorem about nothing is not held."""

from __future__ import annotations

from typing import Any

from schedproof_spec.prover.context import SymbolicContext
from schedproof_spec.prover.paths import PathExplorer
from schedproof_spec.prover.prove import Theorem
from schedproof_spec.prover.walk import LimitReached


class ReachedError(BaseException):
    """A state gets to a claim; ends the exploration."""


class ReachContext(SymbolicContext):
    """Asks of each claim only whether a state gets there."""

    def prove(self, label: str, condition: Any) -> None:
        """Ask whether a state gets here."""
        if not self.explorer.is_replaying:
            self.cover(label)

    def cover(self, label: str) -> None:
        """End the exploration where a state gets here."""
        if self.explorer.is_possible():
            raise ReachedError


def gets_to_a_claim(theorem: Theorem) -> bool:
    """Return whether some state gets to a claim of a theorem; False where the prover cannot say."""
    explorer = PathExplorer()
    context = ReachContext(explorer)
    try:
        for _ in explorer.runs(lambda: theorem(context)):
            pass
    except ReachedError:
        return True
    except LimitReached:
        pass
    return False
