"""How the order of the running list is proved: every step and every event between two steps keeps it.

Take any two running requests that are `in_order`. In a step a decode stays a decode, and a prompt becomes one only
by getting all its rest. The step's induction (`order_stands`) shows that whoever stands before a prompt that is
visited or admitted got all its rest too. Between steps, requests
leave, and what joins the list joins its end: an admission (in the step), a preallocated prompt, or a request that
arrives on a decode node, where everybody decodes.
"""

from __future__ import annotations

from typing import Any

from schedproof.engines.fastdeploy.config import Role, ServingConfig
from schedproof.engines.fastdeploy.ledger import Grant
from schedproof.engines.fastdeploy.life import request_events
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.engines.fastdeploy.turns import Phase, Visit, next_turn
from schedproof.request import Request, new_request
from schedproof_spec.prover.context import Context
from schedproof_spec.rules.queues import in_order
from schedproof_spec.states.domain import Configs, any_request
from schedproof_spec.states.ledger import (
    any_frame,
    any_moment,
    is_live_decode,
    order_stands,
    queues_at,
)
from schedproof_spec.states.merged import merged_on_path
from schedproof_spec.states.queue_entries import any_running_request
from schedproof_spec.states.turned import moment_after


def prove_order_kept(ctx: Context, configs: Configs, policy: Policy) -> None:
    """Prove that every turn and every event leaves any two running requests in order."""
    event = ctx.one_of("event", ("turn", "a decode generates", "a prompt ends", "a request arrives with its cache"))
    if event == "turn":
        prove_turn_keeps_order(ctx, configs, policy)
        return
    config = configs(ctx, policy)
    ctx.assume(ctx.merged(lambda: policy.uses_up_budget(config)))
    if event == "a decode generates":
        prove_decode_stays(ctx, config)
    elif event == "a prompt ends":
        prove_first_token_decodes(ctx, config, policy)
    else:
        prove_arrival_is_last(ctx, config, policy)


def prove_turn_keeps_order(ctx: Context, configs: Configs, policy: Policy) -> None:
    """A turn that ends a prompt comes after the end of every prompt before it, and passes no decode ahead."""
    frame = any_frame(ctx, configs, policy)
    before = any_moment(ctx, frame)
    config = frame.config
    ctx.assume(ctx.merged(lambda: policy.uses_up_budget(config)))
    turn = next_turn(before.ledger, queues_at(ctx, before, frame), config, policy)
    if not isinstance(turn, Visit):
        return
    request, grant = turn.request, turn.grant
    after_turn = moment_after(ctx, before, turn, config)
    ctx.prove("turn: whoever comes next stands in order", ctx.merged(lambda: order_stands(after_turn, frame)))
    if turn.phase is Phase.DECODE:
        grown = request_events.after_growth(request, grant.num_new_blocks)
        ctx.prove("turn: a decode stays one", grown.is_decoding)
        return
    after = request_events.after_chunk(request, grant)
    ctx.prove(
        "turn: a prompt ends after all before it",
        ctx.merged(lambda: not is_live_decode(after, config) or before.all_finished),
    )
    ctx.prove(
        "turn: nobody decodes behind a prompt",
        ctx.merged(lambda: turn.phase is Phase.ADMISSION or before.num_unvisited == 0),
    )
    if turn.phase is Phase.ADMISSION:
        ctx.assume(before.ledger.num_asked == 0)
        ctx.prove(
            "turn: the first that is admitted stands behind a list that was visited",
            before.ledger.num_visited == before.ledger.num_running,
        )


def prove_decode_stays(ctx: Context, config: ServingConfig) -> None:
    """Tokens that are generated leave a decode a decode."""
    request = any_request(ctx, "request", config)
    ctx.assume(request.is_decoding)
    produced = ctx.integer("num_produced", 1)
    ctx.prove("a decode generates: it stays one", request_events.after_tokens(request, produced).is_decoding)


def prove_first_token_decodes(ctx: Context, config: ServingConfig, policy: Policy) -> None:
    """A prompt that got all its rest decodes from its first token on."""
    request = any_running_request(ctx, "request", config, policy)
    ctx.assume(ctx.merged(lambda: not request.is_decoding))
    ctx.assume(request.need_prefill_tokens == request.num_total_tokens)
    grant = Grant(num_tokens=request.num_prefill_tokens_left, num_new_blocks=0)
    ended = request_events.after_tokens(request_events.after_chunk(request, grant), 1)
    ctx.prove("a prompt ends: it decodes", ended.is_decoding)


def prove_arrival_is_last(ctx: Context, config: ServingConfig, policy: Policy) -> None:
    """What arrives on a decode node stands last, behind those who decode or have a token left."""
    ctx.assume(ctx.merged(lambda: config.role == Role.DECODE))
    num_prompt_tokens = ctx.integer("num_prompt_tokens", 1)
    arrived: Any = (
        request_events.after_arrival_with_prefill
        if policy.prefills_on_arrival
        else request_events.after_arrival_of_cache
    )
    last: Request = merged_on_path(arrived, new_request("last", num_prompt_tokens))
    earlier = any_running_request(ctx, "earlier", config, policy)
    ctx.prove("a request arrives: it stands in order", in_order(earlier, last))
    most = 1 if policy.prefills_on_arrival else 0
    ctx.prove("a request arrives: it has at most a token left", last.num_prefill_tokens_left <= most)
