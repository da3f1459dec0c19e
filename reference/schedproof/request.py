"""A request as the scheduler sees it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class MultimodalItem:
    """Prompt positions ``start <= position < end`` of one image or video segment, to be prefilled whole."""

    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request at the beginning of a step. Counts are in tokens unless the name says otherwise."""

    request_id: str
    need_prefill_tokens: int
    """Tokens to prefill before decoding: the prompt, or everything so far after a preemption."""
    num_computed_tokens: int = 0
    """Tokens whose keys and values are in the cache."""
    num_total_tokens: int
    """Prompt plus generated tokens."""
    num_blocks: int = 0
    """KV blocks in the request's table."""
    num_shared_blocks: int = 0
    """Blocks that stay in use when it is preempted, because another request holds them too; set while planning."""
    num_free_cached_blocks: int = 0
    """Blocks of a waiting request's cached prefix that are still free; admission takes them out of the pool."""
    items: tuple[MultimodalItem, ...] = ()
    """Unsplittable segments of the prompt, ascending and disjoint."""
    num_resumed_tokens: int = 0
    """Generated tokens that are prefilled again, behind the prompt, after a preemption."""
    holds_slot: bool = False
    """Whether a waiting request still holds a slot, because it was preempted."""
    max_output_tokens: int = 0
    """Most tokens that it may generate; set while planning, where an engine reserves blocks by it."""
    is_aborted: bool = False
    """Whether nobody waits for it any more, and its engine has not noticed yet."""

    @property
    def is_decoding(self) -> bool:
        """Whether everything that must be prefilled is computed."""
        return self.num_computed_tokens >= self.need_prefill_tokens

    @property
    def has_just_prefilled(self) -> bool:
        """Whether all tokens are computed, the last one included: the step that did it yields the next token."""
        return self.num_computed_tokens == self.num_total_tokens

    @property
    def num_prompt_tokens(self) -> int:
        """Tokens of the prompt, of what must be prefilled."""
        return self.need_prefill_tokens - self.num_resumed_tokens

    @property
    def num_output_tokens(self) -> int:
        """Generated tokens."""
        return self.num_total_tokens - self.num_prompt_tokens

    @property
    def num_prefill_tokens_left(self) -> int:
        """Tokens still to prefill; not positive when decoding."""
        return self.need_prefill_tokens - self.num_computed_tokens


def new_request(request_id: str, num_prompt_tokens: int, items: tuple[MultimodalItem, ...] = ()) -> Request:
    """Return a request that just arrived: nothing computed, no blocks."""
    return Request(
        request_id=request_id,
        need_prefill_tokens=num_prompt_tokens,
        num_total_tokens=num_prompt_tokens,
        items=items,
    )
