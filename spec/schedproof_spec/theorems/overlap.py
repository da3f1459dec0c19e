"""How the overlap family is proved: each event keeps the forecast right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.engines.fastdeploy.rules import launch_forecast
from schedproof.engines.fastdeploy.rules.launch_forecast import UNKNOWN, LaunchForecast
from schedproof.engines.fastdeploy.versions.pr_6753 import insertion_keeps_forecast
from schedproof_spec.invariant import BrokenVersion, Consequence, Invariant
from schedproof_spec.prover.context import Context
from schedproof_spec.rules.overlap import launch_covers_step
from schedproof_spec.states.domain import Configs
from schedproof_spec.states.ledger import Claim

BatchChange = Callable[[LaunchForecast], LaunchForecast]


def forecast_is_right(forecast: LaunchForecast, num_decoding: int, config: ServingConfig) -> bool:
    """A forecast says nothing, or what the live decodes run: the state that every event starts from and leaves."""
    return forecast.num_tokens == UNKNOWN or (
        config.runs_decode and forecast.num_tokens == num_decoding * config.tokens_per_seq
    )


def prove_step(ctx: Context, forecast: LaunchForecast, num_decoding: Any, config: ServingConfig) -> None:
    """A step is planned, launched and completed. Only a preemption takes a live decode out of the plan."""
    num_preempted, num_chunks = ctx.integer("num_preempted", 0), ctx.integer("num_chunks", 0)
    num_planned, prefill_tokens = ctx.integer("num_planned_decodes", 0), ctx.integer("prefill_tokens", 0)
    ctx.assume(num_planned <= num_decoding)
    ctx.assume(ctx.merged(lambda: num_preempted > 0 or num_planned == num_decoding))
    ctx.assume(ctx.merged(lambda: num_chunks > 0 or prefill_tokens == 0))
    num_tokens = num_planned * config.tokens_per_seq + prefill_tokens
    planned = ctx.merged(lambda: launch_forecast.at_planning(forecast, num_preempted, num_chunks))
    launched = ctx.merged(lambda: launch_forecast.launch_tokens(planned, num_tokens))
    ctx.prove("launch_covers_step", ctx.merged(lambda: launch_covers_step(launched, num_tokens, num_chunks)))
    num_left = ctx.integer("num_decoding_afterwards", 0)
    after = ctx.merged(lambda: launch_forecast.after_step(num_left, num_chunks, config))
    ctx.prove("step: the forecast is right", ctx.merged(lambda: forecast_is_right(after, num_left, config)))
    is_known = ctx.merged(lambda: after.num_tokens != UNKNOWN)
    decodes_only = ctx.merged(lambda: num_chunks == 0 and config.runs_decode)
    ctx.prove("step: one that only decodes makes a forecast, and no other", is_known == decodes_only)
    if is_known:
        ctx.cover("a forecast is made")


def prove_with(ctx: Context, configs: Configs, policy: Policy, after_batch_change: BatchChange) -> None:
    """For any number of live decodes, between any two events."""
    config = configs(ctx, policy)
    num_decoding = ctx.integer("num_decoding", 0)
    ctx.assume(ctx.merged(lambda: config.runs_decode or num_decoding == 0))
    forecast = LaunchForecast(num_tokens=ctx.integer("forecast_tokens", UNKNOWN))
    ctx.assume(ctx.merged(lambda: forecast_is_right(forecast, num_decoding, config)))
    event = ctx.one_of("event", ("step", "a request joins", "a request leaves"))
    if event == "step":
        prove_step(ctx, forecast, num_decoding, config)
        return
    num_now = num_decoding + 1 if event == "a request joins" else num_decoding - 1
    ctx.assume(ctx.merged(lambda: num_now >= 0 and (config.runs_decode or num_now == 0)))
    after = ctx.merged(lambda: after_batch_change(forecast))
    ctx.prove(f"{event}: the forecast is right", ctx.merged(lambda: forecast_is_right(after, num_now, config)))


def prove_launch_covers_step(ctx: Context, configs: Configs, policy: Policy, given: Claim) -> None:
    """With the reference's forecast."""
    prove_with(ctx, configs, policy, launch_forecast.after_batch_change)


def prove_before_6753(ctx: Context, configs: Configs, policy: Policy, given: Claim) -> None:
    """With a forecast that survives an insertion."""
    prove_with(ctx, configs, policy, insertion_keeps_forecast)


LAUNCH_COVERS_STEP = Invariant(
    name="launch_covers_step",
    family="overlap",
    consequence=Consequence.CRASH,
    sentence="A predicted launch count is never below the step's tokens, and exact for a step that only decodes.",
    statement=launch_covers_step,
    origin="PR 6753: a request joined the batch and the prediction stayed; overlong output and a CUDA error.",
    scope="any number of requests and steps",
    proof=prove_launch_covers_step,
    covers=frozenset(
        {
            "launch_covers_step",
            "step: the forecast is right",
            "step: one that only decodes makes a forecast, and no other",
            "a forecast is made",
            "a request joins: the forecast is right",
            "a request leaves: the forecast is right",
        }
    ),
    broken_by=(
        BrokenVersion(name="insertion keeps the forecast", source="before PR 6753", proof=prove_before_6753),
    ),
)
