"""What each event makes of one request's counts. Pure; the engine strings them together."""

from dataclasses import replace

from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.engines.fastdeploy.ledger import Grant
from schedproof.request import Request


def with_cached_prefix(
    request: Request, num_cached_blocks: int, num_free_cached_blocks: int, config: ServingConfig
) -> Request:
    """Begin a waiting request with the blocks of its prompt that the prefix cache holds.

    ``num_free_cached_blocks`` of them are in no table yet; see `num_usable_cached_blocks` for how many may be used.
    """
    return replace(
        request,
        num_computed_tokens=num_cached_blocks * config.block_size,
        num_blocks=num_cached_blocks,
        num_free_cached_blocks=num_free_cached_blocks,
    )


def num_usable_cached_blocks(request: Request, num_cached_blocks: int, config: ServingConfig) -> int:
    """Return with how many of the cached blocks of its prompt a request may start.

    At least one token is left to prefill, so that there is something to sample from; and no multimodal item is
    left half computed.
    """
    usable = min(num_cached_blocks, (request.need_prefill_tokens - 1) // config.block_size)
    for item in reversed(request.items):
        position = usable * config.block_size
        if item.start < position and position < item.end:
            usable = item.start // config.block_size
    return usable


def after_chunk(request: Request, grant: Grant) -> Request:
    """Return a request once its chunk is computed."""
    return replace(
        request,
        num_computed_tokens=request.num_computed_tokens + grant.num_tokens,
        num_blocks=request.num_blocks + grant.num_new_blocks - request.num_free_cached_blocks,
        num_free_cached_blocks=0,
    )


def after_growth(request: Request, num_new_blocks: int) -> Request:
    """Return a decoding request with new blocks at the end of its table."""
    return replace(request, num_blocks=request.num_blocks + num_new_blocks)


def num_produced_tokens(request: Request, num_accepted: int, max_total_tokens: int, config: ServingConfig) -> int:
    """Return the tokens that a decoding slot produces in a step: the accepted drafts and the bonus token.

    The worker keeps decoding until the blocks are used up, so a slot without a free KV slot produces nothing, and
    it stops at the length limit. That its drafts fit as well is for the scheduler to see to.
    """
    if request.num_computed_tokens >= request.num_blocks * config.block_size:
        return 0
    return min(num_accepted + 1, max_total_tokens - request.num_total_tokens)


def after_tokens(request: Request, num_produced: int) -> Request:
    """Return a request after the worker appended tokens; the last one has no keys and values yet."""
    num_total_tokens = request.num_total_tokens + num_produced
    return replace(request, num_total_tokens=num_total_tokens, num_computed_tokens=num_total_tokens - 1)


def after_preemption(request: Request, keeps_slot: bool) -> Request:
    """Return a request that lost its blocks: on resumption everything so far is prefilled again."""
    return replace(
        request,
        need_prefill_tokens=request.num_total_tokens,
        num_resumed_tokens=request.num_total_tokens - request.num_prompt_tokens,
        num_computed_tokens=0,
        num_blocks=0,
        num_shared_blocks=0,
        holds_slot=keeps_slot,
    )


def after_abort(request: Request) -> Request:
    """Return an aborted decode without its blocks; it never runs again."""
    return replace(request, num_computed_tokens=0, num_blocks=0, num_shared_blocks=0)


def after_arrival_of_cache(request: Request) -> Request:
    """Return a request that arrives on a decode node with its first token and the cache of its prompt.

    It is decoding on arrival.
    """
    return replace(
        request,
        num_computed_tokens=request.need_prefill_tokens,
        num_total_tokens=request.need_prefill_tokens + 1,
    )


def after_arrival_with_prefill(request: Request) -> Request:
    """Return a request that arrives on FastDeploy's decode node: its first token is still to be prefilled.

    Source: ``add_prefilled_request``.
    """
    return replace(
        request,
        need_prefill_tokens=request.need_prefill_tokens + 1,
        num_resumed_tokens=1,
        num_computed_tokens=request.need_prefill_tokens,
        num_total_tokens=request.need_prefill_tokens + 1,
    )


def after_admission(request: Request) -> Request:
    """Return a request that runs: the slot that it may have held is its own again."""
    return replace(request, holds_slot=False)
