"""How a step loop of one's own is proved: by one induction over its turns, for all of its rules at once.

The induction draws any ledger beside any state of a step, with queues of any length, and takes the turn that the
loop takes there. It assumes of that point the rules that it proves of the next one; `verdicts.inductive` finds out
for which of them that is sound.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from schedproof.step_loop import Preemption, Skip, Turn, Visit
from schedproof.step_loop.driver import Moment
from schedproof.step_loop.engine import after_tokens
from schedproof.step_loop.world import Lane, Share, is_about_its_kind, world_after
from schedproof_spec.invariant import Consequence
from schedproof_spec.prover.context import Context
from schedproof_spec.rules import loops as rules
from schedproof_spec.rules.budget import budget_is_not_negative, step_is_within_limit
from schedproof_spec.states.any_step import (
    COVERED,
    GRANTS,
    KEPT,
    AnyStepQueues,
    any_limits,
    any_moment,
    any_opened_world,
    any_running_request,
)
from schedproof_spec.states.asked_loop import AskedLoop, LoopFailedError


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopRule:
    """One rule that a step loop must keep."""

    name: str
    family: str
    consequence: Consequence
    sentence: str
    statement: Callable[..., Any]
    origin: str
    """The real failure behind it, or what rests on it."""


BUDGET, OVERSHOOT, SLOTS, BLOCKS = "budget_nonnegative", "no_overshoot", "slots_are_enough", "blocks_are_enough"
VIEW, OWN = "view_is_true", "own_hypothesis"
KIND, ONCE, ENDS, FAILS = "turns_are_real", "served_once", "step_ends", "nothing_raised"

LOOP_RULES: dict[str, LoopRule] = {
    rule.name: rule
    for rule in (
        LoopRule(
            name=BUDGET,
            family="budget",
            consequence=Consequence.CRASH,
            sentence="The remaining budget is never below zero, at any point of a step.",
            statement=budget_is_not_negative,
            origin="FastDeploy PR 7440, review: a reserve for every slot makes the budget negative.",
        ),
        LoopRule(
            name=OVERSHOOT,
            family="budget",
            consequence=Consequence.CRASH,
            sentence="The tokens that a step really runs never exceed max_num_batched_tokens.",
            statement=step_is_within_limit,
            origin="FastDeploy PR 7438: steps exceed the limit under speculative decoding, until memory runs out.",
        ),
        LoopRule(
            name=VIEW,
            family="turns",
            consequence=Consequence.CRASH,
            sentence="The view says how many tokens, slots and free blocks there really are.",
            statement=rules.view_is_true,
            origin="TensorRT-LLM issue 16101: a decode is counted as one token, and runs its drafts too.",
        ),
        LoopRule(
            name=SLOTS,
            family="slots",
            consequence=Consequence.CRASH,
            sentence="No more requests run than max_num_seqs, at any point of a step.",
            statement=rules.slots_are_enough,
            origin="FastDeploy PR 7141: requests entered the batch while others still held their slots.",
        ),
        LoopRule(
            name=BLOCKS,
            family="blocks",
            consequence=Consequence.CRASH,
            sentence="No KV block is given that is not free.",
            statement=rules.blocks_are_enough,
            origin="Every shared rule about KV blocks rests on it.",
        ),
        LoopRule(
            name=COVERED,
            family="blocks",
            consequence=Consequence.WRONG_OUTPUT,
            sentence="Every token that runs has a slot in a KV block of its request.",
            statement=rules.blocks_cover_tokens,
            origin="A decode's drafts are written behind its last token, and need slots too.",
        ),
        LoopRule(
            name=GRANTS,
            family="turns",
            consequence=Consequence.WRONG_OUTPUT,
            sentence="A visit gives no more tokens than the request can run in a step, and none back.",
            statement=rules.grant_is_within_need,
            origin="SGLang with mixed chunks: more decodes than the limit of a chunk leave a negative chunk.",
        ),
        LoopRule(
            name=KEPT,
            family="blocks",
            consequence=Consequence.WRONG_OUTPUT,
            sentence="A visit takes no KV block away.",
            statement=rules.blocks_are_kept,
            origin="A pool counts blocks twice that are taken back from a request which still reads them.",
        ),
        LoopRule(
            name=ONCE,
            family="turns",
            consequence=Consequence.WRONG_OUTPUT,
            sentence="Nobody is visited or skipped twice in one step.",
            statement=rules.had_no_turn,
            origin="A request that runs twice in one step computes its tokens twice, on the same cache.",
        ),
        LoopRule(
            name=KIND,
            family="turns",
            consequence=Consequence.WRONG_OUTPUT,
            sentence="Each turn is about a request of the queues, and only one that runs is preempted.",
            statement=is_about_its_kind,
            origin="A request that left a step, and runs in it, writes into blocks that others own.",
        ),
        LoopRule(
            name=ENDS,
            family="turns",
            consequence=Consequence.STALL,
            sentence="Each turn brings the step nearer to its end.",
            statement=rules.comes_nearer,
            origin="A loop that comes to the same request for ever plans no step any more.",
        ),
        LoopRule(
            name=FAILS,
            family="turns",
            consequence=Consequence.CRASH,
            sentence="The loop's methods return what they have to, and raise nothing.",
            statement=AskedLoop.next_turn,
            origin="An exception in the scheduler ends the engine, with everybody in it.",
        ),
        LoopRule(
            name=OWN,
            family="turns",
            consequence=Consequence.CRASH,
            sentence="What `holds` says is so at every point of every step.",
            statement=AskedLoop.holds,
            origin="The proofs of the other rules build on it.",
        ),
    )
}
"""The rules by name, in the order in which they are shown."""

OF_TURNS = frozenset({ONCE, KIND, ENDS, FAILS})
"""Rules that say nothing about the point of a step at which a turn is taken, so that nothing is assumed of them."""

ASKED = frozenset({VIEW, BUDGET, OWN})
"""Rules for which a method of the loop is asked at each point of a step."""

KINDS = ("a decode is visited", "a prompt is visited", "a waiting request is admitted")
NEEDED = (KINDS[0], KINDS[2])
"""What some point of the induction has to get to, whether or not a step gets to that point.

A loop that admits nobody keeps every rule, and serves nobody.
"""

Claimed = tuple[str, Callable[[], Any]]
"""A rule's name, and whether it holds here; on numbers and on symbols."""


def claims_at(moment: Moment, loop: AskedLoop, limits: Any) -> Iterator[Claimed]:
    """Yield what has to hold at one point of a step; what the loop is asked for may raise `LoopFailedError`."""
    ledger, world = moment.ledger, moment.world
    true_view = world.view(budget=0)
    yield OVERSHOOT, lambda: step_is_within_limit(true_view, limits)
    yield SLOTS, lambda: rules.slots_are_enough(true_view, limits)
    yield BLOCKS, lambda: rules.blocks_are_enough(true_view)
    yield VIEW, lambda: rules.view_is_true(loop.view(ledger, limits), world)
    yield BUDGET, lambda: budget_is_not_negative(loop.view(ledger, limits))
    yield OWN, lambda: loop.holds(ledger, world.ahead, limits)


def claims_of(turn: Turn[Any], lane: Lane, share: Share, limits: Any) -> Iterator[Claimed]:
    """Yield what has to hold of one turn; ``share`` is what its request had got before."""
    yield KIND, lambda: is_about_its_kind(turn, lane)
    if not is_about_its_kind(turn, lane):
        return
    yield ONCE, lambda: isinstance(turn, Preemption) or rules.had_no_turn(lane)
    if isinstance(turn, Visit):
        new = Share(num_tokens=turn.num_tokens, num_new_blocks=turn.num_new_blocks)
        whole = with_visit(share, turn)
        yield GRANTS, lambda: rules.grant_is_within_need(turn.request, share, new)
        yield KEPT, lambda: rules.blocks_are_kept(new)
        yield COVERED, lambda: rules.blocks_cover_tokens(turn.request, whole, limits)


def with_visit(share: Share, turn: Visit[Any]) -> Share:
    """Return what a request has got in all."""
    return Share(
        num_tokens=share.num_tokens + turn.num_tokens, num_new_blocks=share.num_new_blocks + turn.num_new_blocks
    )


def label_of(turn: Turn[Any], lane: Lane) -> str:
    """Return what a turn does, in words."""
    if isinstance(turn, Visit):
        visited = {Lane.DECODE: KINDS[0], Lane.PROMPT: KINDS[1], Lane.WAITING: KINDS[2]}
        return visited.get(lane, "a request is visited")
    return "a request is skipped" if isinstance(turn, Skip) else "a request is preempted"


PARTS = OPEN, RANK, TURN = ("open", "rank", "turn")


def induction(ctx: Context, loop: AskedLoop, assumed: frozenset[str], parts: tuple[str, ...] = PARTS) -> None:
    """Claim every rule of an opened step, and of the point after each turn; ``assumed`` are known before it."""
    part = ctx.one_of("part", parts)
    try:
        limits = any_limits(ctx, loop)
        if part == OPEN:
            claim_opening(ctx, loop, limits, assumed)
        elif part == RANK:
            loop.rank(any_running_request(ctx, "request", limits, assumed))
        else:
            claim_turn(ctx, loop, limits, assumed)
    except LoopFailedError as error:
        ctx.prove(f"{FAILS}: {error}", False)


def claim_opening(ctx: Context, loop: AskedLoop, limits: Any, assumed: frozenset[str]) -> None:
    """Claim every rule of a step that was just opened, on what the step before it may have left."""
    world = any_opened_world(ctx)
    if SLOTS in assumed:
        ctx.assume(rules.slots_are_enough(world.view(0), limits))
    if BLOCKS in assumed:
        ctx.assume(rules.blocks_are_enough(world.view(0)))
    moment = Moment(ledger=loop.open(world.ahead, world.num_free_blocks, limits), world=world)
    prove_all(ctx, claims_at(moment, loop, limits), "a step is opened")


def claim_turn(ctx: Context, loop: AskedLoop, limits: Any, assumed: frozenset[str]) -> None:
    """Claim every rule of the turn that the loop takes at any point of a step, and of the point after it."""
    before = any_moment(ctx, loop, assumed)
    for name, holds in claims_at(before, loop, limits):
        if name in assumed:
            with contextlib.suppress(LoopFailedError):  # then less is known of this point
                ctx.assume(ctx.merged(holds))
    queues = AnyStepQueues(ctx, before.world, limits, assumed)
    turn = loop.next_turn(before.ledger, queues, limits)
    if turn is None:
        ctx.cover("the step is over")
        return
    lane, share = queues.place_of(turn.request)
    label = label_of(turn, lane)
    ctx.cover(label)
    prove_all(ctx, claims_of(turn, lane, share, limits), label)
    if not is_about_its_kind(turn, lane):
        return
    after = Moment(ledger=turn.after, world=world_after(before.world, turn, lane, share))
    ctx.prove(f"{ENDS}: {label}", rules.comes_nearer(before.world, after.world))
    if isinstance(turn, Visit):
        claim_next_step(ctx, turn, with_visit(share, turn), limits)
    prove_all(ctx, claims_at(after, loop, limits), label)


def claim_next_step(ctx: Context, turn: Visit[Any], whole: Share, limits: Any) -> None:
    """Claim that a request is as the next step is drawn, however many of its drafts are accepted.

    If it ends, it gives its blocks back, so that they must not be less than none.
    """
    num_kept = ctx.integer("num_kept_tokens", 0)
    ctx.assume(num_kept <= whole.num_tokens)
    request = after_tokens(turn.request, num_kept, whole.num_new_blocks)
    ctx.prove(f"{GRANTS}: the next step", request.num_computed_tokens >= 0)
    ctx.prove(f"{KEPT}: the next step", request.num_blocks >= 0)
    ctx.prove(f"{COVERED}: the next step", rules.blocks_cover_tokens(request, Share(), limits))
    ctx.prove(f"{BLOCKS}: the next step", request.num_blocks >= 0)


def prove_all(ctx: Context, claims: Iterator[Claimed], label: str) -> None:
    """Claim all of it in this state; what the loop fails to say does not hold."""
    for name, holds in claims:
        try:
            found = ctx.merged(holds)
        except LoopFailedError as error:
            ctx.prove(f"{FAILS}: {error}", False)
            found = False
        ctx.prove(f"{name}: {label}", found)
    ctx.prove(f"{FAILS}: {label}", True)
