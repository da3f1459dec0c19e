"""How many caches a decode node may wait for, so that those who decode can finish."""

from collections.abc import Sequence

from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.engines.fastdeploy.rules.blocks import blocks_to_finish
from schedproof.request import Request

WithLimit = tuple[Request, int]
"""A request, and its tokens at which it is finished."""


def leaves_room_to_finish(
    receiving: Sequence[WithLimit], decoding: Sequence[WithLimit], config: ServingConfig
) -> bool:
    """Return whether each of these requests, one at least, could grow to its end with every other decode preempted.

    Preemption cannot take the blocks of a request that waits for its cache. Where these fill the pool, the oldest
    decode is dropped for a newcomer, starts again, and has that one dropped in turn, for ever.
    """
    assert config.num_kv_blocks is not None
    num_receiving = sum(request.num_blocks for request, _ in receiving)
    missing = [most_blocks(request, limit, config) - request.num_blocks for request, limit in receiving]
    missing += [most_blocks(request, limit, config) for request, limit in decoding]
    return num_receiving + max(missing) <= config.num_kv_blocks


def most_blocks(request: Request, max_total_tokens: int, config: ServingConfig) -> int:
    """Return the most blocks that a request comes to hold on a decode node: at its end, after a last growth."""
    to_finish = blocks_to_finish(request.need_prefill_tokens, max_total_tokens, config)
    last_growth_at = (max_total_tokens - 1 + config.prealloc_dec_block_slot_num_threshold) // config.block_size
    return min(max(to_finish, last_growth_at) + config.enc_dec_block_num, config.max_blocks_per_seq)
