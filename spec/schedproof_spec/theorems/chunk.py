"""How the chunk family is proved."""

from __future__ import annotations

from dataclasses import replace

from schedproof.engines.fastdeploy.config import Role, ServingConfig
from schedproof.engines.fastdeploy.ledger import Ledger
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.engines.fastdeploy.rules.chunk import item_cut_by
from schedproof.engines.fastdeploy.turns import Phase, Queues, Visit, next_turn, open_step
from schedproof.request import Request, new_request
from schedproof_spec.invariant import Consequence, Invariant
from schedproof_spec.prover.context import Context
from schedproof_spec.rules.chunk import (
    capacity_covers,
    capacity_is_reached,
    chunk_advances_within_prompt,
    chunk_leaves_items_whole,
    visited_chunks_hold,
)
from schedproof_spec.states.domain import Configs
from schedproof_spec.states.ledger import Claim, any_frame, any_moment, by_induction, queues_at
from schedproof_spec.theorems.budget import BUDGET_FIELDS, BUDGET_NONNEGATIVE, EVERY_TURN


def prove_chunk_within_prompt(ctx: Context, configs: Configs, policy: Policy, given: Claim) -> None:
    """For any request and budget; chunks that advance and stop at the end tile the prompt exactly."""
    request, chunk, _ = any_chunk(ctx, configs, policy, given)
    ctx.prove("chunk_within_prompt", ctx.merged(lambda: chunk == 0 or chunk_advances_within_prompt(request, chunk)))
    rest = replace(request, num_computed_tokens=request.num_computed_tokens + chunk)
    ctx.prove("the next chunk begins where this one ends", rest.num_prefill_tokens_left >= 0)
    ctx.assume(chunk == request.num_prefill_tokens_left)
    ctx.cover("a chunk ends its prompt")
    ctx.prove("a prompt that is tiled decodes", ctx.merged(lambda: rest.is_decoding))


def any_chunk(ctx: Context, configs: Configs, policy: Policy, given: Claim) -> tuple[Request, int, int]:
    """Draw a turn in which a prompt is visited; return the request, its chunk, and the budget before."""
    frame = any_frame(ctx, configs, policy)
    moment = any_moment(ctx, frame)
    ctx.assume(ctx.merged(lambda: given(moment, frame)))
    turn = next_turn(moment.ledger, queues_at(ctx, moment, frame, num_items=2), frame.config, policy)
    ctx.assume(isinstance(turn, Visit) and turn.phase is not Phase.DECODE)
    assert isinstance(turn, Visit)
    return turn.request, turn.grant.num_tokens, moment.ledger.budget


CHUNK_WITHIN_PROMPT = Invariant(
    name="chunk_within_prompt",
    family="chunk",
    consequence=Consequence.WRONG_OUTPUT,
    sentence="A chunk is positive and not longer than what is left of its prompt; chunks tile the prompt exactly.",
    statement=chunk_advances_within_prompt,
    origin="A negative budget that a loop guard lets through would give a negative chunk.",
    fields=BUDGET_FIELDS,
    proof=prove_chunk_within_prompt,
    covers=frozenset(
        {
            "chunk_within_prompt",
            "the next chunk begins where this one ends",
            "a chunk ends its prompt",
            "a prompt that is tiled decodes",
        }
    ),
    builds_on=BUDGET_NONNEGATIVE,
    applies=lambda config: config.role != Role.DECODE,
    otherwise="a decode node does not prefill",
    on_run=lambda step, policy: visited_chunks_hold(
        step.plan, lambda request, chunk, budget: chunk_advances_within_prompt(request, chunk)
    ),
)


def prove_chunk_respects_items(ctx: Context, configs: Configs, policy: Policy, given: Claim) -> None:
    """For any request with any number of items, of which two stand for all."""
    request, chunk, budget = any_chunk(ctx, configs, policy, given)
    ctx.prove(
        "chunk_respects_items", ctx.merged(lambda: chunk == 0 or chunk_leaves_items_whole(request, chunk, budget))
    )
    ctx.assume(ctx.merged(lambda: item_cut_by(request.items, request.num_computed_tokens + budget) is not None))
    ctx.assume(budget < request.num_prefill_tokens_left)
    ctx.cover("the budget ends inside an item")


CHUNK_RESPECTS_ITEMS = Invariant(
    name="chunk_respects_items",
    family="chunk",
    consequence=Consequence.WRONG_OUTPUT,
    sentence="A multimodal item is never cut, and never pushes a step over the budget.",
    statement=chunk_leaves_items_whole,
    origin="FastDeploy rounds a chunk up to the end of an item, past the budget.",
    fields=BUDGET_FIELDS,
    proof=prove_chunk_respects_items,
    covers=frozenset({"chunk_respects_items", "the budget ends inside an item"}),
    builds_on=BUDGET_NONNEGATIVE,
    applies=lambda config: config.role != Role.DECODE and config.max_multimodal_item_tokens > 0,
    otherwise="no multimodal items are prefilled",
    on_run=lambda step, policy: visited_chunks_hold(step.plan, chunk_leaves_items_whole),
)


def prove_capacity_covers(ctx: Context, configs: Configs, policy: Policy, given: Claim) -> None:
    """By induction over the turns of a step."""
    by_induction(
        ctx,
        configs,
        policy,
        lambda moment, frame: capacity_covers(moment.ledger.view(frame.config), frame.config, policy),
        given,
    )


def prove_capacity_is_never_reached(ctx: Context, configs: Configs, policy: Policy, given: Claim) -> None:
    """By induction over the turns of a step."""
    by_induction(
        ctx,
        configs,
        policy,
        lambda moment, frame: moment.ledger.num_tokens(frame.config) < policy.max_chunk_tokens(frame.config),
        given,
    )


def prove_capacity_is_reached(ctx: Context, configs: Configs, policy: Policy, given: Claim) -> None:
    """A decode node reaches it with every slot decoding; another node by admitting prompts until it is full.

    The second is an induction: as long as the rest of the limit fits the prompts of the free slots, admitting a
    prompt of that rest, or one of ``max_model_len``, keeps it so, and with no slot left nothing is left either.
    """
    config = configs(ctx, policy)
    if config.role == Role.DECODE:
        full = open_step(
            config,
            policy,
            num_decoding=config.max_num_seqs,
            num_reserved=config.max_num_seqs,
            num_free_blocks=0,
            num_slots_used=config.max_num_seqs,
        )
        reached = ctx.merged(lambda: capacity_is_reached(full.view(config), config, policy))
        ctx.prove("every slot decodes", reached)
        return
    part = ctx.one_of("part", ("open", "admit", "full"))
    empty = ctx.merged(
        lambda: open_step(config, policy, num_decoding=0, num_reserved=0, num_free_blocks=0, num_slots_used=0)
    )
    if part == "open":
        ctx.prove("an empty step can be filled", ctx.merged(lambda: can_be_filled(empty, config, policy)))
        return
    before = replace(
        empty,
        budget=ctx.integer("budget", 0),
        prefill_tokens=ctx.integer("prefill_tokens", 0),
        num_slots_used=ctx.integer("num_slots_used", 0),
        num_free_blocks=ctx.integer("num_free_blocks", 0),
        num_waiting=1,
    )
    ctx.assume(ctx.merged(lambda: can_be_filled(before, config, policy)))
    if part == "full":
        ctx.assume(before.budget == 0)
        reached = ctx.merged(lambda: capacity_is_reached(before.view(config), config, policy))
        ctx.prove("a filled step reaches it", reached)
        return
    ctx.assume(before.budget > 0)
    prompt = ctx.merged(lambda: min(before.budget, config.max_model_len))
    request = new_request("request", prompt)
    ctx.assume(policy.prefill_blocks(request, prompt, config) <= before.num_free_blocks)
    ctx.prove("a slot is free", before.num_slots_used < config.max_num_seqs)
    queues = Queues(running=(), waiting=(request,), num_free_blocks=before.num_free_blocks)
    turn = next_turn(before, queues, config, policy)
    ctx.prove("a prompt is admitted", turn is not None)
    if isinstance(turn, Visit):
        ctx.prove("a prompt fits", turn.grant.num_tokens == prompt)
        ctx.prove("an admission keeps it so", ctx.merged(lambda: can_be_filled(turn.after, config, policy)))
        ctx.prove("an admission advances", turn.after.budget < before.budget)


def can_be_filled(ledger: Ledger, config: ServingConfig, policy: Policy) -> bool:
    """What is missing to the capacity is the budget, and fits the prompts of the free slots."""
    free_slots = config.max_num_seqs - ledger.num_slots_used
    return (
        ledger.budget >= 0
        and free_slots >= 0
        and ledger.num_tokens(config) + ledger.budget == policy.max_chunk_tokens(config)
        and free_slots * config.max_model_len >= ledger.budget
    )


CHUNK_CAPACITY_COVERS_STEP = Invariant(
    name="chunk_capacity_covers_step",
    family="chunk",
    consequence=Consequence.CRASH,
    sentence="The role's max_chunk_tokens is at least any step's tokens, and some step reaches it.",
    statement=capacity_covers,
    origin="PR 7756: a decode node planned its KV cache for one token a sequence under MTP.",
    fields=("max_num_batched_tokens", "max_num_seqs", "num_speculative_tokens", "max_model_len"),
    proof=prove_capacity_covers,
    covers=EVERY_TURN
    | {
        "every slot decodes",
        "an empty step can be filled",
        "a filled step reaches it",
        "a slot is free",
        "a prompt is admitted",
        "a prompt fits",
        "an admission keeps it so",
        "an admission advances",
    },
    builds_on=BUDGET_NONNEGATIVE,
    existence=prove_capacity_is_reached,
    absence=prove_capacity_is_never_reached,
    on_run=lambda step, policy: capacity_covers(step.plan.final.view(step.config), step.config, policy),
)
