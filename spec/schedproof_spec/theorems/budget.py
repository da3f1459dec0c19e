"""How the budget family is proved."""

from __future__ import annotations

from typing import Any

from schedproof.engines.fastdeploy.config import Role
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.engines.fastdeploy.turns import Phase, Skip, Visit, ask, next_turn
from schedproof_spec.invariant import Consequence, Invariant
from schedproof_spec.prover.context import Context
from schedproof_spec.rules.budget import (
    budget_is_not_negative,
    charge_is_what_runs,
    could_be_admitted,
    decode_is_served,
    every_decode_is_served,
    no_work_could_use_the_rest,
    step_is_within_limit,
    without_visit,
)
from schedproof_spec.states.domain import Configs
from schedproof_spec.states.ledger import (
    Claim,
    Moment,
    StepFrame,
    any_frame,
    any_moment,
    by_induction,
    queues_at,
)
from schedproof_spec.states.life import any_living_decode
from schedproof_spec.states.merged import next_chunk
from schedproof_spec.states.queue_entries import any_waiting_request
from schedproof_spec.states.turned import TURNS, label_of

BUDGET_FIELDS = ("max_num_batched_tokens", "max_num_seqs", "num_speculative_tokens", "max_multimodal_item_tokens")

EVERY_TURN = frozenset(("open", *TURNS))
"""The labels of an induction over the turns of a step, each of which some state has to get to."""
EVERY_TURN_POSSIBLE = EVERY_TURN | {
    *(f"{turn}: the step is possible" for turn in EVERY_TURN),
    "count: the live decodes are counted",
    "count: the budget reserves for those",
}


def has_budget(moment: Moment, frame: StepFrame) -> bool:
    """Claim it of one point of a step."""
    return budget_is_not_negative(moment.ledger.view(frame.config))


def prove_budget_nonnegative(ctx: Context, configs: Configs, policy: Policy, given: Claim) -> None:
    """By induction over the turns of a step."""
    by_induction(ctx, configs, policy, has_budget, given)


BUDGET_NONNEGATIVE = Invariant(
    name="budget_nonnegative",
    family="budget",
    consequence=Consequence.CRASH,
    sentence="The remaining budget is never below zero, at any point of a step.",
    statement=budget_is_not_negative,
    origin="PR 7440, review: reserving for every slot makes the budget negative, which a floor then hides.",
    fields=BUDGET_FIELDS,
    proof=prove_budget_nonnegative,
    covers=EVERY_TURN_POSSIBLE,
    at_every_moment=has_budget,
    on_run=lambda step, policy: all(
        budget_is_not_negative(ledger.view(step.config)) for ledger in step.plan.ledgers
    ),
)


def really_runs_within_limit(moment: Moment, frame: StepFrame) -> bool:
    """Claim it of what really runs at one point of a step; the induction shows that the ledger says the same."""
    return step_is_within_limit(moment.ledger.view(frame.config), frame.config)


def prove_no_overshoot(ctx: Context, configs: Configs, policy: Policy, given: Claim) -> None:
    """By induction over the turns of a step."""
    by_induction(ctx, configs, policy, really_runs_within_limit, given)


NO_OVERSHOOT = Invariant(
    name="no_overshoot",
    family="budget",
    consequence=Consequence.CRASH,
    sentence="The tokens that a step really runs never exceed max_num_batched_tokens.",
    statement=step_is_within_limit,
    origin="PR 7438: steps exceed the limit under speculative decoding, Paddle allocates new shapes until OOM.",
    fields=BUDGET_FIELDS,
    proof=prove_no_overshoot,
    covers=EVERY_TURN,
    builds_on=BUDGET_NONNEGATIVE,
    on_run=lambda step, policy: step_is_within_limit(step.plan.final.view(step.config), step.config),
)


def prove_budget_tight(ctx: Context, configs: Configs, policy: Policy, given: Claim) -> None:
    """What the step leaves over is budget; budget only falls; and nobody who is left could use it."""
    part = ctx.one_of("part_of_it", ("rest", "visit", "turn"))
    if part == "rest":
        by_induction(ctx, configs, policy, rest_is_budget, given)
    elif part == "visit":
        prove_visit_satisfies(ctx, configs, policy)
    else:
        prove_nobody_is_left_with_budget(ctx, configs, policy, given)


def rest_is_budget(moment: Moment, frame: StepFrame) -> bool:
    """Without preemption and abort, what the step leaves below the limit is not more than the budget.

    A step whose every slot decodes has no prompt that could use the rest.
    """
    config, ledger = frame.config, moment.ledger
    still_charged = moment.num_unvisited * frame.policy.decode_charge(config)
    total = ledger.num_tokens(config) + ledger.budget - still_charged
    only_decodes = ledger.num_decoding >= config.max_num_seqs
    leaves = ledger.num_preempted > 0 or ledger.num_aborted > 0
    return leaves or only_decodes or total >= config.max_num_batched_tokens


def prove_visit_satisfies(ctx: Context, configs: Configs, policy: Policy) -> None:
    """With any part of the budget that a visit leaves, the request's chunk would not be longer."""
    config = configs(ctx, policy)
    request = any_waiting_request(ctx, "request", config, num_items=2)
    ctx.cover("a visited request has items" if request.items else "a visited request is text")
    budget, rest = ctx.integer("budget"), ctx.integer("rest_of_budget", 1)
    grant = ctx.merged(lambda: ask(request, budget, config, policy))
    ctx.assume(rest <= budget - grant.num_tokens)
    chunk = next_chunk(request, grant.num_tokens + rest, config)
    ctx.prove("a visited request could not use the rest", chunk <= grant.num_tokens)


def prove_nobody_is_left_with_budget(ctx: Context, configs: Configs, policy: Policy, given: Claim) -> None:
    """The loop goes past nobody while budget is left, and ends only where nobody could use it."""
    frame = any_frame(ctx, configs, policy)
    before = any_moment(ctx, frame)
    ledger = before.ledger
    ctx.assume(ctx.merged(lambda: given(before, frame) and rest_is_budget(before, frame)))
    queues = queues_at(ctx, before, frame)
    turn = next_turn(ledger, queues, frame.config, policy)
    if turn is not None:
        ctx.prove(f"{label_of(turn)} leaves no more budget", turn.after.budget <= ledger.budget)
        if isinstance(turn, Skip) or (isinstance(turn, Visit) and turn.phase is Phase.ADMISSION):
            ctx.prove("an admission comes after everybody's visit", no_visit_is_left(ctx, before))
        return
    ctx.assume(ledger.num_preempted == 0)
    ctx.prove("the loop ends after everybody's visit, or with nothing left", no_visit_is_left(ctx, before))
    ctx.assume(ledger.num_asked < ledger.num_waiting)
    refused = queues.waiting[ledger.num_asked]
    ctx.prove(
        "a refused request could not use the rest",
        ctx.merged(lambda: not could_be_admitted(refused, ledger.budget, ledger, queues, frame.config, policy)),
    )


def no_visit_is_left(ctx: Context, moment: Moment) -> Any:
    """Return whether each running request had its visit, or nothing is left to hand out."""
    ledger = moment.ledger
    return ctx.merged(
        lambda: ledger.num_visited == ledger.num_running or ledger.budget <= 0 or ledger.num_asked > 0
    )


BUDGET_TIGHT = Invariant(
    name="budget_tight",
    family="budget",
    consequence=Consequence.COST,
    sentence="A step that preempts and aborts nothing leaves budget over only if no waiting work could use it.",
    statement=no_work_could_use_the_rest,
    origin="PR 7438, review: reserving for max_num_seqs sequences that do not exist starves prefill.",
    fields=BUDGET_FIELDS,
    proof=prove_budget_tight,
    covers=EVERY_TURN
    | {f"{turn} leaves no more budget" for turn in TURNS}
    | {
        "an admission comes after everybody's visit",
        "the loop ends after everybody's visit, or with nothing left",
        "a visited request has items",
        "a visited request is text",
        "a visited request could not use the rest",
        "a refused request could not use the rest",
    },
    builds_on=BUDGET_NONNEGATIVE,
    applies=lambda config: config.role != Role.DECODE,
    otherwise="a decode node does not prefill",
    on_run=lambda step, policy: no_work_could_use_the_rest(step.plan, step.config, policy),
)


def any_last_running_turn(
    ctx: Context, configs: Configs, policy: Policy, given: Claim
) -> tuple[StepFrame, Any, Any]:
    """Draw a point of a step and take its turn; return the frame, the turn, and how many decodes nobody visits.

    None are counted while running requests may still be visited.
    """
    frame = any_frame(ctx, configs, policy)
    moment = any_moment(ctx, frame)
    ctx.assume(ctx.merged(lambda: given(moment, frame)))
    ctx.assume(moment.ledger.num_asked == 0)
    turn = next_turn(moment.ledger, queues_at(ctx, moment, frame), frame.config, policy)
    is_over = turn is None or isinstance(turn, Skip) or (isinstance(turn, Visit) and turn.phase is Phase.ADMISSION)
    return frame, turn, moment.num_unvisited if is_over else 0


def prove_every_decode_served(ctx: Context, configs: Configs, policy: Policy, given: Claim) -> None:
    """A visited decode is given enough, and a step leaves one unvisited only where that one has enough.

    The one that is left is any that the events of an engine leave (`blocks_cover_tokens`).
    """
    frame, turn, num_unvisited = any_last_running_turn(ctx, configs, policy, given)
    config = frame.config
    if isinstance(turn, Visit) and turn.phase is Phase.DECODE:
        ctx.prove(
            "a visited decode is served", ctx.merged(lambda: decode_is_served(turn.request, turn.grant, config))
        )
        return
    ctx.cover("a turn visits no decode")
    if num_unvisited == 0:
        return
    left, _ = any_living_decode(ctx, config)
    ctx.prove(
        "a decode that is left unvisited is served",
        ctx.merged(lambda: decode_is_served(left, without_visit(config), config)),
    )


EVERY_DECODE_SERVED = Invariant(
    name="every_decode_served",
    family="budget",
    consequence=Consequence.STALL,
    sentence="In every step that an engine gets to, each live decode runs its tokens and owns a KV slot for each.",
    statement=decode_is_served,
    origin="Upstream's loop guard `budget > 0`: decodes that use up the whole budget run on without new KV blocks.",
    fields=(*BUDGET_FIELDS, "block_size", "enc_dec_block_num", "prealloc_dec_block_slot_num_threshold"),
    proof=prove_every_decode_served,
    covers=frozenset({"a visited decode is served", "a turn visits no decode"}),
    scope="any number of requests and steps",
    builds_on=BUDGET_NONNEGATIVE,
    applies=lambda config: config.runs_decode,
    otherwise="a prefill node does not decode",
    on_run=lambda step, policy: every_decode_is_served(step.plan, step.config),
)


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
    consequence=Consequence.CRASH,
    sentence="One more decode costs the budget what the worker runs: k + 1 tokens with drafts, 1 without.",
    statement=charge_is_what_runs,
    origin="PR 7438 charges drafts when a config object exists, PR 7623 charges them for MTP alone.",
    fields=("num_speculative_tokens",),
    proof=prove_charge_follows_method,
    covers=frozenset({"charge_follows_method"}),
    scope="any number of decodes",
    applies=lambda config: config.runs_decode,
    otherwise="a prefill node does not decode",
)
