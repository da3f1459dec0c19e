"""What a request of either queue can look like when the loop comes to it."""

from __future__ import annotations

from dataclasses import replace

from schedproof.engines.fastdeploy.config import Role, ServingConfig
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.request import Request
from schedproof_spec.prover.context import Context
from schedproof_spec.states.domain import any_request


def any_running_request(
    ctx: Context, name: str, config: ServingConfig, policy: Policy, num_items: int = 1
) -> Request:
    """Draw a request of the running list, with an item and with blocks that it shares.

    On a decode node everything decodes, but for what has just arrived where that still has a token to prefill.
    """
    drawn = any_request(ctx, name, config, num_items)
    shared = ctx.integer(f"{name}.num_shared_blocks", 0)
    request = replace(drawn, num_shared_blocks=shared, holds_slot=False, is_aborted=False)
    ctx.assume(request.num_shared_blocks <= request.num_blocks)
    if policy.aborts_when_visited:
        request = replace(request, is_aborted=ctx.boolean(f"{name}.is_aborted"))
    most_left = 1 if policy.prefills_on_arrival else 0
    ctx.assume(ctx.merged(lambda: config.role != Role.DECODE or request.num_prefill_tokens_left <= most_left))
    return request


def any_waiting_request(ctx: Context, name: str, config: ServingConfig, num_items: int = 1) -> Request:
    """Draw a request with prompt left to prefill; a decode node has none.

    A chunk rule looks for the item at one position, and items are disjoint: one drawn item stands for all of them
    in one call of the rule, two where a second call or another item is looked at.
    """
    drawn = any_request(ctx, name, config, num_items)
    cached = ctx.integer(f"{name}.num_free_cached_blocks", 0)
    request = replace(drawn, num_free_cached_blocks=cached, num_shared_blocks=0, holds_slot=False)
    ctx.assume(request.num_free_cached_blocks <= request.num_blocks)
    ctx.assume(config.role != Role.DECODE)
    ctx.assume(ctx.merged(lambda: not request.is_decoding))
    return request
