"""A request as vLLM's scheduler sees it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from schedproof.engines.vllm.config import ServingConfig
from schedproof.request import MultimodalItem


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderItem:
    """One image or video segment, at the positions ``start <= position < end`` of a prompt."""

    request_id: str
    index: int
    """Its number in the request, from 0."""
    start: int
    end: int

    @property
    def num_tokens(self) -> int:
        """Tokens that the encoder runs for it, and that its output takes in the cache."""
        return self.end - self.start


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request between two steps. Counts are in tokens unless the name says otherwise.

    Source: ``Request`` (vllm/v1/request.py).
    """

    request_id: str
    num_prompt_tokens: int
    max_output_tokens: int
    """Most tokens that it generates (``max_tokens``)."""
    num_tokens: int
    """Prompt plus generated tokens that are known (n)."""
    num_computed_tokens: int = 0
    """Tokens whose keys and values are in the cache, or will be after the steps under way (c)."""
    num_drafts: int = 0
    """Drafts for the next step (s)."""
    num_placeholders: int = 0
    """Tokens that steps under way will yield at most (p); async scheduling alone has them."""
    num_blocks: int = 0
    """KV blocks that it holds."""
    num_shared_blocks: int = 0
    """Those of them that stay in use when it is preempted, because another request holds them too."""
    num_cached_tokens: int = 0
    """Tokens of a waiting request that the prefix cache has: whole blocks, and not all of its tokens."""
    num_free_cached_blocks: int = 0
    """Blocks of that prefix which nobody holds; admission takes them out of the pool."""
    is_prefill_chunk: bool = False
    """Whether its last step left some of its known tokens to compute."""
    num_tokens_under_way: int = 0
    """Tokens of steps whose results are not in yet."""
    num_stale_tokens: int = 0
    """Those of them that ran before it was preempted; it is not admitted until they are in."""
    items: tuple[EncoderItem, ...] = ()
    """Images and video segments of the prompt, ascending and disjoint."""
    priority: int = 0
    """Lower comes first, where the policy goes by priority."""
    arrival: int = 0
    """When it arrived, on any clock."""

    @property
    def num_output_tokens(self) -> int:
        """Generated tokens that are known."""
        return self.num_tokens - self.num_prompt_tokens

    def is_at_end(self, config: ServingConfig) -> bool:
        """Return whether it has generated all that it may."""
        return self.num_tokens >= config.max_model_len or self.num_output_tokens >= self.max_output_tokens


def encoder_items(request_id: str, items: tuple[MultimodalItem, ...]) -> tuple[EncoderItem, ...]:
    """Return the items of a request's prompt, numbered."""
    return tuple(
        EncoderItem(request_id=request_id, index=index, start=item.start, end=item.end)
        for index, item in enumerate(items)
    )


def with_cached_prefix(request: Request, config: ServingConfig) -> Request:
    """Return a waiting request as it is once it holds what the prefix cache has of it."""
    return replace(
        request,
        num_computed_tokens=request.num_cached_tokens,
        num_blocks=request.num_cached_tokens // config.block_size,
    )


def new_request(
    request_id: str,
    num_prompt_tokens: int,
    max_output_tokens: int,
    *,
    items: tuple[MultimodalItem, ...] = (),
    priority: int = 0,
    arrival: int = 0,
) -> Request:
    """Return a request that just arrived: nothing computed, no blocks."""
    return Request(
        request_id=request_id,
        num_prompt_tokens=num_prompt_tokens,
        max_output_tokens=max_output_tokens,
        num_tokens=num_prompt_tokens,
        items=encoder_items(request_id, items),
        priority=priority,
        arrival=arrival,
    )
