"""Searches for a run from an empty engine that breaks a rule of a person's loop."""

from __future__ import annotations

import functools

from schedproof_spec.prover.context import RecordingContext
from schedproof_spec.prover.paths import PathExplorer
from schedproof_spec.prover.prove import search
from schedproof_spec.prover.verdict import Outcome
from schedproof_spec.prover.walk import LimitReached
from schedproof_spec.states.asked_loop import AskedLoop
from schedproof_spec.states.loop_runs import BLOCK_SIZES, SHAPES, LoopRun, RunShape, any_run, run_theorem
from schedproof_spec.verdicts.inductive import EveryClaim
from schedproof_spec.verdicts.loop_text import replay

BOUND = f"3 requests of any size, 3 steps, KV blocks of {BLOCK_SIZES[0]} tokens"
"""What the shapes reach, for people; see `SHAPES`."""


def find_runs(loop: AskedLoop, rules: frozenset[str]) -> dict[str, LoopRun]:
    """Return the smallest run that breaks each rule, in the first shape in which one does; replayed on numbers."""
    found: dict[str, LoopRun] = {}
    for shape in SHAPES:
        for rule in sorted(broken_in(loop, shape, rules - found.keys())):
            run = smallest_run(loop, shape, rule)
            if run is not None and rule in replay(run, loop, rule).broken:
                found[rule] = run
        if rules <= found.keys():
            break
    return found


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
