"""What a request can look like between two steps: the state that every event starts from and leaves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.request import Request
from schedproof_spec.prover.context import Context
from schedproof_spec.rules.blocks import blocks_cover_tokens
from schedproof_spec.states.domain import any_request, is_well_formed
from schedproof_spec.states.logic import all_of, any_of


def is_alive(request: Request, max_total_tokens: int, config: ServingConfig) -> bool:
    """Whether a request can look like this between two steps.

    It is well formed, its blocks cover its tokens, it has tokens left to generate, and unless it is decoding it
    prefills everything that it has.
    """
    alive: bool = all_of(
        is_well_formed(request, config),
        blocks_cover_tokens(request, config),
        request.num_total_tokens < max_total_tokens,
        max_total_tokens <= config.max_model_len,
        any_of(request.is_decoding, request.need_prefill_tokens == request.num_total_tokens),
    )
    return alive


def any_living_request(ctx: Context, config: ServingConfig, num_items: int = 0) -> tuple[Request, Any]:
    """Draw a request between two steps, and the tokens at which it is finished."""
    request = any_request(ctx, "request", config, num_items)
    request = replace(request, num_shared_blocks=ctx.integer("request.num_shared_blocks", 0))
    ctx.assume(request.num_shared_blocks <= request.num_blocks)
    max_total_tokens = ctx.integer("max_total_tokens", 1)
    ctx.assume(ctx.merged(lambda: is_alive(request, max_total_tokens, config)))
    return request, max_total_tokens


def any_living_decode(ctx: Context, config: ServingConfig) -> tuple[Request, Any]:
    """Draw a request that this node decodes, and the tokens at which it is finished."""
    request, max_total_tokens = any_living_request(ctx, config)
    ctx.assume(ctx.merged(lambda: config.runs_decode and request.is_decoding))
    return request, max_total_tokens
