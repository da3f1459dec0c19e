"""The life family, part two: every request that fits is served in a finite number of steps.

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
from schedproof.engines.fastdeploy.ledger import ask, open_step
from schedproof.engines.fastdeploy.life import request_events as life
from schedproof.engines.fastdeploy.life.places import Place, Places
from schedproof.engines.fastdeploy.loop import Queues, has_blocks_to_admit
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.request import Request
from schedproof_spec.invariant import always
from schedproof_spec.invariants.tokens import any_living_request
from schedproof_spec.prover.context import Context
from schedproof_spec.prover.mutants import Mutant
from schedproof_spec.run_invariant import RunInvariant
from schedproof_spec.states.domain import any_config
from schedproof_spec.states.merged import merged_on_path
from schedproof_spec.states.runs import RunStep
from schedproof_spec.verdicts.question import Condition


def measure(request: Request, max_total_tokens: int) -> tuple[int, int, int]:
    """Tokens left to generate; whether it decodes; tokens left to prefill: all 0 or more while it has not ended."""
    return (
        max_total_tokens - request.num_total_tokens,
        1 if request.is_decoding else 0,
        max(request.num_prefill_tokens_left, 0),
    )


def measure_falls(before: Request, after: Request, max_total_tokens: int) -> bool:
    """The first request in the order of service comes nearer to its end in every step."""
    generate, decodes, prefill = measure(after, max_total_tokens)
    generate_before, decodes_before, prefill_before = measure(before, max_total_tokens)
    if generate != generate_before:
        return generate >= 0 and generate < generate_before
    if decodes != decodes_before:
        return decodes < decodes_before
    return prefill < prefill_before


def any_pool_for(ctx: Context, config: ServingConfig) -> Any:
    """Draw the size of a pool in which every request fits."""
    num_kv_blocks = ctx.integer("num_kv_blocks", 1)
    ctx.assume(config.max_blocks_per_seq <= num_kv_blocks)
    return num_kv_blocks


def prove_head_advances(ctx: Context, policy: Policy, condition: Condition) -> None:
    """The first running request, or the first waiting one when none is running, with any others behind it."""
    stage = ctx.one_of("stage", ("decodes", "prefills", "waits"))
    config = any_config(ctx, policy)
    ctx.assume(ctx.merged(lambda: condition(config)))
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
        after = life.after_preemption(request)
    else:
        num_accepted = ctx.integer("num_accepted_drafts", 0)
        ctx.assume(num_accepted < config.tokens_per_seq)
        running = life.after_growth(request, grant.num_new_blocks)
        produced = merged_on_path(life.num_produced_tokens, running, num_accepted, max_total_tokens, config)
        after = life.after_tokens(running, produced)
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
    after = life.after_chunk(request, grant)
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
    after = life.after_chunk(request, grant)
    ctx.prove("waits: its table stays in its width", after.num_blocks <= config.max_blocks_per_seq)
    prove_computed(ctx, "waits", request, after, max_total_tokens)


def prove_computed(ctx: Context, label: str, before: Request, after: Request, max_total_tokens: Any) -> None:
    """A chunk that ends the prompt brings the first token."""
    if after.is_decoding:
        after = life.after_tokens(after, 1)
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


def prove_order(ctx: Context, policy: Policy) -> None:
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


def prove_progress(ctx: Context, policy: Policy) -> None:
    """The order of service stands, and the first request advances in every step."""
    prove_progress_where(ctx, policy, always)


def prove_progress_where(ctx: Context, policy: Policy, condition: Condition) -> None:
    """Progress for the configurations that satisfy a condition."""
    if ctx.one_of("part", ("order", "head")) == "order":
        prove_order(ctx, policy)
    else:
        prove_head_advances(ctx, policy, condition)


def run_moves_on(step: RunStep) -> bool:
    """While requests are left, a step changes something; one that does not is followed by its like for ever."""
    if len(step.before) == 0:
        return True
    return len(step.outcome.launch.plan.preempted) > 0 or not same_requests(step.before, step.after)


def same_requests(before: Mapping[str, Request], after: Mapping[str, Request]) -> bool:
    """Return whether nothing about any request has changed."""
    return before.keys() == after.keys() and all(before[name] == after[name] for name in before)


PROGRESS = RunInvariant(
    name="progress",
    family="life",
    sentence="While a request that fits has not ended, every step brings the first one nearer to its end.",
    statement=measure_falls,
    origin="With every token reserved for decodes the budget is 0, the loop visits nobody, and nobody gets blocks.",
    scope="every configuration with a pool for the longest request, any number of requests",
    proof=prove_progress,
    on_step=run_moves_on,
    reached=frozenset(
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
    mutants=(
        Mutant(
            name="visit nobody without budget",
            module="schedproof.engines.fastdeploy.reference_policy",
            function="ReferencePolicy.keeps_visiting",
            old="return True",
            new="return budget > 0",
        ),
        Mutant(
            name="grow by a fixed number of blocks, which may be none",
            module="schedproof.engines.fastdeploy.rules.blocks",
            function="decode_blocks",
            old="max(missing, min(config.enc_dec_block_num, room), 0)",
            new="config.enc_dec_block_num",
        ),
        Mutant(
            name="fill the table past its width",
            module="schedproof.engines.fastdeploy.rules.blocks",
            function="prefill_blocks",
            old="min(blocks, config.max_blocks_per_seq)",
            new="blocks",
        ),
        Mutant(
            name="wait for an item that alignment alone cuts",
            module="schedproof.engines.fastdeploy.rules.chunk",
            function="next_chunk",
            old="item.end <= request.num_computed_tokens + budget",
            new="False",
        ),
        Mutant(
            name="a preempted request goes to the end of the queue",
            module="schedproof.engines.fastdeploy.life.places",
            function="Places.move_to_front",
            old="insert(0, request_id)",
            new="append(request_id)",
        ),
        Mutant(
            name="a new request goes to the front",
            module="schedproof.engines.fastdeploy.life.places",
            function="Places.enter",
            old="self.queues[place].append(request_id)",
            new="self.queues[place].insert(0, request_id)",
        ),
    ),
)
