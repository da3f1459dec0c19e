"""Searches for a run from an empty engine that breaks an invariant, and replays it before anyone sees it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.engines.fastdeploy.policy import Policy
from schedproof_spec.prover.context import Context, RecordingContext
from schedproof_spec.prover.prove import failures_in, search
from schedproof_spec.prover.verdict import Outcome
from schedproof_spec.states.domain import Configs, accepted
from schedproof_spec.states.merged import MergedPolicy
from schedproof_spec.states.short_runs import (
    BOUND,
    SHAPES,
    SIZES,
    RunShape,
    any_arrivals,
    any_run_config,
    drafts_of,
    run_theorem,
)
from schedproof_spec.verdicts import crowds
from schedproof_spec.verdicts.crowds import smallest_crowd, with_pool
from schedproof_spec.verdicts.question import Question
from schedproof_spec.verdicts.witness import RunWitness, plain_config, with_equal_steps_together


@dataclass(frozen=True, slots=True)
class FoundRun:
    """What the searches came to."""

    searches: list[Outcome]
    witness: RunWitness | None
    bound: str
    """How far was looked, for people."""


def find_run(question: Question, policy: MergedPolicy) -> FoundRun:
    """Look for a run: among crowds where the configuration is known, and among short runs of any sizes."""
    if question.config is not None:
        crowd = smallest_crowd(question.invariant, question.policy, question.config)
        if crowd is not None and breaks(crowd, question):
            return FoundRun([], crowd, crowds.BOUND)
    searches, bound = [], f"{BOUND}, {SIZES}" if question.config is None else f"{crowds.BOUND}; {BOUND}"
    for shape in shapes_of(question):
        found, witness = shortest_run(question, policy, shape)
        searches.append(found)
        if witness is not None and breaks(witness, question):
            return FoundRun(searches, witness, bound)
    return FoundRun(searches, None, bound)


def breaks(witness: RunWitness, question: Question) -> bool:
    """Return whether the real engine, on numbers, breaks the invariant in this run."""
    return not witness.replay(question.invariant, question.policy).holds


def shapes_of(question: Question) -> list[RunShape]:
    """Return the shapes that the configurations in question can have."""
    config = question.config
    if config is None:
        return list(SHAPES)
    return [
        shape
        for shape in SHAPES
        if shape.role == config.role
        and shape.enc_dec_block_num == 2
        and shape.deterministic == config.deterministic
        and (not shape.has_item or config.max_multimodal_item_tokens > 0)
    ]


def run_configs(question: Question, shape: RunShape) -> Configs:
    """Return the configurations of the runs that are searched: the one in question, or those of the shape."""
    if question.config is not None:
        sized = with_pool(question.config)
        return lambda ctx, policy: accepted(ctx, policy, sized)
    drawn = any_run_config(shape)

    def draw(ctx: Context, policy: Policy) -> ServingConfig:
        config = drawn(ctx, policy)
        ctx.assume(ctx.merged(lambda: question.invariant.applies(config)))
        ctx.assume(ctx.merged(lambda: question.condition(config)))
        return config

    return draw


def shortest_run(question: Question, policy: MergedPolicy, shape: RunShape) -> tuple[Outcome, RunWitness | None]:
    """Search the runs of a shape for the smallest that breaks the invariant."""
    invariant, configs = question.invariant, run_configs(question, shape)
    on_run = invariant.on_run
    assert on_run is not None
    theorem = functools.partial(
        run_theorem,
        configs=configs,
        policy=policy,
        shape=shape,
        label=invariant.name,
        statement=lambda step: on_run(step, policy),
    )
    found = search(theorem)
    if found.values is None:
        return found, None
    recorded = RecordingContext(found.values)
    failures_in(theorem, recorded)
    return found, run_of(RecordingContext(found.values), recorded.drawn, configs, policy, shape)


def run_of(
    ctx: RecordingContext, drawn: Mapping[str, None], configs: Configs, policy: Policy, shape: RunShape
) -> RunWitness:
    """Return the run that these numbers stand for."""
    config = plain_config(configs(ctx, policy))
    arrivals = tuple(any_arrivals(ctx, shape, config))
    accepted_in: list[Mapping[str, int]] = []
    for number in range(1, shape.num_steps + 1):
        names = {arrival.request_id: drafts_of(number, arrival.request_id) for arrival in arrivals}
        accepted_in.append(
            {request: ctx.values[name] for request, name in names.items() if name in drawn and ctx.values[name] > 0}
        )
    return RunWitness(config=config, arrivals=arrivals, steps=with_equal_steps_together(accepted_in))
