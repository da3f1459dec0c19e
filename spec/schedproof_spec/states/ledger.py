"""The induction that makes a claim about the step ledger true for any number of requests.

A step opens, and then a loop turns any number of times.
A property that holds when the step opens, and that every turn preserves, holds at every point of every step.
`is_possible` is the property that the other proofs start from; it is itself proved this way, for each policy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from schedproof.engines.fastdeploy.config import Role, ServingConfig
from schedproof.engines.fastdeploy.ledger import (
    NOTHING,
    Step,
    admit,
    ask,
    open_step,
    preempt,
    run_decode,
    run_prefill,
)
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.request import Request
from schedproof_spec.prover.context import Context
from schedproof_spec.states.domain import Configs, any_request


@dataclass(frozen=True, slots=True)
class StepFrame:
    """What stays the same during a step."""

    config: ServingConfig
    policy: Policy
    num_decoding: int
    """Live decodes when the step opens; 0 on a prefill node."""
    initial_budget: int


@dataclass(frozen=True, slots=True)
class Moment:
    """One point of a step: the ledger, and how many live decodes the running loop has still ahead."""

    step: Step
    num_unvisited: int


Claim = Callable[[Moment, StepFrame], Any]
"""What is claimed about one point of a step."""


def nothing(moment: Moment, frame: StepFrame) -> bool:
    """Claim nothing."""
    return True


def any_frame(ctx: Context, configs: Configs, policy: Policy) -> StepFrame:
    """Draw a configuration and the number of live decodes at the beginning of a step."""
    config = configs(ctx, policy)
    num_decoding = ctx.integer("num_decoding", 0)
    ctx.assume(num_decoding <= config.max_num_seqs)
    ctx.assume(ctx.merged(lambda: config.runs_decode or num_decoding == 0))
    initial = ctx.merged(lambda: policy.initial_budget(config, num_decoding))
    return StepFrame(config, policy, num_decoding, initial)


def any_opening(ctx: Context, frame: StepFrame) -> Moment:
    """Draw a step that was just opened."""
    slots = ctx.integer("num_slots_used", 0)
    ctx.assume(slots <= frame.config.max_num_seqs)
    ctx.assume(frame.num_decoding <= slots)
    step = open_step(
        frame.config,
        frame.policy,
        num_decoding=frame.num_decoding,
        num_free_blocks=ctx.integer("num_free_blocks", 0),
        num_slots_used=slots,
    )
    return Moment(step, num_unvisited=frame.num_decoding)


def any_moment(ctx: Context, frame: StepFrame) -> Moment:
    """Draw any point of a step: every one that `is_possible` allows."""
    step = Step(
        budget=ctx.integer("budget"),
        num_decoding=ctx.integer("num_decoding_now", 0),
        prefill_tokens=ctx.integer("prefill_tokens", 0),
        num_free_blocks=ctx.integer("num_free_blocks", 0),
        num_slots_used=ctx.integer("num_slots_used", 0),
        num_preempted=ctx.integer("num_preempted", 0),
    )
    moment = Moment(step, num_unvisited=ctx.integer("num_unvisited", 0))
    ctx.assume(ctx.merged(lambda: is_possible(moment, frame)))
    return moment


def is_possible(moment: Moment, frame: StepFrame) -> bool:
    """Return whether the ledger can look like this: what was handed out came off the initial budget."""
    step, config = moment.step, frame.config
    num_passed = frame.num_decoding - moment.num_unvisited
    charged_at_most = num_passed * frame.policy.decode_charge(config)
    return (
        moment.num_unvisited >= 0
        and moment.num_unvisited <= step.num_decoding
        and step.num_decoding <= frame.num_decoding
        and step.num_decoding <= step.num_slots_used
        and slots_suffice(step, config)
        and step.num_preempted >= 0
        and (step.num_preempted > 0 or step.num_decoding == frame.num_decoding)
        and step.prefill_tokens >= 0
        and step.prefill_tokens + step.budget <= frame.initial_budget
        and step.prefill_tokens + step.budget + charged_at_most >= frame.initial_budget
        and (step.budget >= -config.max_multimodal_item_tokens or step.budget == frame.initial_budget)
        and (step.prefill_tokens == 0 or step.num_decoding < step.num_slots_used)
        and (step.prefill_tokens == 0 or config.role != Role.DECODE)
    )


def slots_suffice(step: Step, config: ServingConfig) -> bool:
    """No more sequences than slots: those that run, and those that left and are not acknowledged."""
    return step.num_slots_used <= config.max_num_seqs


def by_induction(ctx: Context, configs: Configs, policy: Policy, claim: Claim, given: Claim) -> None:
    """Prove that the ledger `is_possible`, and a claim about it, at every point of every step.

    ``given`` is another claim that is known to hold at every point; `nothing` when there is none.
    """
    turn = ctx.one_of("turn", ("open", *TURNS))
    frame = any_frame(ctx, configs, policy)
    if turn == "open":
        after = any_opening(ctx, frame)
    else:
        before = any_moment(ctx, frame)
        ctx.assume(ctx.merged(lambda: given(before, frame)))
        ctx.assume(ctx.merged(lambda: claim(before, frame)))
        after = any_turn(ctx, turn, before, frame)
    ctx.assume(ctx.merged(lambda: given(after, frame)))
    ctx.prove(f"{turn}: the ledger is possible", ctx.merged(lambda: is_possible(after, frame)))
    ctx.prove(turn, ctx.merged(lambda: claim(after, frame)))


TURNS = ("decode", "prefill", "admission", "preemption")
"""The ways in which a loop changes the ledger."""


def any_turn(ctx: Context, turn: str, before: Moment, frame: StepFrame) -> Moment:
    """Return the ledger after one turn of a loop with any request that the loop would visit."""
    if turn == "preemption":
        return any_preemption(ctx, before, frame)
    if turn == "decode":
        return any_decode(ctx, before, frame)
    config, policy, step = frame.config, frame.policy, before.step
    request = any_prefilling_request(ctx, config)
    grant = ctx.merged(lambda: ask(request, step.budget, config, policy))
    ctx.assume(grant.num_new_blocks <= step.num_free_blocks)
    if turn == "prefill":
        ctx.assume(step.num_decoding < step.num_slots_used)
        ctx.assume(ctx.merged(lambda: policy.keeps_visiting(step.budget)))
        after = ctx.merged(lambda: run_prefill(step, grant))
    else:
        ctx.assume(step.num_preempted == 0)
        ctx.assume(step.budget > 0)
        ctx.assume(step.num_slots_used < config.max_num_seqs)
        after = ctx.merged(lambda: admit(step, grant) if grant != NOTHING else step)
    return Moment(after, before.num_unvisited)


def any_decode(ctx: Context, before: Moment, frame: StepFrame) -> Moment:
    """Visit any live decode that has not been visited."""
    config, policy, step = frame.config, frame.policy, before.step
    request = any_request(ctx, "request", config)
    ctx.assume(before.num_unvisited > 0)
    ctx.assume(ctx.merged(lambda: config.runs_decode and request.is_decoding))
    ctx.assume(ctx.merged(lambda: policy.keeps_visiting(step.budget)))
    grant = ctx.merged(lambda: ask(request, step.budget, config, policy))
    ctx.assume(grant.num_new_blocks <= step.num_free_blocks)
    after = ctx.merged(lambda: run_decode(step, grant, config, policy))
    return Moment(after, before.num_unvisited - 1)


def any_preemption(ctx: Context, before: Moment, frame: StepFrame) -> Moment:
    """Preempt any request that has not been visited: the last in the list, or the one that asks."""
    config = frame.config
    drawn = any_request(ctx, "victim", config)
    victim = replace(drawn, num_shared_blocks=ctx.integer("victim.num_shared_blocks", 0))
    ctx.assume(victim.num_shared_blocks <= victim.num_blocks)
    ctx.assume(ctx.merged(lambda: config.role != Role.DECODE or victim.is_decoding))
    is_live_decode = ctx.merged(lambda: victim.is_decoding and config.runs_decode)
    ctx.assume(ctx.merged(lambda: before.num_unvisited > 0 or not is_live_decode))
    after = ctx.merged(lambda: preempt(before.step, victim, config))
    return Moment(after, ctx.merged(lambda: before.num_unvisited - 1 if is_live_decode else before.num_unvisited))


def any_prefilling_request(ctx: Context, config: ServingConfig, num_items: int = 1) -> Request:
    """Draw a request with prompt left to prefill; a decode node has none.

    A chunk rule looks for the item at one position, and items are disjoint: one drawn item stands for all of them
    in one call of the rule, two where a second call or another item is looked at.
    """
    drawn = any_request(ctx, "request", config, num_items)
    request = replace(drawn, num_free_cached_blocks=ctx.integer("request.num_free_cached_blocks", 0))
    ctx.assume(request.num_free_cached_blocks <= request.num_blocks)
    ctx.assume(config.role != Role.DECODE)
    ctx.assume(ctx.merged(lambda: not request.is_decoding))
    return request
