"""What a person asks of the engine, and what it refuses at once."""

from collections.abc import Hashable
from dataclasses import dataclass

from schedproof.engines.fastdeploy.config import Role, ServingConfig
from schedproof.engines.fastdeploy.rules.blocks import blocks_to_finish
from schedproof.request import MultimodalItem


class RequestRefusedError(ValueError):
    """A request that this engine can never serve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What stays the same during a request's life."""

    max_total_tokens: int
    """Prompt plus generated tokens at which it is finished."""
    block_hashes: tuple[Hashable, ...] = ()
    """One for each full block of the prompt; equal hashes promise equal tokens up to the end of the block."""


def refuse_hopeless(
    request_id: str, num_prompt_tokens: int, max_new_tokens: int, max_total_tokens: int, config: ServingConfig
) -> None:
    """Raise RequestRefusedError when no number of steps could finish a request."""
    if num_prompt_tokens < 1 or max_new_tokens < 1:
        raise RequestRefusedError(
            f"request {request_id!r}: expected at least one prompt token and one new token, "
            f"got {num_prompt_tokens} and {max_new_tokens}"
        )
    if num_prompt_tokens >= config.max_model_len:
        raise RequestRefusedError(
            f"request {request_id!r}: {num_prompt_tokens} prompt tokens leave no room for output "
            f"below max_model_len {config.max_model_len}"
        )
    assert config.num_kv_blocks is not None
    num_blocks = blocks_to_finish(num_prompt_tokens, max_total_tokens, config)
    if num_blocks > config.num_kv_blocks:
        raise RequestRefusedError(
            f"request {request_id!r}: {max_total_tokens} tokens need {num_blocks} KV blocks of {config.block_size} "
            f"tokens, and the pool has {config.num_kv_blocks}"
        )


def refuse_bad_items(
    request_id: str, num_prompt_tokens: int, items: tuple[MultimodalItem, ...], config: ServingConfig
) -> None:
    """Raise RequestRefusedError unless the items are ascending, disjoint, in the prompt and not too long."""
    position = 0
    for item in items:
        if not position <= item.start < item.end <= num_prompt_tokens:
            raise RequestRefusedError(
                f"request {request_id!r}: item {item.start} to {item.end} is empty, overlaps the one before it, "
                f"or leaves the prompt of {num_prompt_tokens} tokens"
            )
        if item.end - item.start > config.max_multimodal_item_tokens:
            raise RequestRefusedError(
                f"request {request_id!r}: item {item.start} to {item.end} has {item.end - item.start} tokens, "
                f"more than max_multimodal_item_tokens {config.max_multimodal_item_tokens}"
            )
        position = item.end


def refuse_bad_hashes(
    request_id: str, num_prompt_tokens: int, block_hashes: tuple[Hashable, ...], config: ServingConfig
) -> None:
    """Raise RequestRefusedError when a hash stands for a block that is not full, or for two blocks."""
    if not block_hashes:
        return
    num_full_blocks = num_prompt_tokens // config.block_size
    if len(block_hashes) > num_full_blocks:
        raise RequestRefusedError(
            f"request {request_id!r}: {len(block_hashes)} block hashes, but {num_prompt_tokens} prompt tokens fill "
            f"{num_full_blocks} blocks of {config.block_size} tokens"
        )
    if len(set(block_hashes)) < len(block_hashes):
        raise RequestRefusedError(
            f"request {request_id!r}: a block hash occurs twice; it has to stand for its block and all before it"
        )


def refuse_preallocation(
    request_id: str, num_prompt_tokens: int, max_total_tokens: int, num_blocks: int, config: ServingConfig
) -> None:
    """Raise RequestRefusedError when no wait could make a preallocation possible, or there is nothing to decode."""
    assert config.num_kv_blocks is not None
    if num_blocks > config.num_kv_blocks:
        raise RequestRefusedError(
            f"request {request_id!r}: preallocation takes {num_blocks} KV blocks of {config.block_size} tokens, "
            f"and the pool has {config.num_kv_blocks}"
        )
    if config.role == Role.DECODE and max_total_tokens == num_prompt_tokens + 1:
        raise RequestRefusedError(f"request {request_id!r} ends with its first token, on the prefill node")
