"""How progress is proved on a mixed node where only decodes are preempted (see `progress`).

The argument. At most one running request is in the middle of its prompt, and it is the last: while it is, nobody
is admitted, and a chunk that leaves it there uses up the budget. Take any request. Before it are all that run or
were preempted and, while it waits, whoever waits before it. Nobody joins them (`prove_order`): a decode that leaves
goes to the front of the queue, and the prompt that ran beside it is the only one that has overtaken it. Add up what
these and the request itself have left to generate. In every step that sum falls; or it stays, and one of two falls:
whether anybody decodes, and then the tokens that the prompt at hand has left to prefill.

- Somebody decodes. The first decode is visited first. It generates a token; or no other decode is left, and it
  preempts itself beside a prompt: then nobody decodes, and a slot is left ("decodes", `prove_head_advances`).
- Nobody decodes and somebody runs: that is one prompt, alone. It gets a chunk, with the reserve for its own output
  beside it ("prefills"), and the last chunk brings a token.
- Nobody runs. The first that waits is admitted with a chunk ("waits").

So whoever waits is admitted, and whoever is admitted ends its prompt, with a token more. A decode is visited in
every step, or leaves to wait again (`prove_step`), and generates a token each time. It ends for any number of
requests, whatever else arrives.

The reserve is the token ratio's, of at most 1: no more is reserved than a request may still generate.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from schedproof.engines.fastdeploy.config import Role, ServingConfig
from schedproof.engines.fastdeploy.life import request_events
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.engines.fastdeploy.turns import Phase, Preemption, Visit, ask, next_turn
from schedproof.request import Request, new_request
from schedproof_spec.prover.context import Context
from schedproof_spec.states.domain import Configs
from schedproof_spec.states.ledger import any_frame, any_moment, by_induction, nothing, queues_at
from schedproof_spec.states.life import any_living_request
from schedproof_spec.states.merged import merged_on_path
from schedproof_spec.theorems.advance import holds_what_is_computed

NOBODY_IN_THE_MIDDLE = "step: nobody is admitted while a prompt is in its middle"
NO_DECODE_LEFT_OUT = "step: no decode is left out"
NO_PREEMPTION = "step: nobody is preempted on a prefill node"
BLOCKS_OF_COMPUTED = "holds the blocks of what is computed"


def prove_decode_victims(ctx: Context, configs: Configs, policy: Policy) -> None:
    """What is true of every step, and of the blocks of every prompt; the step is possible to begin with."""
    part = ctx.one_of("part_of_victims", ("possible", "step", "blocks"))
    if part == "possible":
        by_induction(ctx, configs, policy, nothing, nothing)
    elif part == "step":
        prove_step(ctx, configs, policy)
    else:
        prove_prompt_blocks(ctx, configs, policy)


def prove_step(ctx: Context, configs: Configs, policy: Policy) -> None:
    """At any point of a step: who may be admitted, who may be left out when it is over, and who may leave."""
    frame = any_frame(ctx, configs, policy)
    before = any_moment(ctx, frame)
    config, ledger = frame.config, before.ledger
    turn = next_turn(ledger, queues_at(ctx, before, frame), config, policy)
    if isinstance(turn, Preemption):
        ctx.prove(NO_PREEMPTION, config.role != Role.PREFILL)
        return
    if config.role != Role.MIXED:
        return
    if turn is None:
        ctx.prove(NO_DECODE_LEFT_OUT, before.num_unvisited == 0)
    elif isinstance(turn, Visit) and turn.phase is Phase.ADMISSION:
        num_left = ledger.num_running + ledger.num_kept - ledger.num_visited
        ctx.prove(NOBODY_IN_THE_MIDDLE, ctx.merged(lambda: before.all_finished and num_left == 0))


def prove_prompt_blocks(ctx: Context, configs: Configs, policy: Policy) -> None:
    """Every event of a prompt on a mixed node leaves it the blocks of its tokens, and at most one beside them."""
    event = ctx.one_of("event_of_prompt", ("arrival", "chunk", "preemption"))
    config = configs(ctx, policy)
    ctx.assume(config.role == Role.MIXED)
    if event == "arrival":
        after = after_arrival(ctx, config)
    else:
        request, _ = any_living_request(ctx, config, num_items=1)
        after = (
            after_preemption(request, policy)
            if event == "preemption"
            else after_chunk(ctx, request, config, policy)
        )
    ctx.prove(f"{event}: {BLOCKS_OF_COMPUTED}", ctx.merged(lambda: holds_what_is_computed(after, config)))


def after_arrival(ctx: Context, config: ServingConfig) -> Request:
    """Return a request that waits, with the part of its prompt that the prefix cache has."""
    request = new_request("request", ctx.integer("num_prompt_tokens", 1))
    num_cached = ctx.integer("num_cached_blocks", 0)
    num_usable = merged_on_path(request_events.num_usable_cached_blocks, request, num_cached, config)
    return request_events.with_cached_prefix(request, num_usable, ctx.integer("num_free_cached_blocks", 0), config)


def after_chunk(ctx: Context, request: Request, config: ServingConfig, policy: Policy) -> Request:
    """Return a prompt after a chunk of it, in its middle or as it is admitted."""
    ctx.assume(ctx.merged(lambda: not request.is_decoding and holds_what_is_computed(request, config)))
    num_free_cached_blocks = ctx.integer("num_free_cached_blocks", 0)
    ctx.assume(num_free_cached_blocks <= request.num_blocks)
    prompt = replace(request, num_free_cached_blocks=num_free_cached_blocks)
    budget: Any = ctx.integer("budget", 1)
    grant = ctx.merged(lambda: ask(prompt, budget, config, policy))
    return request_events.after_chunk(prompt, grant)


def after_preemption(request: Request, policy: Policy) -> Request:
    """Return a request that is preempted, which is a decode."""
    return request_events.after_preemption(request, policy.keeps_slot_of_preempted)
