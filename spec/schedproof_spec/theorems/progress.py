"""How it is proved that every request that fits is served in a finite number of steps.

The argument. Requests are served in one order: the running list, then what was preempted, then the waiting queue.
No event lets a request overtake another (`prove_order`), so the first in this order stays first until it ends. In
every step its measure falls (`prove_head_advances`): the tokens that it has left to generate; for equal numbers of
these, a decode before a prefill; and then the tokens that it has left to prefill. Three natural numbers, compared
in this order, cannot fall for ever, so the first request ends; then the next is first. An end to all work follows
for any number of requests. A decode that preempts itself falls too: its prefill ends with a new token.

It needs that the worker acknowledges what left the batch before the next step, and that a prefill node's finished
prompts are handed over. On a decode node a request that loses its blocks is dropped, and so has ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schedproof.engines.fastdeploy.config import Role, ServingConfig
from schedproof.engines.fastdeploy.life import request_events
from schedproof.engines.fastdeploy.life.places import Place, Places
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.engines.fastdeploy.turns import Queues, ask, has_blocks_to_admit, open_step
from schedproof.request import Request
from schedproof_spec.invariant import Consequence, Invariant
from schedproof_spec.prover.context import Context
from schedproof_spec.rules.life import measure_falls
from schedproof_spec.states.domain import Configs
from schedproof_spec.states.ledger import Claim
from schedproof_spec.states.life import any_living_request
from schedproof_spec.states.merged import merged_on_path
from schedproof_spec.states.runs import RunStep


def any_pool_for(ctx: Context, config: ServingConfig) -> Any:
    """Draw the size of a pool in which every request fits."""
    num_kv_blocks = ctx.integer("num_kv_blocks", 1)
    ctx.assume(config.max_blocks_per_seq <= num_kv_blocks)
    return num_kv_blocks


def prove_head_advances(ctx: Context, configs: Configs, policy: Policy) -> None:
    """The first running request, or the first waiting one when none is running, with any others behind it."""
    stage = ctx.one_of("stage", ("decodes", "prefills", "waits"))
    config = configs(ctx, policy)
    num_kv_blocks = any_pool_for(ctx, config)
    request, max_total_tokens = any_living_request(ctx, config, num_items=1)
    ctx.assume(ctx.merged(lambda: request.is_decoding or request.num_blocks <= config.max_blocks_per_seq))
    if stage == "decodes":
        ctx.assume(ctx.merged(lambda: request.is_decoding and config.runs_decode))
        prove_decode_advances(ctx, request, max_total_tokens, num_kv_blocks, config, policy)
    else:
        ctx.assume(ctx.merged(lambda: not request.is_decoding and config.role != Role.DECODE))
        if stage == "prefills":
            prove_chunk_advances(ctx, request, max_total_tokens, num_kv_blocks, config, policy)
        else:
            prove_admission_advances(ctx, request, max_total_tokens, num_kv_blocks, config, policy)


def any_decodes(ctx: Context, at_least: int, others: int, config: ServingConfig) -> Any:
    """Draw how many requests decode; ``others`` slots have requests that do not."""
    num_decoding = ctx.integer("num_decoding", 0)
    ctx.assume(num_decoding >= at_least)
    ctx.assume(ctx.merged(lambda: config.runs_decode or num_decoding == 0))
    ctx.assume(num_decoding + others <= config.max_num_seqs)
    return num_decoding


def prove_decode_advances(
    ctx: Context, request: Request, max_total_tokens: Any, num_kv_blocks: Any, config: ServingConfig, policy: Policy
) -> None:
    """The loop visits it first: it gets what it asks for and produces a token, or is preempted and starts over."""
    num_decoding = any_decodes(ctx, 1, 0, config)
    budget = ctx.merged(lambda: policy.initial_budget(config, num_decoding))
    ctx.prove("decodes: the loop visits it", ctx.merged(lambda: policy.keeps_visiting(budget)))
    grant = ctx.merged(lambda: ask(request, budget, config, policy))
    if grant.num_new_blocks > num_kv_blocks - request.num_blocks:
        after = request_events.after_preemption(request)
    else:
        num_accepted = ctx.integer("num_accepted_drafts", 0)
        ctx.assume(num_accepted < config.tokens_per_seq)
        running = request_events.after_growth(request, grant.num_new_blocks)
        produced = merged_on_path(
            request_events.num_produced_tokens, running, num_accepted, max_total_tokens, config
        )
        after = request_events.after_tokens(running, produced)
    ctx.prove("decodes: its measure falls", ctx.merged(lambda: measure_falls(request, after, max_total_tokens)))


def prove_chunk_advances(
    ctx: Context, request: Request, max_total_tokens: Any, num_kv_blocks: Any, config: ServingConfig, policy: Policy
) -> None:
    """The loop gets to it with all that the decodes leave: a chunk, for which the others' blocks are there."""
    num_decoding = any_decodes(ctx, 0, 1, config)
    ctx.assume(ctx.merged(lambda: config.chunked_prefill))
    budget = ctx.merged(lambda: policy.initial_budget(config, num_decoding))
    ctx.prove("prefills: the loop visits it", ctx.merged(lambda: policy.keeps_visiting(budget)))
    grant = ctx.merged(lambda: ask(request, budget, config, policy))
    ctx.prove("prefills: it gets a chunk", grant.num_tokens > 0)
    ctx.prove("prefills: its blocks fit", grant.num_new_blocks <= num_kv_blocks - request.num_blocks)
    after = request_events.after_chunk(request, grant)
    ctx.prove("prefills: its table stays in its width", after.num_blocks <= config.max_blocks_per_seq)
    prove_computed(ctx, "prefills", request, after, max_total_tokens)


def prove_admission_advances(
    ctx: Context, request: Request, max_total_tokens: Any, num_kv_blocks: Any, config: ServingConfig, policy: Policy
) -> None:
    """With nothing running and all blocks free it is admitted with a chunk."""
    ctx.assume(ctx.merged(lambda: request.num_blocks == 0 and request.num_computed_tokens == 0))
    step = open_step(config, policy, num_decoding=0, num_free_blocks=num_kv_blocks, num_slots_used=0)
    ctx.prove("waits: there is budget", ctx.merged(lambda: step.budget > 0))
    ctx.prove("waits: there is a slot", step.num_slots_used < config.max_num_seqs)
    grant = ctx.merged(lambda: ask(request, step.budget, config, policy))
    ctx.prove("waits: it gets a chunk", grant.num_tokens > 0)
    queues = Queues(
        running=(),
        waiting=(request,),
        num_free_blocks=num_kv_blocks,
        num_reserved_blocks_per_seq=ctx.integer("num_reserved_blocks_per_seq", 0),
    )
    ctx.prove("waits: its blocks fit", ctx.merged(lambda: has_blocks_to_admit(step, grant, queues)))
    after = request_events.after_chunk(request, grant)
    ctx.prove("waits: its table stays in its width", after.num_blocks <= config.max_blocks_per_seq)
    prove_computed(ctx, "waits", request, after, max_total_tokens)


def prove_computed(ctx: Context, label: str, before: Request, after: Request, max_total_tokens: Any) -> None:
    """A chunk that ends the prompt brings the first token."""
    if after.is_decoding:
        after = request_events.after_tokens(after, 1)
    ctx.prove(f"{label}: its measure falls", ctx.merged(lambda: measure_falls(before, after, max_total_tokens)))


FIRST, SECOND = "first", "second"
"""Any two requests, in the order of service."""


def order_of_service(places: Places) -> list[str]:
    """Return who is served before whom. Preemption takes the last running request first."""
    return [
        *places[Place.RUNNING],
        *reversed(places[Place.PREEMPTED]),
        *places[Place.WAITING],
    ]


def any_two_in_order(ctx: Context) -> Places:
    """Draw where two requests are, one before the other."""
    first = ctx.one_of("first_is", (Place.RUNNING, Place.PREEMPTED, Place.WAITING))
    second = ctx.one_of("second_is", (Place.RUNNING, Place.PREEMPTED, Place.WAITING))
    places = Places()
    for request_id, place in ((SECOND, second), (FIRST, first)):
        places.enter(request_id, place)
        if place is not Place.PREEMPTED and first is second and request_id == FIRST:
            places.queues[place].reverse()
    ctx.assume(order_of_service(places) == [FIRST, SECOND])
    return places


def prove_order(ctx: Context) -> None:
    """An admission takes the first waiting request, a preemption the last running one, and both wait their turn."""
    places = any_two_in_order(ctx)
    event = ctx.one_of("event", ("admission", "preemption", "acknowledgement", "arrival", "end"))
    waiting, running, preempted = (list(places[p]) for p in (Place.WAITING, Place.RUNNING, Place.PREEMPTED))
    if event == "admission":
        ctx.assume(len(waiting) > 0 and len(preempted) == 0)
        places.move(waiting[0], Place.RUNNING)
    elif event == "preemption":
        ctx.assume(len(running) > 0)
        places.move(running[-1], Place.PREEMPTED)
    elif event == "acknowledgement":
        ctx.assume(len(preempted) > 0)
        for request_id in preempted:
            places.move_to_front(request_id, Place.WAITING)
    elif event == "arrival":
        places.enter("new", Place.WAITING)
        ctx.prove("arrival: a new request is behind all others", order_of_service(places)[-1] == "new")
    else:
        places.leave(ctx.one_of("ends", (FIRST, SECOND)))
    after = [name for name in order_of_service(places) if name != "new"]
    ctx.prove(f"{event}: nobody overtakes", after == [name for name in (FIRST, SECOND) if name in after])


def prove_progress(ctx: Context, configs: Configs, policy: Policy, given: Claim) -> None:
    """The order of service stands, and the first request advances in every step."""
    if ctx.one_of("part", ("order", "head")) == "order":
        prove_order(ctx)
    else:
        prove_head_advances(ctx, configs, policy)


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
    origin="With every token reserved for decodes the budget is 0, the loop visits nobody, and nobody gets blocks.",
    scope="every configuration with a pool for the longest request, any number of requests",
    proof=prove_progress,
    on_run=run_moves_on,
    covers=frozenset(
        {
            "arrival: a new request is behind all others",
            *(f"{e}: nobody overtakes" for e in ("admission", "preemption", "acknowledgement", "arrival", "end")),
            "decodes: the loop visits it",
            "decodes: its measure falls",
            "prefills: the loop visits it",
            "prefills: it gets a chunk",
            "prefills: its blocks fit",
            "prefills: its table stays in its width",
            "prefills: its measure falls",
            "waits: there is budget",
            "waits: there is a slot",
            "waits: it gets a chunk",
            "waits: its blocks fit",
            "waits: its table stays in its width",
            "waits: its measure falls",
        }
    ),
)
