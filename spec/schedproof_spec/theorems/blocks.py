"""How it is proved that a sequence never holds more tokens than its blocks have slots: event by event."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from schedproof.engines.fastdeploy.config import Role, ServingConfig
from schedproof.engines.fastdeploy.life import request_events
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.engines.fastdeploy.turns import ask
from schedproof.request import Request, new_request
from schedproof_spec.invariant import Consequence, Invariant
from schedproof_spec.prover.context import Context
from schedproof_spec.rules.blocks import blocks_cover_tokens
from schedproof_spec.states.domain import Configs, any_item
from schedproof_spec.states.ledger import Claim
from schedproof_spec.states.life import any_living_decode, any_living_request, is_alive
from schedproof_spec.states.merged import merged_on_path
from schedproof_spec.states.runs import RunStep
from schedproof_spec.theorems.budget import BUDGET_FIELDS, BUDGET_NONNEGATIVE, any_last_running_turn


def prove_alive(ctx: Context, label: str, request: Request, max_total_tokens: Any, config: ServingConfig) -> None:
    """Claim that an event left the request as it has to be."""
    ctx.prove(f"{label}: its blocks cover its tokens", ctx.merged(lambda: blocks_cover_tokens(request, config)))
    ctx.prove(
        f"{label}: it is as the next event expects it",
        ctx.merged(
            lambda: request.num_total_tokens == max_total_tokens or is_alive(request, max_total_tokens, config)
        ),
    )


def prove_arrival(ctx: Context, config: ServingConfig, policy: Policy) -> None:
    """A new request, with the part of its prompt that the prefix cache has."""
    item = any_item(ctx, "item", config)
    num_prompt_tokens = ctx.integer("num_prompt_tokens", 1)
    max_total_tokens = ctx.integer("max_total_tokens", 1)
    ctx.assume(item.end <= num_prompt_tokens)
    ctx.assume(num_prompt_tokens < max_total_tokens)
    ctx.assume(max_total_tokens <= config.max_model_len)
    request = new_request("request", num_prompt_tokens, (item,))
    num_cached = ctx.integer("num_cached_blocks", 0)
    num_usable = merged_on_path(request_events.num_usable_cached_blocks, request, num_cached, config)
    ctx.prove("arrival: no more than is cached", ctx.merged(lambda: num_usable >= 0 and num_usable <= num_cached))
    request = request_events.with_cached_prefix(
        request, num_usable, ctx.integer("num_free_cached_blocks", 0), config
    )
    prove_alive(ctx, "arrival", request, max_total_tokens, config)
    ctx.prove("arrival: it has something to prefill", request.num_prefill_tokens_left > 0)


def prove_chunk(ctx: Context, config: ServingConfig, policy: Policy) -> None:
    """A chunk of a running or admitted request; the one that ends the prompt comes with the first token.

    No step has more budget than it was opened with (`budget_is_possible`).
    """
    request, max_total_tokens = any_living_request(ctx, config, num_items=1)
    ctx.assume(ctx.merged(lambda: not request.is_decoding))
    num_free_cached_blocks = ctx.integer("num_free_cached_blocks", 0)
    ctx.assume(num_free_cached_blocks <= request.num_blocks)
    request = replace(request, num_free_cached_blocks=num_free_cached_blocks)
    budget, num_reserved = ctx.integer("budget", 0), ctx.integer("num_reserved", 0)
    ctx.assume(num_reserved <= config.max_num_seqs)
    ctx.assume(budget <= policy.initial_budget(config, num_reserved))
    grant = ctx.merged(lambda: ask(request, budget, config, policy))
    ctx.assume(grant.num_tokens > 0)
    ctx.prove("chunk: what is shared is not taken", grant.num_new_blocks >= num_free_cached_blocks)
    after = request_events.after_chunk(request, grant)
    taken = grant.num_new_blocks - num_free_cached_blocks
    ctx.prove("chunk: it counts the blocks of its table", after.num_blocks == request.num_blocks + taken)
    if after.is_decoding:
        ctx.prove("chunk: the last one computes everything", after.num_computed_tokens == after.num_total_tokens)
        after = request_events.after_tokens(after, 1)
    prove_alive(ctx, "chunk", after, max_total_tokens, config)


def grown(ctx: Context, request: Request, config: ServingConfig, policy: Policy) -> Request:
    """Return a decode after the scheduler visited it."""
    grant = ctx.merged(lambda: ask(request, 0, config, policy))
    return request_events.after_growth(request, grant.num_new_blocks)


def prove_decode_step(
    ctx: Context, label: str, request: Request, max_total_tokens: Any, config: ServingConfig
) -> None:
    """Claim that a decode step with any number of accepted drafts leaves the request as it has to be."""
    num_accepted = ctx.integer("num_accepted_drafts", 0)
    ctx.assume(num_accepted < config.tokens_per_seq)
    produced = merged_on_path(request_events.num_produced_tokens, request, num_accepted, max_total_tokens, config)
    prove_alive(ctx, label, request_events.after_tokens(request, produced), max_total_tokens, config)


def prove_visited_decode(ctx: Context, config: ServingConfig, policy: Policy) -> None:
    """The scheduler visits the decode and gives it blocks."""
    request, max_total_tokens = any_living_decode(ctx, config)
    after = grown(ctx, request, config, policy)
    ctx.prove("visited decode: blocks never go away", after.num_blocks >= request.num_blocks)
    prove_decode_step(ctx, "visited decode", after, max_total_tokens, config)


def prove_unvisited_decode(ctx: Context, configs: Configs, policy: Policy, given: Claim) -> None:
    """A step ends without a visit to the decode, and the worker runs it with the blocks that it has."""
    frame, _, num_unvisited = any_last_running_turn(ctx, configs, policy, given)
    ctx.cover("a turn is taken, or none is left")
    if num_unvisited == 0:
        return
    request, max_total_tokens = any_living_decode(ctx, frame.config)
    prove_decode_step(ctx, "unvisited decode", request, max_total_tokens, frame.config)


def prove_preemption(ctx: Context, config: ServingConfig, policy: Policy) -> None:
    """A running request loses its blocks."""
    request, max_total_tokens = any_living_request(ctx, config, num_items=1)
    prove_alive(
        ctx,
        "preemption",
        request_events.after_preemption(request, policy.keeps_slot_of_preempted),
        max_total_tokens,
        config,
    )


def prove_arrival_of_cache(ctx: Context, config: ServingConfig, policy: Policy) -> None:
    """A preallocated request joins the batch of a decode node; at two tokens of output or more."""
    ctx.assume(ctx.merged(lambda: config.role == Role.DECODE))
    num_prompt_tokens = ctx.integer("num_prompt_tokens", 1)
    max_total_tokens = ctx.integer("max_total_tokens", 1)
    ctx.assume(num_prompt_tokens + 1 < max_total_tokens)
    ctx.assume(max_total_tokens <= config.max_model_len)
    num_blocks = policy.preallocated_blocks(num_prompt_tokens, config)
    request = replace(new_request("request", num_prompt_tokens), num_blocks=num_blocks)
    arrived = (
        request_events.after_arrival_with_prefill
        if policy.prefills_on_arrival
        else request_events.after_arrival_of_cache
    )
    prove_alive(ctx, "arrival of the cache", arrived(request), max_total_tokens, config)


EVENTS: dict[str, Callable[[Context, ServingConfig, Policy], None]] = {
    "arrival": prove_arrival,
    "chunk": prove_chunk,
    "visited decode": prove_visited_decode,
    "preemption": prove_preemption,
    "arrival of the cache": prove_arrival_of_cache,
}
"""Whatever changes a request's counts."""


UNVISITED = "unvisited decode"


def prove_blocks_cover_tokens(ctx: Context, configs: Configs, policy: Policy, given: Claim) -> None:
    """Each event leaves a living request, or one that is finished, with blocks for its tokens."""
    event = ctx.one_of("event", (UNVISITED, *EVENTS))
    if event == UNVISITED:
        prove_unvisited_decode(ctx, configs, policy, given)
    else:
        EVENTS[event](ctx, configs(ctx, policy), policy)


def claims_of(event: str) -> tuple[str, str]:
    """Return what is claimed after each event."""
    return f"{event}: its blocks cover its tokens", f"{event}: it is as the next event expects it"


def run_covers_tokens(step: RunStep, policy: Policy) -> bool:
    """No request holds more tokens than its blocks have slots after the step."""
    return all(blocks_cover_tokens(request, step.config) for request in step.after.values())


BLOCKS_COVER_TOKENS = Invariant(
    name="blocks_cover_tokens",
    family="blocks",
    consequence=Consequence.WRONG_OUTPUT,
    sentence="A sequence never holds more tokens than its KV blocks have slots.",
    statement=blocks_cover_tokens,
    fields=(*BUDGET_FIELDS, "block_size", "enc_dec_block_num", "prealloc_dec_block_slot_num_threshold"),
    origin="Out of budget, the scheduler gives no blocks, and the worker decodes on: accepted drafts overrun them.",
    scope="any number of requests and steps",
    proof=prove_blocks_cover_tokens,
    on_run=run_covers_tokens,
    builds_on=BUDGET_NONNEGATIVE,
    covers=frozenset(
        {
            "arrival: no more than is cached",
            "arrival: it has something to prefill",
            "chunk: what is shared is not taken",
            "chunk: it counts the blocks of its table",
            "chunk: the last one computes everything",
            "visited decode: blocks never go away",
            "a turn is taken, or none is left",
            *(claim for event in EVENTS for claim in claims_of(event)),
        }
    ),
)
