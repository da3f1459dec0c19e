"""How many KV blocks a request must get before it runs in a step."""

from schedproof.engines.fastdeploy.config import ServingConfig, ceil_div
from schedproof.request import Request


def prefill_blocks(request: Request, chunk: int, config: ServingConfig) -> int:
    """Return the blocks that a chunk takes from the free pool.

    They hold its tokens, and one block more with speculation, within the table's width; the part of a cached prefix
    that no other request holds comes out of the free pool too.
    """
    slots = request.num_computed_tokens + chunk
    blocks = ceil_div(slots, config.block_size)
    if config.speculation is not None:
        blocks = blocks + 1
    wanted = min(blocks, config.max_blocks_per_seq)
    return max(wanted - request.num_blocks, 0) + request.num_free_cached_blocks


def published_prefill_blocks(request: Request, chunk: int, config: ServingConfig) -> int:
    """Return FastDeploy's blocks for a chunk: one more with a speculative method, each chunk's increment capped.

    The cap is a number of blocks of the model's length, and is held against the increment alone. A chunk that fits
    the table takes none. Source: ``get_new_block_nums``.
    """
    return max(published_missing_blocks(request, chunk, config), 0) + request.num_free_cached_blocks


def published_missing_blocks(request: Request, chunk: int, config: ServingConfig) -> int:
    """Return the blocks that a chunk lacks as FastDeploy counts them before PR 8022; negative if some are over."""
    slots = request.num_computed_tokens + chunk
    missing = ceil_div(slots, config.block_size) - request.num_blocks
    if config.speculates:
        missing = missing + 1
    return min(missing, config.max_new_blocks)


def published_blocks_to_admit(
    num_new_blocks: int, num_running: int, num_reserved_blocks_per_seq: int, config: ServingConfig
) -> int:
    """Return how many free blocks FastDeploy wants to see before an admission.

    Nothing is reserved while ``num_reserved_blocks_per_seq`` is 0. With a speculative method one block more is
    wanted, and the sum is capped, so that a large reserve has no effect.
    """
    if num_reserved_blocks_per_seq == 0:
        return num_new_blocks
    wanted = num_new_blocks + num_running * num_reserved_blocks_per_seq
    if config.speculates:
        return min(wanted + 1, config.max_new_blocks)
    return wanted


def blocks_beside_reserve(num_new_blocks: int, num_reserved_blocks: int, config: ServingConfig) -> int:
    """Return how many free blocks FastDeploy wants to see for a chunk since PR 7444.

    With a speculative method one more is wanted, reserve or not, and the sum is capped.
    """
    wanted = num_new_blocks + num_reserved_blocks
    if config.speculates:
        return min(wanted + 1, config.max_new_blocks)
    return wanted


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


def decode_blocks_with_drafts(request: Request, config: ServingConfig) -> int:
    """Return the growth of release 2.6: a fixed number of blocks at a threshold that follows the drafts."""
    free_slots = request.num_blocks * config.block_size - request.num_total_tokens
    if free_slots <= threshold_with_drafts(config):
        return config.enc_dec_block_num
    return 0


def threshold_with_drafts(config: ServingConfig) -> int:
    """Return the free slots at which release 2.6 grows a decode: times ``k + 1`` with a speculative method.

    It is less than what a decode gets at a time. Source: ``FDConfig.postprocess``.
    """
    threshold = config.prealloc_dec_block_slot_num_threshold
    if not config.speculates:
        return threshold
    most = max(0, config.block_size * config.enc_dec_block_num - 1)
    return min(threshold * (config.num_speculative_tokens + 1), most)


def has_few_free_slots(request: Request, config: ServingConfig) -> bool:
    """Return whether a decoding request is about to use up its blocks."""
    free_slots = request.num_blocks * config.block_size - request.num_total_tokens
    return free_slots <= config.prealloc_dec_block_slot_num_threshold


def preallocated_blocks(num_prompt_tokens: int, config: ServingConfig) -> int:
    """Return the blocks that a request gets up front on both nodes of a pair, within the table's width.

    Source: ``preallocate_resource_in_p`` and ``preallocate_resource_in_d``.
    """
    return min(published_preallocated_blocks(num_prompt_tokens, config), config.max_blocks_per_seq)


def published_preallocated_blocks(num_prompt_tokens: int, config: ServingConfig) -> int:
    """Return the blocks that FastDeploy takes up front: the prompt's and one growth."""
    return ceil_div(num_prompt_tokens, config.block_size) + config.enc_dec_block_num


def blocks_to_finish(num_prompt_tokens: int, max_total_tokens: int, config: ServingConfig) -> int:
    """Return the fewest blocks with which a request can be served to its end on this node.

    The last decode step starts with one token less than the total and writes ``tokens_per_seq`` slots from the
    last of them on; a request that ends with its first token writes its prompt alone.
    """
    num_slots = num_prompt_tokens
    if config.runs_decode and max_total_tokens > num_prompt_tokens + 1:
        num_slots = max_total_tokens - 2 + config.tokens_per_seq
    return ceil_div(num_slots, config.block_size)
