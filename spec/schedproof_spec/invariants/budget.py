"""The budget family: what a step hands out, and what it really runs."""

from __future__ import annotations

from schedproof.engines.fastdeploy.config import Role, ServingConfig
from schedproof.engines.fastdeploy.ledger import NOTHING, Grant, Step, ask
from schedproof.engines.fastdeploy.loop import Phase, Queues, StepPlan, has_blocks_to_admit, visit_waiting
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.request import Request
from schedproof_spec.invariant import Invariant, always
from schedproof_spec.prover.context import Context
from schedproof_spec.prover.mutants import Mutant
from schedproof_spec.states.domain import Configs, Shape, any_config, any_request
from schedproof_spec.states.ledger import (
    TURNS,
    Claim,
    Moment,
    StepFrame,
    any_frame,
    any_moment,
    any_prefilling_request,
    any_turn,
    by_induction,
)
from schedproof_spec.states.merged import next_chunk, prefill_blocks

ITEM_SHAPE = Shape(0, 1, num_items=1)
"""One prompt with an item that a chunk may cut."""

STEP_SHAPES = (Shape(1, 0), Shape(0, 1), Shape(1, 1), ITEM_SHAPE, Shape(2, 0), Shape(1, 1, num_items=1))
"""One or two requests, text first."""

BUDGET_FIELDS = ("max_num_batched_tokens", "max_num_seqs", "num_speculative_tokens", "max_multimodal_item_tokens")


def budget_is_not_negative(step: Step) -> bool:
    """The remaining budget is never below zero."""
    return step.budget >= 0


def has_budget(moment: Moment, frame: StepFrame) -> bool:
    """Claim it of one point of a step."""
    return budget_is_not_negative(moment.step)


def prove_budget_nonnegative(ctx: Context, configs: Configs, policy: Policy, given: Claim) -> None:
    """By induction over the turns of a step."""
    by_induction(ctx, configs, policy, has_budget, given)


BUDGET_NONNEGATIVE = Invariant(
    name="budget_nonnegative",
    family="budget",
    sentence="The remaining budget is never below zero, at any point of a step.",
    statement=budget_is_not_negative,
    origin="PR 7440, review: reserving for every slot makes the budget negative, which a floor then hides.",
    fields=BUDGET_FIELDS,
    mutants=(
        Mutant(
            name="reserve nothing for drafts at the start-up check",
            module="schedproof.engines.fastdeploy.startup",
            function="decodes_fit_budget",
            old="config.max_decode_tokens",
            new="config.max_num_seqs",
        ),
        Mutant(
            name="run an item past the budget",
            module="schedproof.engines.fastdeploy.rules.chunk",
            function="next_chunk",
            old="end = item.start",
            new="end = item.end",
        ),
    ),
    proof=prove_budget_nonnegative,
    at_every_moment=has_budget,
    configs=any_config,
    applies=always,
    otherwise="",
    on_plan=lambda plan, queues, config, policy: all(budget_is_not_negative(step) for step in plan.ledgers),
    shapes=(Shape(1, 0), ITEM_SHAPE, Shape(1, 1), Shape(2, 0), Shape(1, 1, num_items=1)),
)


def step_is_within_limit(step: Step, config: ServingConfig) -> bool:
    """The tokens that the worker runs never exceed the limit."""
    return step.num_tokens(config) <= config.max_num_batched_tokens


def prove_no_overshoot(ctx: Context, configs: Configs, policy: Policy, given: Claim) -> None:
    """By induction over the turns of a step."""
    by_induction(ctx, configs, policy, lambda moment, frame: step_is_within_limit(moment.step, frame.config), given)


NO_OVERSHOOT = Invariant(
    name="no_overshoot",
    family="budget",
    sentence="The tokens that a step really runs never exceed max_num_batched_tokens.",
    statement=step_is_within_limit,
    origin="PR 7438: steps exceed the limit under speculative decoding, Paddle allocates new shapes until OOM.",
    fields=BUDGET_FIELDS,
    mutants=(
        Mutant(
            name="charge one token a decode",
            module="schedproof.engines.fastdeploy.rules.budget",
            function="decode_tokens",
            old="num_decoding * config.tokens_per_seq",
            new="num_decoding",
        ),
        Mutant(
            name="forget the bonus token",
            module="schedproof.engines.fastdeploy.rules.budget",
            function="decode_tokens",
            old="config.tokens_per_seq",
            new="(config.tokens_per_seq - 1)",
        ),
    ),
    proof=prove_no_overshoot,
    builds_on=BUDGET_NONNEGATIVE,
    configs=any_config,
    applies=always,
    otherwise="",
    on_plan=lambda plan, queues, config, policy: step_is_within_limit(plan.final, config),
    shapes=STEP_SHAPES,
)


def could_use(request: Request, grant: Grant, headroom: int, num_free_blocks: int, config: ServingConfig) -> bool:
    """The request could prefill more with this many tokens, and KV blocks for all of it are there."""
    chunk = next_chunk(request, grant.num_tokens + headroom, config)
    blocks = prefill_blocks(request, request.num_prefill_tokens_left, config) - grant.num_new_blocks
    return chunk > grant.num_tokens and blocks <= num_free_blocks


def could_be_admitted(request: Request, headroom: int, step: Step, queues: Queues, config: ServingConfig) -> bool:
    """A waiting request could start with this many tokens: a slot, and KV blocks for all of it, are there."""
    whole = request.num_prefill_tokens_left
    grant = Grant(num_tokens=whole, num_new_blocks=prefill_blocks(request, whole, config))
    return (
        headroom > 0
        and step.num_slots_used < config.max_num_seqs
        and has_blocks_to_admit(step, grant, queues)
        and next_chunk(request, headroom, config) > 0
    )


def no_work_could_use_the_rest(plan: StepPlan, queues: Queues, config: ServingConfig) -> bool:
    """A step that preempts nothing leaves tokens over only if no prefill could use them."""
    headroom = config.max_num_batched_tokens - plan.num_tokens(config)
    if len(plan.preempted) > 0 or headroom <= 0:
        return True
    granted = {visit.request.request_id: visit.grant for visit in plan.visits}
    for request in queues.running:
        grant = granted.get(request.request_id, NOTHING)
        if not request.is_decoding and could_use(request, grant, headroom, plan.final.num_free_blocks, config):
            return False
    refused = [request for request in queues.waiting if request.request_id not in granted]
    return not (len(refused) > 0 and could_be_admitted(refused[0], headroom, plan.final, queues, config))


def prove_budget_tight(ctx: Context, configs: Configs, policy: Policy, given: Claim) -> None:
    """What the step leaves over is budget; budget only falls; and no visited request could use it."""
    part = ctx.one_of("part", ("rest", "fall", "visit", "running", "waiting"))
    if part == "rest":
        by_induction(ctx, configs, policy, rest_is_budget, given)
        return
    if part == "visit":
        prove_visit_satisfies(ctx, configs(ctx, policy), policy)
        return
    frame = any_frame(ctx, configs, policy)
    before = any_moment(ctx, frame)
    ctx.assume(ctx.merged(lambda: given(before, frame) and rest_is_budget(before, frame)))
    if part == "fall":
        turn = ctx.one_of("turn", TURNS)
        after = any_turn(ctx, turn, before, frame)
        ctx.prove(f"{turn} leaves no more budget", after.step.budget <= before.step.budget)
        return
    ctx.assume(before.step.num_preempted == 0)
    if part == "running":
        visits = ctx.merged(lambda: policy.keeps_visiting(before.step.budget))
        ctx.prove("the loop stops with nothing left", ctx.merged(lambda: visits or before.step.budget <= 0))
    else:
        prove_waiting_is_satisfied(ctx, frame, before.step)


def rest_is_budget(moment: Moment, frame: StepFrame) -> bool:
    """Without preemption, what the step leaves below the limit is not more than the budget.

    A step whose every slot decodes has no prompt that could use the rest.
    """
    config, step = frame.config, moment.step
    still_charged = moment.num_unvisited * frame.policy.decode_charge(config)
    total = step.num_tokens(config) + step.budget - still_charged
    only_decodes = step.num_decoding >= config.max_num_seqs
    return step.num_preempted > 0 or only_decodes or total >= config.max_num_batched_tokens


def prove_visit_satisfies(ctx: Context, config: ServingConfig, policy: Policy) -> None:
    """With any part of the budget that a visit leaves, the request's chunk would not be longer."""
    request = any_prefilling_request(ctx, config, num_items=2)
    budget, rest = ctx.integer("budget"), ctx.integer("rest_of_budget", 1)
    grant = ctx.merged(lambda: ask(request, budget, config, policy))
    ctx.assume(rest <= budget - grant.num_tokens)
    chunk = next_chunk(request, grant.num_tokens + rest, config)
    ctx.prove("a visited request could not use the rest", chunk <= grant.num_tokens)


def prove_waiting_is_satisfied(ctx: Context, frame: StepFrame, step: Step) -> None:
    """A request at the head of the waiting queue is visited with the whole budget, or could not be admitted."""
    config, policy = frame.config, frame.policy
    request = any_prefilling_request(ctx, config, num_items=2)
    queues = Queues(
        running=(),
        waiting=(request,),
        num_free_blocks=step.num_free_blocks,
        num_reserved_blocks_per_seq=ctx.integer("num_reserved_blocks_per_seq", 0),
    )
    after, visits = visit_waiting(step, queues, config, policy)
    if visits == ():
        ctx.prove(
            "a refused request could not use the rest",
            ctx.merged(lambda: not could_be_admitted(request, after.budget, after, queues, config)),
        )
        return
    asked = ctx.merged(lambda: ask(request, step.budget, config, policy))
    ctx.prove("an admitted request gets what it asks for", ctx.merged(lambda: visits[0].grant == asked))
    ctx.prove("an admission leaves the rest", after.budget == step.budget - asked.num_tokens)


BUDGET_TIGHT = Invariant(
    name="budget_tight",
    family="budget",
    sentence="A step that preempts nothing leaves budget over only if no waiting work could use it.",
    statement=no_work_could_use_the_rest,
    origin="PR 7438, review: reserving for max_num_seqs sequences that do not exist starves prefill.",
    fields=BUDGET_FIELDS,
    mutants=(
        Mutant(
            name="reserve for every slot",
            module="schedproof.engines.fastdeploy.rules.budget",
            function="prefill_budget",
            old="decode_tokens(config, num_decoding)",
            new="decode_tokens(config, config.max_num_seqs)",
        ),
        Mutant(
            name="take a decode off the budget that is not there",
            module="schedproof.engines.fastdeploy.rules.budget",
            function="decode_tokens",
            old="num_decoding *",
            new="(num_decoding + 1) *",
        ),
    ),
    proof=prove_budget_tight,
    builds_on=BUDGET_NONNEGATIVE,
    configs=any_config,
    applies=lambda config: config.role != Role.DECODE,
    otherwise="a decode node does not prefill",
    on_plan=lambda plan, queues, config, policy: no_work_could_use_the_rest(plan, queues, config),
    shapes=STEP_SHAPES,
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


def prove_every_decode_served(ctx: Context, configs: Configs, policy: Policy, given: Claim) -> None:
    """The running loop visits every decode that lacks blocks, and a visited decode asks for enough."""
    frame = any_frame(ctx, configs, policy)
    moment = any_moment(ctx, frame)
    config, step = frame.config, moment.step
    ctx.assume(ctx.merged(lambda: given(moment, frame)))
    request = any_request(ctx, "request", config)
    ctx.assume(ctx.merged(lambda: request.is_decoding and config.runs_decode))
    ctx.assume(moment.num_unvisited > 0)
    visits = ctx.merged(lambda: policy.keeps_visiting(step.budget))
    ctx.prove(
        "a decode is visited, or served without",
        ctx.merged(lambda: visits or decode_is_served(request, without_visit(config), config)),
    )
    grant = ctx.merged(lambda: ask(request, step.budget, config, policy))
    ctx.prove("a visited decode is served", ctx.merged(lambda: decode_is_served(request, grant, config)))


EVERY_DECODE_SERVED = Invariant(
    name="every_decode_served",
    family="budget",
    sentence="Every decoding sequence that is not preempted gets its tokens and their KV blocks in every step.",
    statement=decode_is_served,
    origin="Upstream's loop guard `budget > 0`: decodes behind an exhausted budget run on without new KV blocks.",
    fields=(*BUDGET_FIELDS, "block_size", "enc_dec_block_num", "prealloc_dec_block_slot_num_threshold"),
    mutants=(
        Mutant(
            name="stop when the budget is used up",
            module="schedproof.engines.fastdeploy.reference_policy",
            function="ReferencePolicy.keeps_visiting",
            old="return True",
            new="return budget > 0",
        ),
        Mutant(
            name="forget that the last sampled token is written too",
            module="schedproof.engines.fastdeploy.rules.blocks",
            function="decode_blocks",
            old="request.num_total_tokens - 1 + config.tokens_per_seq",
            new="request.num_total_tokens - 2 + config.tokens_per_seq",
        ),
    ),
    proof=prove_every_decode_served,
    builds_on=BUDGET_NONNEGATIVE,
    configs=any_config,
    applies=lambda config: config.runs_decode,
    otherwise="a prefill node does not decode",
    on_plan=lambda plan, queues, config, policy: every_decode_is_served(plan, config),
    shapes=(Shape(1, 0), Shape(2, 0), Shape(1, 1)),
)


def charge_is_what_runs(config: ServingConfig, policy: Policy, num_decoding: int) -> bool:
    """One more decode costs the budget what the worker runs for it."""
    without = policy.initial_budget(config, num_decoding)
    with_one_more = policy.initial_budget(config, num_decoding + 1) - policy.decode_charge(config)
    return without - with_one_more == config.tokens_per_seq


def prove_charge_follows_method(ctx: Context, configs: Configs, policy: Policy, given: Claim) -> None:
    """For every configuration and number of decodes."""
    config = configs(ctx, policy)
    num_decoding = ctx.integer("num_decoding", 0)
    ctx.assume(num_decoding < config.max_num_seqs)
    ctx.assume(ctx.merged(lambda: config.runs_decode))
    ctx.prove("charge_follows_method", ctx.merged(lambda: charge_is_what_runs(config, policy, num_decoding)))


CHARGE_FOLLOWS_METHOD = Invariant(
    name="charge_follows_method",
    family="budget",
    sentence="One more decode costs the budget what the worker runs: k + 1 tokens with drafts, 1 without.",
    statement=charge_is_what_runs,
    origin="PR 7438 charges drafts when a config object exists, PR 7623 charges them for MTP alone.",
    fields=("num_speculative_tokens",),
    mutants=(
        Mutant(
            name="charge a decode without its drafts",
            module="schedproof.engines.fastdeploy.rules.budget",
            function="decode_tokens",
            old="num_decoding * config.tokens_per_seq",
            new="num_decoding",
        ),
        Mutant(
            name="charge a visited decode once more",
            module="schedproof.engines.fastdeploy.reference_policy",
            function="ReferencePolicy.decode_charge",
            old="return 0",
            new="return 1",
        ),
    ),
    proof=prove_charge_follows_method,
    configs=any_config,
    applies=lambda config: config.runs_decode,
    otherwise="a prefill node does not decode",
)
