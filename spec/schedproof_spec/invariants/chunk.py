"""The chunk family: how prompts are cut, and the largest step that the engine plans for."""

from __future__ import annotations

from dataclasses import replace

from schedproof.engines.fastdeploy.config import Role, ServingConfig
from schedproof.engines.fastdeploy.ledger import NOTHING, Step, admit, ask, open_step
from schedproof.engines.fastdeploy.loop import Phase, Queues, StepPlan
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.engines.fastdeploy.rules.chunk import item_cut_by
from schedproof.request import Request
from schedproof_spec.invariant import Invariant, always
from schedproof_spec.invariants.budget import BUDGET_FIELDS, BUDGET_NONNEGATIVE, STEP_SHAPES
from schedproof_spec.prover.context import Context
from schedproof_spec.prover.mutants import Mutant
from schedproof_spec.states.domain import Configs, Shape, any_config
from schedproof_spec.states.ledger import (
    Claim,
    any_frame,
    any_moment,
    any_prefilling_request,
    by_induction,
)

ITEM_SHAPES = (Shape(0, 1, num_items=1), Shape(1, 1, num_items=1))
"""States with an item to cut."""


def chunk_advances_within_prompt(request: Request, chunk: int) -> bool:
    """A chunk that runs is positive and not longer than what is left of the prompt."""
    return (chunk > 0) & (chunk <= request.num_prefill_tokens_left)


def visited_chunks_hold(plan: StepPlan, statement: object) -> bool:
    """Every chunk that the plan runs satisfies a statement about request, chunk and budget before."""
    return all(
        statement(visit.request, visit.grant.num_tokens, visit.before.budget)  # type: ignore[operator]
        for visit in plan.visits
        if visit.phase is not Phase.DECODE and visit.grant != NOTHING
    )


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
    """Draw a visit to a prefilling request; return the request, its chunk, and the budget before."""
    frame = any_frame(ctx, configs, policy)
    moment = any_moment(ctx, frame)
    step = moment.step
    ctx.assume(ctx.merged(lambda: given(moment, frame)))
    ctx.assume(ctx.merged(lambda: policy.keeps_visiting(step.budget)))
    request = any_prefilling_request(ctx, frame.config, num_items=2)
    grant = ctx.merged(lambda: ask(request, step.budget, frame.config, policy))
    return request, grant.num_tokens, step.budget


CHUNK_WITHIN_PROMPT = Invariant(
    name="chunk_within_prompt",
    family="chunk",
    sentence="A chunk is positive and not longer than what is left of its prompt; chunks tile the prompt exactly.",
    statement=chunk_advances_within_prompt,
    origin="A negative budget that a loop guard lets through would give a negative chunk.",
    fields=BUDGET_FIELDS,
    mutants=(
        Mutant(
            name="let the budget decide beyond the prompt's end",
            module="schedproof.engines.fastdeploy.rules.chunk",
            function="reachable_end",
            old="return need",
            new="return computed + budget",
        ),
        Mutant(
            name="align an end below the start",
            module="schedproof.engines.fastdeploy.rules.chunk",
            function="reachable_end",
            old="max(computed, aligned)",
            new="aligned",
        ),
    ),
    proof=prove_chunk_within_prompt,
    builds_on=BUDGET_NONNEGATIVE,
    configs=any_config,
    applies=lambda config: config.role != Role.DECODE,
    otherwise="a decode node does not prefill",
    on_plan=lambda plan, queues, config, policy: visited_chunks_hold(
        plan, lambda request, chunk, budget: chunk_advances_within_prompt(request, chunk)
    ),
    shapes=STEP_SHAPES,
)


def chunk_leaves_items_whole(request: Request, chunk: int, budget: int) -> bool:
    """A chunk ends outside every item, and within the budget."""
    return item_cut_by(request.items, request.num_computed_tokens + chunk) is None and chunk <= budget


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
    sentence="A multimodal item is never cut, and never pushes a step over the budget.",
    statement=chunk_leaves_items_whole,
    origin="FastDeploy rounds a chunk up to the end of an item, past the budget.",
    fields=BUDGET_FIELDS,
    mutants=(
        Mutant(
            name="cut the item",
            module="schedproof.engines.fastdeploy.rules.chunk",
            function="next_chunk",
            old="end = item.start",
            new="pass",
        ),
        Mutant(
            name="run the item past the budget",
            module="schedproof.engines.fastdeploy.rules.chunk",
            function="next_chunk",
            old="end = item.start",
            new="end = item.end",
        ),
    ),
    proof=prove_chunk_respects_items,
    builds_on=BUDGET_NONNEGATIVE,
    configs=any_config,
    applies=lambda config: config.role != Role.DECODE and config.max_multimodal_item_tokens > 0,
    otherwise="no multimodal items are prefilled",
    on_plan=lambda plan, queues, config, policy: visited_chunks_hold(plan, chunk_leaves_items_whole),
    shapes=ITEM_SHAPES,
)


def capacity_covers(step: Step, config: ServingConfig, policy: Policy) -> bool:
    """The engine plans for at least the tokens that the step runs."""
    return step.num_tokens(config) <= policy.max_chunk_tokens(config)


def capacity_is_reached(step: Step, config: ServingConfig, policy: Policy) -> bool:
    """The step runs as many tokens as the engine plans for."""
    return step.num_tokens(config) == policy.max_chunk_tokens(config)


def prove_capacity_covers(ctx: Context, configs: Configs, policy: Policy, given: Claim) -> None:
    """By induction over the turns of a step."""
    by_induction(
        ctx, configs, policy, lambda moment, frame: capacity_covers(moment.step, frame.config, policy), given
    )


def prove_capacity_is_never_reached(ctx: Context, configs: Configs, policy: Policy, given: Claim) -> None:
    """By induction over the turns of a step."""
    by_induction(
        ctx,
        configs,
        policy,
        lambda moment, frame: moment.step.num_tokens(frame.config) < policy.max_chunk_tokens(frame.config),
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
            config, policy, num_decoding=config.max_num_seqs, num_free_blocks=0, num_slots_used=config.max_num_seqs
        )
        ctx.prove("every slot decodes", ctx.merged(lambda: capacity_is_reached(full, config, policy)))
        return
    part = ctx.one_of("part", ("open", "admit", "full"))
    empty = ctx.merged(lambda: open_step(config, policy, num_decoding=0, num_free_blocks=0, num_slots_used=0))
    if part == "open":
        ctx.prove("an empty step can be filled", ctx.merged(lambda: can_be_filled(empty, config, policy)))
        return
    step = replace(
        empty,
        budget=ctx.integer("budget", 0),
        prefill_tokens=ctx.integer("prefill_tokens", 0),
        num_slots_used=ctx.integer("num_slots_used", 0),
        num_free_blocks=ctx.integer("num_free_blocks", 0),
    )
    ctx.assume(ctx.merged(lambda: can_be_filled(step, config, policy)))
    if part == "full":
        ctx.assume(step.budget == 0)
        ctx.prove("a filled step reaches it", ctx.merged(lambda: capacity_is_reached(step, config, policy)))
        return
    ctx.assume(step.budget > 0)
    prompt = ctx.merged(lambda: min(step.budget, config.max_model_len))
    request = Request(request_id="request", need_prefill_tokens=prompt, num_total_tokens=prompt)
    grant = ctx.merged(lambda: ask(request, step.budget, config, policy))
    ctx.prove("a prompt fits", grant.num_tokens == prompt)
    ctx.prove("a slot is free", step.num_slots_used < config.max_num_seqs)
    after = admit(step, grant)
    ctx.prove("an admission keeps it so", ctx.merged(lambda: can_be_filled(after, config, policy)))
    ctx.prove("an admission advances", after.budget < step.budget)


def can_be_filled(step: Step, config: ServingConfig, policy: Policy) -> bool:
    """What is missing to the capacity is the budget, and fits the prompts of the free slots."""
    free_slots = config.max_num_seqs - step.num_slots_used
    return (
        step.budget >= 0
        and free_slots >= 0
        and step.num_tokens(config) + step.budget == policy.max_chunk_tokens(config)
        and free_slots * config.max_model_len >= step.budget
    )


def plan_is_covered(plan: StepPlan, queues: Queues, config: ServingConfig, policy: Policy) -> bool:
    """The engine plans for at least the tokens of the planned step."""
    return capacity_covers(plan.final, config, policy)


CHUNK_CAPACITY_COVERS_STEP = Invariant(
    name="chunk_capacity_covers_step",
    family="chunk",
    sentence="The role's max_chunk_tokens is at least any step's tokens, and some step reaches it.",
    statement=capacity_covers,
    origin="PR 7756: a decode node planned its KV cache for one token a sequence under MTP.",
    fields=("max_num_batched_tokens", "max_num_seqs", "num_speculative_tokens", "max_model_len"),
    mutants=(
        Mutant(
            name="forget the drafts of a decode node",
            module="schedproof.engines.fastdeploy.rules.capacity",
            function="max_chunk_tokens",
            old="config.max_decode_tokens",
            new="config.max_num_seqs",
        ),
        Mutant(
            name="plan for the limit on a decode node",
            module="schedproof.engines.fastdeploy.rules.capacity",
            function="max_chunk_tokens",
            old="config.max_decode_tokens",
            new="config.max_num_batched_tokens",
        ),
    ),
    proof=prove_capacity_covers,
    builds_on=BUDGET_NONNEGATIVE,
    existence=prove_capacity_is_reached,
    absence=prove_capacity_is_never_reached,
    configs=any_config,
    applies=always,
    otherwise="",
    on_plan=plan_is_covered,
    shapes=STEP_SHAPES,
)
