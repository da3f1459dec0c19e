"""How it is proved that every request that fits is served in a finite number of steps.

The argument. Requests are served in one order: the running list, then what was preempted, then the waiting queue.
No event lets a request overtake another (`prove_order`), so the first in this order stays first until it ends. In
every step its measure falls (`prove_head_advances`): the tokens that it has left to generate; for equal numbers of
these, a decode before a prefill; and then the tokens that it has left to prefill. Three natural numbers, compared
in this order, cannot fall for ever, so the first request ends; then the next is first. An end to all work follows
for any number of requests. A decode that preempts itself falls too: its prefill ends with a new token.

What no node takes is in no queue: an empty node of a pair takes a request (`prove_door`).

It needs that the worker acknowledges what left the batch before the next step, and that a prefill node's finished
prompts are handed over. On a decode node a request that loses its blocks is dropped, and so has ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from typing import Any

from schedproof.engines.fastdeploy.config import Role, ServingConfig
from schedproof.engines.fastdeploy.life import request_events
from schedproof.engines.fastdeploy.life.engine import Engine
from schedproof.engines.fastdeploy.life.job import Job
from schedproof.engines.fastdeploy.life.outcome import Ending
from schedproof.engines.fastdeploy.life.places import Place, Places
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.engines.fastdeploy.turns import Preemption, Queues, Turn, Visit, next_turn, open_step
from schedproof.request import Request, new_request
from schedproof_spec.invariant import Consequence, Invariant
from schedproof_spec.prover.context import Context
from schedproof_spec.rules.life import measure_falls
from schedproof_spec.states.domain import Configs
from schedproof_spec.states.ledger import Claim
from schedproof_spec.states.life import any_living_request
from schedproof_spec.states.merged import merged_on_path
from schedproof_spec.states.runs import RunStep
from schedproof_spec.theorems.budget import BUDGET_FIELDS


def any_pool_for(ctx: Context, config: ServingConfig) -> Any:
    """Return the size of the pool, or draw one in which every request fits."""
    if config.num_kv_blocks is not None:
        return config.num_kv_blocks
    num_kv_blocks = ctx.integer("num_kv_blocks", 1)
    ctx.assume(config.max_blocks_per_seq <= num_kv_blocks)
    return num_kv_blocks


def prove_head_advances(ctx: Context, configs: Configs, policy: Policy) -> None:
    """The first running request, or the first waiting one when none is running, with any others behind it.

    Preemption takes the others first, so that the pool is the first one's when it comes to that.
    """
    stage = ctx.one_of("stage", ("decodes", "prefills", "waits", "waits behind a cached prefix"))
    config = configs(ctx, policy)
    num_kv_blocks = any_pool_for(ctx, config)
    request, max_total_tokens = any_living_request(ctx, config, num_items=1)
    ctx.assume(request.num_blocks <= num_kv_blocks)
    is_aborted = stage != "decodes" and policy.aborts_when_visited and ctx.boolean("request.is_aborted")
    request = replace(request, holds_slot=False, is_aborted=is_aborted)
    if stage == "decodes":
        ctx.assume(ctx.merged(lambda: request.is_decoding and config.runs_decode))
        prove_decode_advances(ctx, request, max_total_tokens, num_kv_blocks, config, policy)
        return
    arrives = config.role == Role.DECODE and policy.prefills_on_arrival
    ctx.assume(ctx.merged(lambda: not request.is_decoding and (config.role != Role.DECODE or arrives)))
    if stage == "prefills":
        prove_chunk_advances(ctx, request, max_total_tokens, num_kv_blocks, config, policy)
    else:
        ctx.assume(ctx.merged(lambda: config.role != Role.DECODE))
        if stage == "waits":
            ctx.assume(request.num_blocks == 0)
        ctx.assume(ctx.merged(lambda: request.num_blocks * config.block_size == request.num_computed_tokens))
        request = replace(request, num_free_cached_blocks=request.num_blocks)
        prove_admission_advances(ctx, request, max_total_tokens, num_kv_blocks, config, policy)


def turn_of_the_first(
    ctx: Context, request: Request, num_decoding: Any, num_kv_blocks: Any, config: ServingConfig, policy: Policy
) -> Turn | None:
    """Return the turn that the loop takes when it begins with this request, with any others behind it.

    ``num_decoding`` requests decode; on a prefill node they wait for their hand-over.
    """
    num_live = ctx.merged(lambda: num_decoding if config.runs_decode else 0)
    num_reserved = ctx.merged(lambda: num_decoding if config.runs_decode or policy.counts_prefilled else 0)
    num_free_blocks = num_kv_blocks - request.num_blocks
    ledger = open_step(
        config,
        policy,
        num_decoding=num_live,
        num_reserved=num_reserved,
        num_free_blocks=num_free_blocks,
        num_slots_used=config.max_num_seqs,
        num_running=1,
    )
    queues = Queues(running=(request,), waiting=(), num_free_blocks=num_free_blocks)
    return next_turn(ledger, queues, config, policy)


def prove_decode_advances(
    ctx: Context, request: Request, max_total_tokens: Any, num_kv_blocks: Any, config: ServingConfig, policy: Policy
) -> None:
    """The loop visits it first: it gets what it asks for and produces a token, or is preempted and starts over.

    Where a preempted request holds its slot, starting over is not enough: with everybody waiting, no slot is free.
    """
    num_decoding = ctx.integer("num_decoding", 1)
    ctx.assume(num_decoding <= config.max_num_seqs)
    turn = turn_of_the_first(ctx, request, num_decoding, num_kv_blocks, config, policy)
    ctx.prove("decodes: the loop visits it", turn is not None)
    if isinstance(turn, Preemption):
        ctx.prove("decodes: it loses no slot that it needs", not policy.keeps_slot_of_preempted)
        after = request_events.after_preemption(request, keeps_slot=False)
    else:
        assert isinstance(turn, Visit)
        num_accepted = ctx.integer("num_accepted_drafts", 0)
        ctx.assume(num_accepted < config.tokens_per_seq)
        running = request_events.after_growth(request, turn.grant.num_new_blocks)
        produced = merged_on_path(
            request_events.num_produced_tokens, running, num_accepted, max_total_tokens, config
        )
        after = request_events.after_tokens(running, produced)
    ctx.prove("decodes: its measure falls", ctx.merged(lambda: measure_falls(request, after, max_total_tokens)))


def prove_chunk_advances(
    ctx: Context, request: Request, max_total_tokens: Any, num_kv_blocks: Any, config: ServingConfig, policy: Policy
) -> None:
    """The loop gets to it with all that the decodes leave: a chunk, for which the others' blocks are there."""
    num_decoding = ctx.integer("num_decoding", 0)
    ctx.assume(num_decoding < config.max_num_seqs)
    ctx.assume(ctx.merged(lambda: config.chunked_prefill))
    turn = turn_of_the_first(ctx, request, num_decoding, num_kv_blocks, config, policy)
    ctx.prove("prefills: the loop visits it", turn is not None)
    ctx.prove("prefills: its blocks fit", isinstance(turn, Visit))
    assert isinstance(turn, Visit)
    ctx.prove("prefills: it gets a chunk", turn.grant.num_tokens > 0)
    prove_computed(ctx, "prefills", request, request_events.after_chunk(request, turn.grant), max_total_tokens)


def prove_admission_advances(
    ctx: Context, request: Request, max_total_tokens: Any, num_kv_blocks: Any, config: ServingConfig, policy: Policy
) -> None:
    """With nothing running and all blocks free it is admitted with a chunk, behind a cached prefix or none.

    With all blocks free, those of its prefix are free too.
    Slots may be held by preempted requests that wait; all but one, since the first in line was not preempted.
    """
    num_held = ctx.integer("num_held_slots", 0)
    ctx.assume(num_held < config.max_num_seqs)
    if not policy.keeps_slot_of_preempted:
        ctx.assume(num_held == 0)
    ledger = open_step(
        config,
        policy,
        num_decoding=0,
        num_reserved=0,
        num_free_blocks=num_kv_blocks,
        num_slots_used=num_held,
        num_waiting=1,
    )
    queues = Queues(
        running=(),
        waiting=(request,),
        num_free_blocks=num_kv_blocks,
        num_reserved_blocks_per_seq=ctx.integer("num_reserved_blocks_per_seq", 0),
    )
    turn = next_turn(ledger, queues, config, policy)
    ctx.prove("waits: it is admitted with a chunk", isinstance(turn, Visit))
    assert isinstance(turn, Visit)
    prove_computed(ctx, "waits", request, request_events.after_chunk(request, turn.grant), max_total_tokens)


def prove_computed(ctx: Context, label: str, before: Request, after: Request, max_total_tokens: Any) -> None:
    """A chunk that ends the prompt brings the first token."""
    if after.is_decoding:
        after = request_events.after_tokens(after, 1)
    ctx.prove(f"{label}: its measure falls", ctx.merged(lambda: measure_falls(before, after, max_total_tokens)))


FIRST, SECOND, NEW = "first", "second", "new"
"""Any two requests, in the order of service, and one that arrives."""


DOOR = "arrival: an empty node of a pair takes a request"

ORDER_EVENTS = ("admission", "preemption", "acknowledgement", "arrival", "abort", "end")
"""What changes who is where, under every policy."""


def order_of_service(places: Places) -> list[str]:
    """Return who is served before whom. Preemption takes the last running request first."""
    return [
        *places[Place.RUNNING],
        *reversed(places[Place.PREEMPTED]),
        *places[Place.WAITING],
    ]


def any_engine(ctx: Context, policy: Policy) -> Engine:
    """Return an empty engine of any role: who is where depends on neither its numbers nor what start-up refuses."""
    starting = copy(policy)
    starting.problems = lambda config: []  # type: ignore[method-assign]
    return Engine(ServingConfig(role=ctx.one_of("role_of_engine", tuple(Role)), num_kv_blocks=64), starting)


def any_two_in_order(ctx: Context, engine: Engine) -> None:
    """Let two requests be anywhere in an engine, one before the other."""
    first = ctx.one_of("first_is", (Place.RUNNING, Place.PREEMPTED, Place.WAITING))
    second = ctx.one_of("second_is", (Place.RUNNING, Place.PREEMPTED, Place.WAITING))
    both = [(FIRST, first), (SECOND, second)]
    if first is second is Place.PREEMPTED:
        both.reverse()
    for request_id, place in both:
        engine.put(place, new_request(request_id, 1), Job(max_total_tokens=2))
    ctx.assume(order_of_service(engine.places) == [FIRST, SECOND])


def prove_order(ctx: Context, configs: Configs, policy: Policy) -> None:
    """An admission takes the first waiting request, a preemption the last running one, and both wait their turn.

    What happens is done by the engine itself. A prompt that gets no chunk though budget is left may go to the end
    of the queue: then it is overtaken. So is a decode that is preempted while a prompt behind it may not be. A
    decode node drops what is preempted.
    """
    engine = any_engine(ctx, policy)
    any_two_in_order(ctx, engine)
    event = ctx.one_of("event", (*ORDER_EVENTS, "skip"))
    waiting, running = (list(engine.places[place]) for place in (Place.WAITING, Place.RUNNING))
    if event == "admission":
        ctx.assume(len(waiting) > 0 and not engine.places[Place.PREEMPTED])
        engine.admit(engine.requests[waiting[0]])
    elif event == "preemption":
        ctx.assume(len(running) > 0)
        engine.preempt(ctx.one_of("victim", running) if policy.preempts_only_decodes else running[-1])
    elif event == "acknowledgement":
        ctx.assume(len(engine.places[Place.PREEMPTED]) > 0)
        engine.acknowledge()
    elif event == "arrival":
        ctx.assume(engine.config.role == Role.MIXED)
        engine.add_request(NEW, 1, 1)
        ctx.prove("arrival: a new request is behind all others", order_of_service(engine.places)[-1] == NEW)
    elif event == "skip":
        ctx.assume(policy.skips_unfit_prompts and len(waiting) > 0)
        config = configs(ctx, policy)
        ctx.assume(ctx.merged(lambda: not policy.uses_up_budget(config)))
        engine.skip(waiting[0])
    elif event == "abort":
        engine.abort(ctx.one_of("aborted", (FIRST, SECOND)))
    else:
        engine.end(ctx.one_of("ends", (FIRST, SECOND)), Ending.FINISHED)
    after = [name for name in order_of_service(engine.places) if name != NEW]
    ctx.prove(f"{event}: nobody overtakes", after == [name for name in (FIRST, SECOND) if name in after])


def prove_door(ctx: Context, policy: Policy) -> None:
    """Where requests are not queued, an empty node takes one; a small one, in a pool of 64 blocks."""
    engine = any_engine(ctx, policy)
    ctx.assume(engine.config.role != Role.MIXED)
    ctx.prove(DOOR, engine.preallocate(NEW, 1, 2))


def prove_progress(ctx: Context, configs: Configs, policy: Policy, given: Claim) -> None:
    """The order of service stands, the first request advances in every step, and an empty node is not shut."""
    part = ctx.one_of("part", ("head", "order", "door"))
    if part == "head":
        prove_head_advances(ctx, configs, policy)
    elif part == "order":
        prove_order(ctx, configs, policy)
    else:
        prove_door(ctx, policy)


def run_moves_on(step: RunStep, policy: Policy) -> bool:
    """While requests are left, a step changes something; one that does not is followed by its like for ever."""
    if len(step.before) == 0:
        return True
    return len(step.outcome.launch.plan.preempted) > 0 or not same_requests(step.before, step.after)


def same_requests(before: Mapping[str, Request], after: Mapping[str, Request]) -> bool:
    """Return whether nothing about any request has changed."""
    return before.keys() == after.keys() and all(before[name] == after[name] for name in before)


PROGRESS = Invariant(
    name="progress",
    family="life",
    consequence=Consequence.STALL,
    sentence="While a request that fits has not ended, every step brings the first one nearer to its end.",
    statement=measure_falls,
    fields=("num_kv_blocks", *BUDGET_FIELDS, "enc_dec_block_num"),
    origin="With every token reserved for decodes the budget is 0, the loop visits nobody, and nobody gets blocks.",
    scope="a pool for the longest request, any number of requests",
    proof=prove_progress,
    needs_pool=True,
    on_run=run_moves_on,
    covers=frozenset(
        {
            "arrival: a new request is behind all others",
            DOOR,
            *(f"{event}: nobody overtakes" for event in ORDER_EVENTS),
            "decodes: the loop visits it",
            "decodes: its measure falls",
            "prefills: the loop visits it",
            "prefills: its blocks fit",
            "prefills: it gets a chunk",
            "prefills: its measure falls",
            "waits: it is admitted with a chunk",
            "waits: its measure falls",
        }
    ),
)
