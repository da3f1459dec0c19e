"""What a person asks of the engine, and what it refuses at once."""

from collections.abc import Hashable
from dataclasses import dataclass

from schedproof.blocks import blocks_to_finish
from schedproof.config import ServingConfig


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
