"""The induction that makes a claim about a step true for any number of requests.

A step opens, and then the loop takes turns. The theorem runs `next_turn` itself, from any ledger that is possible
and with queues of any length, and asks what the ledger is after it: a property that holds when the step opens, and
that every turn preserves, holds at every point of every step. `is_possible` is the property that the other proofs
start from; it is itself proved this way, for each policy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from schedproof.engines.fastdeploy.config import Role, ServingConfig
from schedproof.engines.fastdeploy.ledger import Ledger
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.engines.fastdeploy.turns import (
    Passing,
    Phase,
    Preemption,
    Queues,
    Turn,
    count_decode,
    next_turn,
    open_step,
)
from schedproof.request import Request
from schedproof_spec.prover.context import Context
from schedproof_spec.states.domain import Configs, any_request
from schedproof_spec.states.order import keeps_order
from schedproof_spec.states.queue import AnyQueue


@dataclass(frozen=True, slots=True)
class StepFrame:
    """What stays the same during a step."""

    config: ServingConfig
    policy: Policy
    num_decoding: int
    """Live decodes when the step opens; 0 on a prefill node."""
    num_running: int
    """Running requests when the step opens."""
    num_slots_used: int
    """Slots that are used when the step opens."""
    initial_budget: int


@dataclass(frozen=True, slots=True)
class World:
    """What is so, whatever the ledger says; a turn that keeps wrong accounts drifts away from it."""

    num_decoding: int
    """Live decodes that are not preempted: what the worker runs."""
    prefill_tokens: int
    """Tokens of all chunks that were given."""
    num_slots_used: int
    num_free_blocks: int


@dataclass(frozen=True, slots=True)
class Moment:
    """One point of a step: the ledger, what is so, and what the loop has come past."""

    ledger: Ledger
    world: World
    num_unvisited: int
    """Live decodes that the loop has still ahead."""
    prompt_seen: bool
    """Whether the loop came past a running request in the middle of its prompt."""
    all_finished: bool
    """Whether each prompt that the loop came past or admitted got all its rest."""


Claim = Callable[[Moment, StepFrame], Any]
"""What is claimed about one point of a step."""


def nothing(moment: Moment, frame: StepFrame) -> bool:
    """Claim nothing."""
    return True


def is_live_decode(request: Request, config: ServingConfig) -> bool:
    """The worker runs this request in every step."""
    return request.is_decoding and config.runs_decode


def any_frame(ctx: Context, configs: Configs, policy: Policy) -> StepFrame:
    """Draw a configuration and the numbers of running requests and of live decodes at the beginning of a step."""
    config = configs(ctx, policy)
    num_decoding, num_running = ctx.integer("num_decoding", 0), ctx.integer("num_running_at_first", 0)
    slots = ctx.integer("num_slots_at_first", 0)
    ctx.assume(num_decoding <= num_running)
    ctx.assume(num_running <= slots)
    ctx.assume(slots <= config.max_num_seqs)
    ctx.assume(ctx.merged(lambda: config.runs_decode or num_decoding == 0))
    initial = ctx.merged(lambda: policy.initial_budget(config, num_decoding))
    return StepFrame(config, policy, num_decoding, num_running, slots, initial)


def any_opening(ctx: Context, frame: StepFrame) -> Moment:
    """Draw a step that was just opened."""
    free, waiting = ctx.integer("num_free_blocks", 0), ctx.integer("num_waiting", 0)
    ledger = open_step(
        frame.config,
        frame.policy,
        num_decoding=frame.num_decoding,
        num_free_blocks=free,
        num_slots_used=frame.num_slots_used,
        num_running=frame.num_running,
        num_waiting=waiting,
    )
    world = World(frame.num_decoding, 0, frame.num_slots_used, free)
    return Moment(ledger, world, num_unvisited=frame.num_decoding, prompt_seen=False, all_finished=True)


def any_moment(ctx: Context, frame: StepFrame) -> Moment:
    """Draw any point of a step: every one that `is_possible` allows."""
    ledger = Ledger(
        budget=ctx.integer("budget"),
        num_decoding=ctx.integer("num_decoding_now", 0),
        prefill_tokens=ctx.integer("prefill_tokens", 0),
        num_free_blocks=ctx.integer("num_free_blocks", 0),
        num_slots_used=ctx.integer("num_slots_used", 0),
        num_preempted=ctx.integer("num_preempted", 0),
        num_running=ctx.integer("num_running", 0),
        num_visited=ctx.integer("num_visited", 0),
        num_waiting=ctx.integer("num_waiting", 0),
        num_admitted=ctx.integer("num_admitted", 0),
    )
    world = World(ledger.num_decoding, ledger.prefill_tokens, ledger.num_slots_used, ledger.num_free_blocks)
    moment = Moment(
        ledger,
        world,
        num_unvisited=ctx.integer("num_unvisited", 0),
        prompt_seen=ctx.boolean("prompt_seen"),
        all_finished=ctx.boolean("all_finished"),
    )
    ctx.assume(ctx.merged(lambda: is_possible(moment, frame)))
    return moment


def is_possible(moment: Moment, frame: StepFrame) -> bool:
    """Return whether a step can look like this: the accounts agree, the order stands, slots and blocks suffice."""
    return (
        accounts_agree(moment.ledger, moment.world)
        and cursor_is_possible(moment, frame)
        and budget_is_possible(moment, frame)
        and slots_suffice(moment.ledger, frame.config)
        and blocks_suffice(moment.ledger)
        and order_stands(moment, frame)
    )


def accounts_agree(ledger: Ledger, world: World) -> bool:
    """The ledger says what is so."""
    return (
        ledger.num_decoding == world.num_decoding
        and ledger.prefill_tokens == world.prefill_tokens
        and ledger.num_slots_used == world.num_slots_used
        and ledger.num_free_blocks == world.num_free_blocks
    )


def cursor_is_possible(moment: Moment, frame: StepFrame) -> bool:
    """The loop has come as far in its queues as the ledger says, and nobody is admitted after a preemption."""
    ledger = moment.ledger
    num_ahead = ledger.num_running - ledger.num_visited
    return (
        ledger.num_visited >= 0
        and num_ahead >= 0
        and ledger.num_preempted >= 0
        and ledger.num_running + ledger.num_preempted == frame.num_running
        and ledger.num_admitted >= 0
        and ledger.num_admitted <= ledger.num_waiting
        and ledger.num_slots_used == frame.num_slots_used + ledger.num_admitted
        and (ledger.num_admitted == 0 or ledger.num_preempted == 0)
        and moment.num_unvisited >= 0
        and moment.num_unvisited <= num_ahead
        and moment.num_unvisited <= ledger.num_decoding
        and ledger.num_decoding - moment.num_unvisited <= ledger.num_visited
        and ledger.num_decoding <= frame.num_decoding
        and (ledger.num_preempted > 0 or ledger.num_decoding == frame.num_decoding)
    )


def budget_is_possible(moment: Moment, frame: StepFrame) -> bool:
    """What was handed out came off the initial budget."""
    ledger, config = moment.ledger, frame.config
    num_passed = frame.num_decoding - moment.num_unvisited
    charged_at_most = num_passed * frame.policy.decode_charge(config)
    return (
        ledger.prefill_tokens >= 0
        and ledger.prefill_tokens + ledger.budget <= frame.initial_budget
        and ledger.prefill_tokens + ledger.budget + charged_at_most >= frame.initial_budget
        and (ledger.budget >= -config.max_multimodal_item_tokens or ledger.budget == frame.initial_budget)
        and (ledger.prefill_tokens == 0 or ledger.num_decoding < ledger.num_slots_used)
        and (ledger.prefill_tokens == 0 or moment.prompt_seen or ledger.num_admitted > 0)
        and (ledger.prefill_tokens == 0 or config.role != Role.DECODE)
    )


def slots_suffice(ledger: Ledger, config: ServingConfig) -> bool:
    """No more sequences than slots: those that run, and those that left and are not acknowledged."""
    return ledger.num_slots_used <= config.max_num_seqs


def blocks_suffice(ledger: Ledger) -> bool:
    """No block is given that is not free."""
    return ledger.num_free_blocks >= 0


def order_stands(moment: Moment, frame: StepFrame) -> bool:
    """Where the order of the running list stands, no decode is behind a prompt in its middle, now or later."""
    if not keeps_order(frame.config):
        return True
    return (not moment.prompt_seen or moment.num_unvisited == 0) and (
        moment.all_finished or moment.ledger.budget <= 0
    )


def queues_at(ctx: Context, moment: Moment, frame: StepFrame, num_items: int = 1) -> Queues:
    """Return queues of any length in which the loop finds what it can find at this point of a step."""
    ledger, config = moment.ledger, frame.config
    seen: list[Any] = []

    def running(name: str, position: Any) -> Request:
        request = any_running_request(ctx, name, config, num_items)
        is_decode = ctx.merged(lambda: is_live_decode(request, config))
        if position >= ledger.num_visited:
            seen.append(is_decode)
            num_decodes = ctx.merged(lambda: sum(1 for each in seen if each))
            ctx.assume(num_decodes <= moment.num_unvisited)
            ahead = ledger.num_running - ledger.num_visited
            ctx.assume(moment.num_unvisited - num_decodes <= ahead - len(seen))
            is_next = position == ledger.num_visited
            ctx.assume(
                ctx.merged(lambda: is_decode or not is_next or not keeps_order(config) or moment.num_unvisited == 0)
            )
        return request

    return Queues(
        running=AnyQueue("running", frame.num_running, running),  # type: ignore[arg-type]
        waiting=AnyQueue(
            "waiting", ledger.num_waiting, lambda name, _: any_waiting_request(ctx, name, config, num_items)
        ),  # type: ignore[arg-type]
        num_free_blocks=ledger.num_free_blocks,
        num_reserved_blocks_per_seq=ctx.integer("num_reserved_blocks_per_seq", 0),
    )


def any_running_request(ctx: Context, name: str, config: ServingConfig, num_items: int = 1) -> Request:
    """Draw a request of the running list, with an item and with blocks that it shares."""
    drawn = any_request(ctx, name, config, num_items)
    request = replace(drawn, num_shared_blocks=ctx.integer(f"{name}.num_shared_blocks", 0))
    ctx.assume(request.num_shared_blocks <= request.num_blocks)
    ctx.assume(ctx.merged(lambda: config.role != Role.DECODE or request.is_decoding))
    return request


def any_waiting_request(ctx: Context, name: str, config: ServingConfig, num_items: int = 1) -> Request:
    """Draw a request with prompt left to prefill; a decode node has none.

    A chunk rule looks for the item at one position, and items are disjoint: one drawn item stands for all of them
    in one call of the rule, two where a second call or another item is looked at.
    """
    drawn = any_request(ctx, name, config, num_items)
    request = replace(drawn, num_free_cached_blocks=ctx.integer(f"{name}.num_free_cached_blocks", 0))
    ctx.assume(request.num_free_cached_blocks <= request.num_blocks)
    ctx.assume(config.role != Role.DECODE)
    ctx.assume(ctx.merged(lambda: not request.is_decoding))
    return request


def moment_after(ctx: Context, before: Moment, turn: Turn, config: ServingConfig) -> Moment:
    """Return the point of the step after a turn: the ledger as the turn left it, and what is so."""
    world, request = before.world, turn.request
    if isinstance(turn, Passing):
        return replace(before, ledger=turn.after)
    if isinstance(turn, Preemption):
        num_live = ctx.merged(lambda: count_decode(0, request, config))
        world = replace(
            world,
            num_decoding=world.num_decoding - num_live,
            num_free_blocks=world.num_free_blocks + request.num_blocks - request.num_shared_blocks,
        )
        return replace(before, ledger=turn.after, world=world, num_unvisited=before.num_unvisited - num_live)
    world = replace(world, num_free_blocks=world.num_free_blocks - turn.grant.num_new_blocks)
    if turn.phase is Phase.DECODE:
        return replace(before, ledger=turn.after, world=world, num_unvisited=before.num_unvisited - 1)
    world = replace(world, prefill_tokens=world.prefill_tokens + turn.grant.num_tokens)
    if turn.phase is Phase.ADMISSION:
        world = replace(world, num_slots_used=world.num_slots_used + 1)
    finished = ctx.merged(lambda: before.all_finished and turn.grant.num_tokens == request.num_prefill_tokens_left)
    seen = True if turn.phase is Phase.PREFILL else before.prompt_seen
    return replace(before, ledger=turn.after, world=world, prompt_seen=seen, all_finished=finished)


def label_of(turn: Turn) -> str:
    """Return the kind of a turn in a word."""
    if isinstance(turn, Preemption):
        return "preemption"
    return "passing" if isinstance(turn, Passing) else turn.phase.value


TURNS = ("decode", "prefill", "admission", "preemption")
"""The kinds of turn that change what a step hands out."""


def by_induction(ctx: Context, configs: Configs, policy: Policy, claim: Claim, given: Claim) -> None:
    """Prove that a step `is_possible`, and a claim about it, at every point of every step.

    ``given`` is another claim that is known to hold at every point; `nothing` when there is none.
    """
    part = ctx.one_of("part", ("opening", "turn"))
    frame = any_frame(ctx, configs, policy)
    if part == "opening":
        after, label = any_opening(ctx, frame), "open"
    else:
        before = any_moment(ctx, frame)
        ctx.assume(ctx.merged(lambda: given(before, frame)))
        ctx.assume(ctx.merged(lambda: claim(before, frame)))
        turn = next_turn(before.ledger, queues_at(ctx, before, frame), frame.config, policy)
        if turn is None:
            return
        after, label = moment_after(ctx, before, turn, frame.config), label_of(turn)
    ctx.assume(ctx.merged(lambda: given(after, frame)))
    ctx.prove(f"{label}: the step is possible", ctx.merged(lambda: is_possible(after, frame)))
    ctx.prove(label, ctx.merged(lambda: claim(after, frame)))
