"""Searches for a run from an empty engine that breaks a rule of a person's loop."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from schedproof_spec.prover.context import RecordingContext
from schedproof_spec.prover.paths import PathExplorer
from schedproof_spec.prover.prove import search
from schedproof_spec.prover.verdict import Outcome
from schedproof_spec.prover.walk import LimitReached
from schedproof_spec.states.asked_loop import AskedLoop
from schedproof_spec.states.loop_runs import (
    BLOCK_SIZES,
    LONG_SHAPES,
    SHORT_SHAPES,
    LoopRun,
    RunShape,
    any_run,
    run_theorem,
)
from schedproof_spec.verdicts.inductive import EveryClaim
from schedproof_spec.verdicts.loop_text import replay

SIZES = f"of any size, on KV blocks of {BLOCK_SIZES[0]} tokens"
SHORT_BOUND = f"2 requests in 2 steps, or 3 in 1, {SIZES}"
LONG_BOUND = f"2 requests in 3 steps, or 3 in 2, {SIZES}"
"""What the shapes reach, for people."""


@dataclass(frozen=True, slots=True)
class FoundRuns:
    """What the search came to."""

    runs: dict[str, LoopRun]
    """For each rule, the smallest run that breaks it, in the first shape in which one does; replayed on numbers."""
    bound: str
    """How far was looked for the others."""


def find_runs(loop: AskedLoop, roots: frozenset[str], others: frozenset[str]) -> FoundRuns:
    """Look for runs; for the ``others`` among the longer ones only as long as a root has none.

    The proofs of the others fail for lack of the roots, so that a run that breaks a root says what is wrong.
    """
    found: dict[str, LoopRun] = {}
    bound = SHORT_BOUND
    for shape in (*SHORT_SHAPES, *LONG_SHAPES):
        if shape in LONG_SHAPES:
            if roots <= found.keys():
                break
            bound = LONG_BOUND
        for rule in sorted(broken_in(loop, shape, (roots | others) - found.keys())):
            run = smallest_run(loop, shape, rule)
            if run is not None and rule in replay(run, loop, rule).broken:
                found[rule] = run
        if roots | others <= found.keys():
            break
    return FoundRuns(found, bound)


def broken_in(loop: AskedLoop, shape: RunShape, rules: frozenset[str]) -> frozenset[str]:
    """Return the rules that some run of a shape may break; all of them where that is not known."""
    if not rules:
        return rules
    context = EveryClaim(PathExplorer())
    try:
        for _ in context.explorer.runs(lambda: run_theorem(context, loop, shape, rules)):
            if rules <= context.open.keys():
                break
    except LimitReached:
        return rules
    return rules & context.open.keys()


def smallest_run(loop: AskedLoop, shape: RunShape, rule: str) -> LoopRun | None:
    """Return the smallest run of a shape that breaks a rule."""
    theorem = functools.partial(run_theorem, loop=loop, shape=shape, rules=frozenset({rule}))
    found: Outcome = search(theorem)
    if found.values is None:
        return None
    run: LoopRun = any_run(RecordingContext(found.values), loop, shape)
    return run
