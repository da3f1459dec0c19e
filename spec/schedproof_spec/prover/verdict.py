"""What the prover can say about a claim."""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """Only ``HELD`` is good."""

    HELD = "held"
    VIOLATED = "violated"
    UNDECIDED = "undecided"
    VACUOUS = "vacuous"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result of proving or refuting one theorem, with what it cost."""

    status: Status
    reason: str
    """The refuted claim, the limit that was met, or what nothing satisfies; empty when held."""
    caveat: str = ""
    """Why the state may not be the smallest; empty when it is."""
    values: dict[str, int] | None
    """The smallest refuting state by input name, replayed on numbers; None unless searched and violated."""
    settled_by: str = ""
    """The second solver, with its version, on which this rests; empty where it rests on Z3 alone."""
    reached: frozenset[str]
    """Claims and covers that some state gets to."""
    unreached: frozenset[str]
    """Claims that hold because no state gets to them."""
    num_paths: int
    num_questions: int
    solver_ms: float

    @property
    def message(self) -> str:
        """The reason with its caveat, and by which solver where that is not Z3."""
        return "; ".join(filter(None, (self.reason, self.caveat, by_second(self.settled_by))))


def by_second(solver: str) -> str:
    """Return what to say of a verdict that rests on another solver than Z3; nothing where none is named."""
    return f"settled by {solver}, where Z3 gives up" if solver else ""


def refused(reason: str) -> Outcome:
    """Return what becomes of a theorem that is not explored at all."""
    return Outcome(
        status=Status.UNDECIDED,
        reason=reason,
        values=None,
        reached=frozenset(),
        unreached=frozenset(),
        num_paths=0,
        num_questions=0,
        solver_ms=0.0,
    )
