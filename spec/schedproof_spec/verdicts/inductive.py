"""Finds the rules of a step loop that its induction proves together.

Each rule may be assumed of the point before a turn, as long as all that are assumed are proved of the point after
it. What cannot be proved is assumed no more, and the induction starts anew, until nothing is left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import z3

from schedproof_spec.prover.context import SymbolicContext
from schedproof_spec.prover.failures import placed
from schedproof_spec.prover.paths import PathExplorer
from schedproof_spec.prover.unsupported import UnsupportedError
from schedproof_spec.prover.walk import LimitReached
from schedproof_spec.states.asked_loop import AskedLoop, LedgerTypeError
from schedproof_spec.theorems.loops import LOOP_RULES, OF_TURNS, OPEN, PARTS, induction


class EveryClaim(SymbolicContext):
    """Goes on after a claim that does not hold, and notes all of them."""

    def __init__(self, explorer: PathExplorer) -> None:
        super().__init__(explorer)
        self.open: dict[str, bool] = {}
        """What was not proved, by label: whether it is refuted for some state, or the solver gave up."""

    def prove(self, label: str, condition: Any) -> None:
        """See `Context`; a claim that is open already is not asked again."""
        if label in self.open:
            return
        super().prove(label, condition)
        if self.claims.undecided is not None:
            self.open[label] = False
            self.claims.undecided = None

    def on_refuted(self, label: str, broken: z3.BoolRef) -> None:
        """Note the claim."""
        self.open[label] = True


ASSUMABLE = frozenset(LOOP_RULES) - OF_TURNS
"""The rules that speak of a point of a step, so that they can be assumed of the one before a turn."""


@dataclass(frozen=True, slots=True)
class OpenClaim:
    """A claim that was not proved."""

    label: str
    is_refuted: bool
    """For some point of a step; otherwise the solver gave up."""
    assumed: frozenset[str]
    """The rules that were assumed of the point before."""

    @property
    def lacks(self) -> frozenset[str]:
        """The rules that could be assumed if they were proved."""
        return ASSUMABLE - self.assumed

    @property
    def rule(self) -> str:
        """The rule that it is about."""
        return self.label.partition(": ")[0]

    @property
    def place(self) -> str:
        """Where it was claimed."""
        return self.label.partition(": ")[2]


@dataclass(slots=True)
class Induction:
    """What became of the rules."""

    proved: frozenset[str] = frozenset()
    open: dict[str, OpenClaim] = field(default_factory=dict)
    """For each rule that was not proved, the first claim that was not."""
    assumed: frozenset[str] = frozenset()
    """What the last round assumed."""
    reached: frozenset[str] = frozenset()
    refusal: str | None = None
    """Why nothing is known; None where every state was explored."""
    settled_by: str = ""
    """The second solver, where it has settled a question; empty where Z3 alone has."""
    num_paths: int = 0
    solver_ms: float = 0.0


def prove_together(loop: AskedLoop) -> Induction:
    """Return what the induction proves."""
    result = Induction(assumed=ASSUMABLE)
    first = explore(result, loop, (OPEN,))
    while first is not None and loop.ledger_type is not None:
        context = explore(result, loop, PARTS)
        if context is None:
            return result
        note(result, context)
        result.reached = frozenset(context.claims.reached)
        if not result.assumed & result.open.keys():
            result.proved = frozenset(LOOP_RULES) - result.open.keys()
            return result
        result.assumed -= result.open.keys()
    if first is not None:
        note(result, first)
    return result


def note(result: Induction, context: EveryClaim) -> None:
    """Note the claims of a round that were not proved."""
    for label, is_refuted in context.open.items():
        claim = OpenClaim(label, is_refuted, result.assumed)
        result.open.setdefault(claim.rule, claim)


def explore(result: Induction, loop: AskedLoop, parts: tuple[str, ...]) -> EveryClaim | None:
    """Go through every path of the induction; None, with the reason noted, where that cannot be done."""
    explorer = PathExplorer()
    context = EveryClaim(explorer)
    try:
        for _, error in explorer.runs(lambda: induction(context, loop, result.assumed, parts)):
            if error is not None and explorer.settle() == z3.unsat:
                continue
            if isinstance(error, UnsupportedError | RecursionError | MemoryError):
                result.refusal = f"the prover cannot follow: {placed(error)}"
            elif isinstance(error, LedgerTypeError):
                result.refusal = str(error)
            elif error is not None:
                raise error
    except LimitReached as limit:
        result.refusal = f"the prover meets a limit: {limit}"
    result.settled_by = result.settled_by or explorer.work.settled_by
    result.num_paths += explorer.num_paths
    result.solver_ms += explorer.work.solver_seconds * 1000
    return None if result.refusal is not None else context
