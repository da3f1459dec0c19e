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
    Queues,
    count_decode,
    count_reserved,
    next_turn,
    open_step,
)
from schedproof.request import Request
from schedproof.view import Limits, StepView
from schedproof_spec.prover.context import Context
from schedproof_spec.states.domain import Configs
from schedproof_spec.states.logic import all_of, any_of, negated
from schedproof_spec.states.queue import AnyQueue
from schedproof_spec.states.queue_entries import any_running_request, any_waiting_request
from schedproof_spec.states.running_list import AnyQueues
from schedproof_spec.states.turned import is_in_order, label_of, moment_after


@dataclass(frozen=True, slots=True)
class StepFrame:
    """What stays the same during a step."""

    config: ServingConfig
    policy: Policy
    num_decoding: int
    """Live decodes when the step opens; 0 on a prefill node."""
    num_reserved: int
    """Requests that the budget reserves tokens for."""
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
    num_reserved: Any = num_decoding
    if policy.counts_prefilled:
        num_reserved = ctx.integer("num_reserved", 0)
        ctx.assume(num_reserved <= num_running)
        ctx.assume(ctx.merged(lambda: not config.runs_decode or num_reserved == num_decoding))
    initial = ctx.merged(lambda: policy.initial_budget(config, num_reserved))
    return StepFrame(config, policy, num_decoding, num_reserved, num_running, slots, initial)


def any_opening(ctx: Context, frame: StepFrame) -> Moment:
    """Draw a step that was just opened."""
    free, waiting = ctx.integer("num_free_blocks", 0), ctx.integer("num_waiting", 0)
    ledger = open_step(
        frame.config,
        frame.policy,
        num_decoding=frame.num_decoding,
        num_reserved=frame.num_reserved,
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
        num_kept=ctx.integer("num_kept", 0) if frame.policy.preempts_only_decodes else 0,
        num_visited=ctx.integer("num_visited", 0),
        num_aborted=ctx.integer("num_aborted", 0) if frame.policy.aborts_when_visited else 0,
        num_waiting=ctx.integer("num_waiting", 0),
        num_asked=ctx.integer("num_asked", 0),
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
    possible: bool = all_of(
        accounts_agree(moment.ledger, moment.world),
        cursor_is_possible(moment, frame),
        budget_is_possible(moment, frame),
        slots_suffice(moment.ledger, frame.config),
        blocks_suffice(moment.ledger),
        order_stands(moment, frame),
    )
    return possible


def accounts_agree(ledger: Ledger, world: World) -> bool:
    """The ledger says what is so."""
    agree: bool = all_of(
        ledger.num_decoding == world.num_decoding,
        ledger.prefill_tokens == world.prefill_tokens,
        ledger.num_slots_used == world.num_slots_used,
        ledger.num_free_blocks == world.num_free_blocks,
    )
    return agree


def cursor_is_possible(moment: Moment, frame: StepFrame) -> bool:
    """The loop has come as far in its queues as the ledger says, and nobody is asked after a preemption."""
    ledger = moment.ledger
    num_ahead = ledger.num_running + ledger.num_kept - ledger.num_visited
    num_decodes_visited = ledger.num_decoding - moment.num_unvisited
    num_left = frame.num_decoding - ledger.num_aborted
    possible: bool = all_of(
        ledger.num_visited >= 0,
        num_ahead >= 0,
        ledger.num_preempted >= 0,
        all_are_somewhere(moment, frame),
        ledger.num_admitted >= 0,
        ledger.num_admitted <= ledger.num_asked,
        ledger.num_asked <= ledger.num_waiting,
        ledger.num_slots_used >= frame.num_slots_used,
        ledger.num_slots_used <= frame.num_slots_used + ledger.num_admitted,
        ledger.num_slots_used >= frame.num_running + ledger.num_admitted,
        any_of(ledger.num_asked == 0, ledger.num_preempted == 0),
        any_of(ledger.num_asked == 0, num_ahead == 0),
        moment.num_unvisited >= 0,
        moment.num_unvisited <= num_ahead,
        moment.num_unvisited <= ledger.num_decoding,
        ledger.num_aborted >= 0,
        num_decodes_visited + ledger.num_aborted <= ledger.num_visited,
        ledger.num_decoding <= num_left,
        any_of(ledger.num_preempted > 0, ledger.num_decoding == num_left),
    )
    return possible


def all_are_somewhere(moment: Moment, frame: StepFrame) -> bool:
    """Whoever ran when the step opened is left or was preempted; decodes that are ahead stand before any victim.

    A decode that preempts itself ends the loop, where only decodes are: prompts behind it are not counted."""
    ledger = moment.ledger
    num_counted = ledger.num_running + ledger.num_kept + ledger.num_preempted
    if not frame.policy.preempts_only_decodes:
        return num_counted == frame.num_running
    somewhere: bool = all_of(
        num_counted <= frame.num_running,
        any_of(
            num_counted == frame.num_running,
            all_of(ledger.num_preempted > 0, ledger.num_kept == 0, ledger.num_running == ledger.num_visited),
        ),
        ledger.num_kept >= 0,
        any_of(ledger.num_kept == 0, ledger.num_preempted > 0),
        any_of(moment.num_unvisited == 0, moment.num_unvisited <= ledger.num_running - ledger.num_visited),
    )
    return somewhere


def budget_is_possible(moment: Moment, frame: StepFrame) -> bool:
    """What was handed out came off the initial budget."""
    ledger, config = moment.ledger, frame.config
    num_passed = frame.num_decoding - moment.num_unvisited
    charged_at_most = num_passed * frame.policy.decode_charge(config)
    charged_at_least = (ledger.num_decoding - moment.num_unvisited) * frame.policy.decode_charge(config)
    num_arrivals = ledger.num_visited - (ledger.num_decoding - moment.num_unvisited) - ledger.num_aborted
    no_chunk = ledger.prefill_tokens == 0
    possible: bool = all_of(
        ledger.prefill_tokens >= 0,
        ledger.prefill_tokens + ledger.budget + charged_at_least <= frame.initial_budget,
        ledger.prefill_tokens + ledger.budget + charged_at_most >= frame.initial_budget,
        any_of(ledger.budget >= -config.max_multimodal_item_tokens, ledger.budget == frame.initial_budget),
        any_of(no_chunk, ledger.num_decoding < ledger.num_slots_used),
        any_of(no_chunk, moment.prompt_seen, ledger.num_admitted > 0),
        any_of(config.role != Role.DECODE, ledger.prefill_tokens <= num_arrivals),
    )
    return possible


def slots_suffice(ledger: StepView | Ledger, limits: Limits) -> bool:
    """No more sequences than slots: those that run, and those that left and are not acknowledged."""
    return ledger.num_slots_used <= limits.max_num_seqs


def blocks_suffice(ledger: Ledger) -> bool:
    """No block is given that is not free."""
    return ledger.num_free_blocks >= 0


def order_stands(moment: Moment, frame: StepFrame) -> bool:
    """Where the order of the running list stands, no decode is behind a prompt in its middle, now or later."""
    stands: bool = any_of(
        negated(frame.policy.uses_up_budget(frame.config)),
        all_of(
            any_of(negated(moment.prompt_seen), moment.num_unvisited == 0),
            any_of(moment.all_finished, moment.ledger.budget <= 0),
        ),
    )
    return stands


def queues_at(ctx: Context, moment: Moment, frame: StepFrame, num_items: int = 1) -> Queues:
    """Return queues of any length in which the loop finds what it can find at this point of a step."""
    ledger, config = moment.ledger, frame.config
    seen: list[Any] = []

    def running(name: str, position: Any) -> Request:
        if frame.policy.preempts_only_decodes and position >= ledger.num_running:
            raise IndexError("the loop looks for a request where it has preempted somebody")
        request = any_running_request(ctx, name, config, frame.policy, num_items)
        is_decode = ctx.merged(lambda: is_live_decode(request, config))
        if position >= ledger.num_visited:
            seen.append(is_decode)
            num_decodes = ctx.merged(lambda: sum(1 for each in seen if each))
            ctx.assume(num_decodes <= moment.num_unvisited)
            ahead = ledger.num_running - ledger.num_visited
            ctx.assume(moment.num_unvisited - num_decodes <= ahead - len(seen))
            is_next = position == ledger.num_visited
            ctx.assume(
                ctx.merged(
                    lambda: (
                        is_decode
                        or not is_next
                        or not frame.policy.uses_up_budget(config)
                        or moment.num_unvisited == 0
                    )
                )
            )
        return request

    def waiting(name: str, position: Any) -> Request:
        request = any_waiting_request(ctx, name, config, num_items)
        if not frame.policy.keeps_slot_of_preempted:
            return request
        request = replace(request, holds_slot=ctx.boolean(f"{name}.holds_slot"))
        num_held = ledger.num_slots_used - frame.num_running - ledger.num_admitted
        ctx.assume(ctx.merged(lambda: not request.holds_slot or num_held > 0))
        return request

    per_seq = ctx.integer("num_reserved_blocks_per_seq", 0)
    return AnyQueues(
        running=AnyQueue("running", frame.num_running, running),  # type: ignore[arg-type]
        waiting=AnyQueue("waiting", ledger.num_waiting, waiting),  # type: ignore[arg-type]
        num_free_blocks=ledger.num_free_blocks,
        num_reserved_blocks_per_seq=per_seq,
        num_reserved_blocks_after_preemption=per_seq,
        ctx=ctx,
        num_unvisited=moment.num_unvisited,
        draw_running=lambda name: any_running_request(ctx, name, config, frame.policy, num_items),
        reserves_by_token_ratio=frame.policy.reserves_by_token_ratio,
    )


def prove_count(ctx: Context, configs: Configs, policy: Policy) -> None:
    """Each running request that the worker runs is counted once, and nobody else."""
    config = configs(ctx, policy)
    request = any_running_request(ctx, "request", config, policy)
    num_decoding, num_reserved = ctx.integer("num_decoding", 0), ctx.integer("num_reserved", 0)
    counted = ctx.merged(lambda: count_decode(num_decoding, request, config))
    num_live = ctx.merged(lambda: 1 if is_live_decode(request, config) else 0)
    ctx.prove("count: the live decodes are counted", counted == num_decoding + num_live)
    reserved = ctx.merged(lambda: count_reserved(num_reserved, request, config, policy))
    ctx.prove(
        "count: the budget reserves for those",
        ctx.merged(
            lambda: reserved == num_reserved + num_live or (policy.counts_prefilled and not config.runs_decode)
        ),
    )


def by_induction(ctx: Context, configs: Configs, policy: Policy, claim: Claim, given: Claim) -> None:
    """Prove that a step `is_possible`, and a claim about it, at every point of every step.

    ``given`` is another claim that an induction like this one has proved for these configurations, and with it that
    every step `is_possible`, which is then not proved again; `nothing` when there is none.
    """
    is_first = given is nothing
    part = ctx.one_of("part", ("count", "opening", "turn") if is_first else ("opening", "turn"))
    if part == "count":
        prove_count(ctx, configs, policy)
        return
    frame = any_frame(ctx, configs, policy)
    if part == "opening":
        after, label = any_opening(ctx, frame), "open"
    else:
        before = any_moment(ctx, frame)
        ctx.assume(ctx.merged(lambda: given(before, frame)))
        ctx.assume(ctx.merged(lambda: claim(before, frame)))
        queues = queues_at(ctx, before, frame)
        turn = next_turn(before.ledger, queues, frame.config, policy)
        if turn is None:
            return
        after, label = moment_after(ctx, before, turn, frame.config), label_of(turn)
        if is_first:
            is_right = ctx.merged(lambda: is_in_order(turn, queues, frame.config, policy))
            ctx.prove(f"{label}: it is in order", is_right)
    ctx.assume(ctx.merged(lambda: given(after, frame)))
    if is_first:
        ctx.prove(f"{label}: the step is possible", ctx.merged(lambda: is_possible(after, frame)))
    ctx.prove(label, ctx.merged(lambda: claim(after, frame)))
