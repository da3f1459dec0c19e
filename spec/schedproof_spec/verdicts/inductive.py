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
from schedproof_spec.theorems.loops import LOOP_RULES, OF_TURNS, OPEN, TURN, induction


class EveryClaim(SymbolicContext):
    """Goes on after a claim that does not hold, and notes all of them."""

    def __init__(self, explorer: PathExplorer) -> None:
        super().__init__(explorer)
        self.open: dict[str, str] = {}
        """What was not proved, by label: refuted for some state, or given up."""

    def prove(self, label: str, condition: Any) -> None:
        """See `Context`; a claim that is open already is not asked again."""
        if label in self.open:
            return
        super().prove(label, condition)
        if self.claims.undecided is not None:
            self.open[label] = UNKNOWN
            self.claims.undecided = None

    def on_refuted(self, label: str, broken: z3.BoolRef) -> None:
        """Note the claim."""
        self.open[label] = REFUTED


REFUTED = "refuted"
UNKNOWN = "given up"


@dataclass(slots=True)
class Induction:
    """What became of the rules."""

    proved: frozenset[str] = frozenset()
    open: dict[str, str] = field(default_factory=dict)
    """For each rule that was not proved, what could not be: the first place, and how it came out."""
    assumed: frozenset[str] = frozenset()
    """What the last round assumed."""
    reached: frozenset[str] = frozenset()
    refusal: str | None = None
    """Why nothing is known; None where every state was explored."""
    num_paths: int = 0
    solver_ms: float = 0.0


def prove_together(loop: AskedLoop) -> Induction:
    """Return what the induction proves."""
    result = Induction(assumed=frozenset(LOOP_RULES) - OF_TURNS)
    first = explore(result, loop, (OPEN,))
    while first is not None and loop.ledger_type is not None:
        context = explore(result, loop, (OPEN, TURN))
        if context is None:
            return result
        for label, how in context.open.items():
            rule, _, place = label.partition(": ")
            result.open.setdefault(rule, f"{place} ({how})")
        result.reached = frozenset(context.claims.reached)
        if not result.assumed & result.open.keys():
            result.proved = frozenset(LOOP_RULES) - result.open.keys()
            return result
        result.assumed -= result.open.keys()
    if first is not None:
        result.open |= {label.partition(": ")[0]: label.partition(": ")[2] for label in first.open}
    return result


def explore(result: Induction, loop: AskedLoop, parts: tuple[str, ...]) -> EveryClaim | None:
    """Go through every path of the induction; None, with the reason noted, where that cannot be done."""
    explorer = PathExplorer()
    context = EveryClaim(explorer)
    try:
        for _, error in explorer.runs(lambda: induction(context, loop, result.assumed, parts)):
            if isinstance(error, UnsupportedError | RecursionError | MemoryError):
                result.refusal = f"the prover cannot follow: {placed(error)}"
            elif isinstance(error, LedgerTypeError):
                result.refusal = str(error)
            elif error is not None:
                raise error
    except LimitReached as limit:
        result.refusal = f"the prover meets a limit: {limit}"
    result.num_paths += explorer.num_paths
    result.solver_ms += explorer.work.solver_seconds * 1000
    return None if result.refusal is not None else context
