"""Proves a theorem, or searches for the smallest state that refutes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import z3

from schedproof_spec.prover.context import (
    AssumptionFailedError,
    ConcreteContext,
    Context,
    Refuted,
    SymbolicContext,
)
from schedproof_spec.prover.failures import placed
from schedproof_spec.prover.paths import PathExplorer
from schedproof_spec.prover.smallest import SearchContext
from schedproof_spec.prover.symbolic import UnsupportedError
from schedproof_spec.prover.verdict import Outcome, Status
from schedproof_spec.prover.walk import LimitReached

Theorem = Callable[[Context], Any]
"""A function that draws values, assumes and proves; it must do the same each time it is run."""


def prove(theorem: Theorem) -> Outcome:
    """Decide a theorem in every state; the first refuted claim ends the work, without a witness."""
    explorer = PathExplorer()
    context = SymbolicContext(explorer)
    try:
        for _, error in explorer.runs(lambda: theorem(context)):
            if error is not None and is_finding(error, context):
                context.claims.refuted = describe(error)
                break
    except Refuted:
        pass
    except LimitReached as limit:
        context.claims.undecided = str(limit)
    return outcome(context, values=None)


def search(theorem: Theorem) -> Outcome:
    """Decide a theorem in every state; a refutation comes with the smallest state, replayed on numbers."""
    explorer = PathExplorer()
    context = SearchContext(explorer)
    try:
        for _, error in explorer.runs(lambda: theorem(context)):
            if error is not None and is_finding(error, context):
                context.claims.refuted = describe(error)
                context.on_refuted(describe(error), z3.BoolVal(True))
    except LimitReached as limit:
        context.claims.undecided = str(limit)
    if not context.smallest:
        if context.claims.refuted is not None:
            context.claims.undecided = f"no numbers found that refute: {context.claims.refuted}"
            context.claims.refuted = None
        return outcome(context, values=None)
    label, values = context.smallest_state()
    context.claims.refuted = label
    if label not in failures(theorem, values):
        context.claims.refuted = None
        context.claims.undecided = f"the witness of {label} does not replay: {values}"
        return outcome(context, values=None)
    found = outcome(context, values=values)
    if explorer.work.num_values_left_open:
        return doubtful(found, solver_limit(explorer))
    doubt = context.claims.undecided or context.claims.unsupported
    if doubt is not None:
        return doubtful(found, f"undecided: {doubt}")
    return found


def last_of(searches: Sequence[Outcome]) -> Outcome:
    """Return the last of several searches, from small states to large ones, with an earlier one's doubt."""
    *earlier, found = searches
    undecided = [outcome for outcome in earlier if outcome.status is Status.UNDECIDED]
    if not undecided or found.caveat:
        return found
    return doubtful(found, f"undecided: {undecided[0].reason}")


def doubtful(found: Outcome, reason: str) -> Outcome:
    """Return a search with the reason why its state may not be the smallest."""
    return replace(found, caveat=f"a smaller state may exist ({reason})")


def is_finding(error: Exception, context: SymbolicContext) -> bool:
    """Return whether an exception refutes the theorem: its path exists, and the prover can follow it."""
    exists = context.explorer.is_satisfiable()
    if isinstance(error, UnsupportedError | RecursionError | MemoryError):
        if exists != z3.unsat:
            context.claims.unsupported = f"the prover cannot follow: {placed(error)}"
        return False
    if exists == z3.unknown:
        context.claims.undecided = f"whether a path exists that {describe(error)}"
    return bool(exists == z3.sat)


def failures(theorem: Theorem, values: dict[str, int]) -> list[str]:
    """Run the theorem on numbers; return the claims that fail, and an exception as one more."""
    return failures_in(theorem, ConcreteContext(values))


def failures_in(theorem: Theorem, context: ConcreteContext) -> list[str]:
    """Run the theorem in a context of numbers; return the claims that fail."""
    try:
        theorem(context)
    except AssumptionFailedError:
        return context.failed
    except Exception as error:
        return [*context.failed, describe(error)]
    return context.failed


def describe(error: Exception) -> str:
    """Return the claim that an exception refutes: that the function does not raise it."""
    return f"raises {type(error).__name__}"


def outcome(context: SymbolicContext, values: dict[str, int] | None) -> Outcome:
    """Sum up: refuted before undecided before vacuous before held."""
    claims = context.claims
    work = context.explorer.work
    if claims.refuted is not None:
        status, reason = Status.VIOLATED, claims.refuted
    elif claims.unsupported is not None:
        status, reason = Status.UNDECIDED, claims.unsupported
    elif claims.undecided is not None:
        status, reason = Status.UNDECIDED, f"{claims.undecided} ({solver_limit(context.explorer)})"
    elif not claims.reached:
        status, reason = Status.VACUOUS, "no state satisfies the assumptions"
    else:
        status, reason = Status.HELD, ""
    return Outcome(
        status=status,
        reason=reason,
        values=values,
        reached=frozenset(claims.reached),
        unreached=frozenset(claims.proved - claims.reached),
        num_paths=context.explorer.num_paths,
        num_questions=work.num_questions,
        solver_ms=work.solver_seconds * 1000,
    )


def solver_limit(explorer: PathExplorer) -> str:
    """Return the limit in words."""
    return f"solver limit: {explorer.resource_limit} resource units an attempt"
