"""The budget family: what a step hands out, and what it really runs."""

from __future__ import annotations

from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.engines.fastdeploy.ledger import NOTHING, Grant, Ledger
from schedproof.engines.fastdeploy.loop import StepPlan
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.engines.fastdeploy.turns import Phase, Queues
from schedproof.request import Request
from schedproof.view import Limits, StepView
from schedproof_spec.states.merged import next_chunk, prefill_blocks


def budget_is_not_negative(view: StepView) -> bool:
    """The remaining budget is never below zero."""
    return view.budget >= 0


def step_is_within_limit(view: StepView, limits: Limits) -> bool:
    """The tokens that the worker runs never exceed the limit."""
    return view.num_tokens <= limits.max_num_batched_tokens


def no_work_could_use_the_rest(plan: StepPlan, config: ServingConfig, policy: Policy) -> bool:
    """A step that preempts and aborts nothing leaves tokens over only if no prefill could use them.

    Prefills come in line: where a running prompt may not start its chunk, whoever is behind it waits for it.
    """
    headroom = config.max_num_batched_tokens - plan.num_tokens(config)
    if len(plan.preempted) > 0 or len(plan.aborted) > 0 or headroom <= 0:
        return True
    num_free_blocks = plan.final.num_free_blocks
    for visit in plan.visits:
        is_prompt = visit.phase is not Phase.DECODE
        if is_prompt and could_use(visit.request, visit.grant, headroom, num_free_blocks, config):
            return False
    for request in plan.queues.running[plan.final.num_visited :]:
        if request.is_decoding:
            continue
        if policy.preempts_only_decodes:
            return not could_go_on(request, headroom, plan.final, plan.queues, config, policy)
        if could_use(request, NOTHING, headroom, num_free_blocks, config):
            return False
    refused = plan.queues.waiting[plan.final.num_asked :]
    return not (
        len(refused) > 0 and could_be_admitted(refused[0], headroom, plan.final, plan.queues, config, policy)
    )


def could_use(request: Request, grant: Grant, headroom: int, num_free_blocks: int, config: ServingConfig) -> bool:
    """The request could prefill more with this many tokens, and KV blocks for all of it are there."""
    chunk = next_chunk(request, grant.num_tokens + headroom, config)
    blocks = prefill_blocks(request, request.num_prefill_tokens_left, config) - grant.num_new_blocks
    return chunk > grant.num_tokens and blocks <= num_free_blocks


def could_go_on(
    request: Request, headroom: int, ledger: Ledger, queues: Queues, config: ServingConfig, policy: Policy
) -> bool:
    """A running prompt that has nobody preempted could go on: KV blocks for all of it leave the output reserve."""
    whole = request.num_prefill_tokens_left
    num_needed = policy.blocks_to_continue(
        request,
        whole,
        ledger.num_running,
        queues.num_reserved_blocks_per_seq,
        queues.reserved_for_chunk(ledger, config),
        config,
    )
    num_new_blocks = prefill_blocks(request, whole, config)
    return (
        headroom > 0
        and num_needed <= ledger.num_free_blocks
        and num_new_blocks <= ledger.num_free_blocks
        and next_chunk(request, headroom, config) > 0
    )


def could_be_admitted(
    request: Request, headroom: int, ledger: Ledger, queues: Queues, config: ServingConfig, policy: Policy
) -> bool:
    """A waiting request could start with this many tokens: a slot, and KV blocks for all of it, are there."""
    whole = request.num_prefill_tokens_left
    num_new_blocks = prefill_blocks(request, whole, config)
    num_needed = policy.blocks_to_admit(
        num_new_blocks,
        ledger.num_running - ledger.num_aborted + ledger.num_admitted,
        ledger.num_slots_used,
        queues.num_reserved_blocks_per_seq,
        queues.reserved_for_admission(ledger, config),
        config,
    )
    return (
        headroom > 0
        and ledger.num_slots_used < config.max_num_seqs
        and num_needed <= ledger.num_free_blocks
        and num_new_blocks <= ledger.num_free_blocks
        and next_chunk(request, headroom, config) > 0
    )


def decode_is_served(request: Request, grant: Grant, config: ServingConfig) -> bool:
    """A decode runs all its tokens and owns a KV slot for each of them."""
    last_slot = request.num_total_tokens - 1 + config.tokens_per_seq
    slots = (request.num_blocks + grant.num_new_blocks) * config.block_size
    return (grant.num_tokens == config.tokens_per_seq) & (slots >= last_slot)


def without_visit(config: ServingConfig) -> Grant:
    """What a decode has that the loop does not reach: the worker runs it, with the blocks that it owns."""
    return Grant(num_tokens=config.tokens_per_seq, num_new_blocks=0)


def every_decode_is_served(plan: StepPlan, config: ServingConfig) -> bool:
    """Every decode of the plan is served, those that the loop did not reach included."""
    visited = (
        decode_is_served(visit.request, visit.grant, config) for visit in plan.visits if visit.phase is Phase.DECODE
    )
    return all(visited) and all(
        decode_is_served(request, without_visit(config), config) for request in plan.unvisited_decodes
    )


def charge_is_what_runs(config: ServingConfig, policy: Policy, num_decoding: int) -> bool:
    """One more decode costs the budget what the worker runs for it."""
    without = policy.initial_budget(config, num_decoding)
    with_one_more = policy.initial_budget(config, num_decoding + 1) - policy.decode_charge(config)
    return without - with_one_more == config.tokens_per_seq
