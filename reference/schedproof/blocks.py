"""How many KV blocks a request must get before it runs in a step."""

from schedproof.config import ServingConfig, ceil_div
from schedproof.request import Request


def prefill_blocks(request: Request, chunk: int, config: ServingConfig) -> int:
    """Return the new blocks for a chunk: its tokens, and one more with speculation, within the table's width."""
    slots = request.num_computed_tokens + chunk
    blocks = ceil_div(slots, config.block_size)
    if config.speculation is not None:
        blocks = blocks + 1
    wanted = min(blocks, config.max_blocks_per_seq)
    return max(wanted - request.num_blocks, 0)


def decode_blocks(request: Request, config: ServingConfig) -> int:
    """Return the new blocks for one decode step, enough for every token that the worker may write.

    The step writes the last sampled token and the drafts: slots up to ``num_total_tokens - 1 + tokens_per_seq``.
    """
    last_slot = request.num_total_tokens - 1 + config.tokens_per_seq
    missing = ceil_div(last_slot, config.block_size) - request.num_blocks
    if missing > 0 or has_few_free_slots(request, config):
        room = config.max_blocks_per_seq - request.num_blocks
        return max(missing, min(config.enc_dec_block_num, room), 0)
    return 0


def decode_blocks_by_threshold(request: Request, config: ServingConfig) -> int:
    """Return FastDeploy's growth: a fixed number of blocks once few slots are free.

    Source: ``ResourceManagerV1.schedule``.
    """
    if has_few_free_slots(request, config):
        return config.enc_dec_block_num
    return 0


def has_few_free_slots(request: Request, config: ServingConfig) -> bool:
    """Return whether a decoding request is about to use up its blocks."""
    free_slots = request.num_blocks * config.block_size - request.num_total_tokens
    return free_slots <= config.prealloc_dec_block_slot_num_threshold
