"""Images and video segments of a prompt: what the encoder runs in a step, and the cache of what it has run.

The encoder runs an item as a whole, before the first of its tokens; the cache keeps its output until the tokens are
computed, and longer while there is room. Here no two items are the same, so that none is shared between requests.

Source: ``Scheduler._try_schedule_encoder_inputs``, ``_allocate_encoder_inputs`` and ``_free_encoder_inputs``
(vllm/v1/core/sched/scheduler.py), ``EncoderCacheManager`` (vllm/v1/core/encoder_cache_manager.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from schedproof.engines.vllm.config import ServingConfig
from schedproof.engines.vllm.request import EncoderItem, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderCache:
    """What the encoder cache holds; its size is in tokens."""

    num_free: int
    used: tuple[EncoderItem, ...] = ()
    """Items that their requests still need."""
    unused: tuple[EncoderItem, ...] = ()
    """Items that nobody needs now and that give way to others, the first of them first."""

    def holds(self, item: EncoderItem) -> bool:
        """Return whether an item is cached, needed or not."""
        return item in self.used or item in self.unused

    def using(self, item: EncoderItem) -> EncoderCache:
        """Return the cache once a request needs an item that it holds."""
        if item in self.used:
            return self
        return replace(self, used=(*self.used, item), unused=tuple(one for one in self.unused if one != item))

    def with_room_for(self, num_tokens: int) -> EncoderCache | None:
        """Return the cache once so much of it is free; None when it cannot be."""
        if num_tokens > self.num_free + sum(item.num_tokens for item in self.unused):
            return None
        num_free, num_dropped = self.num_free, 0
        while num_tokens > num_free:
            num_free = num_free + self.unused[num_dropped].num_tokens
            num_dropped = num_dropped + 1
        return replace(self, num_free=num_free, unused=self.unused[num_dropped:])

    def with_items(self, items: tuple[EncoderItem, ...]) -> EncoderCache:
        """Return the cache once the encoder runs items for which there is room."""
        num_tokens = sum(item.num_tokens for item in items)
        return replace(self, num_free=self.num_free - num_tokens, used=(*self.used, *items))

    def without_use_of(self, items: tuple[EncoderItem, ...]) -> EncoderCache:
        """Return the cache once these items are not needed; those that it does not hold as used are ignored."""
        left = tuple(item for item in items if item in self.used)
        kept = tuple(item for item in self.used if item not in left)
        return replace(self, used=kept, unused=(*self.unused, *left))


NO_CACHE = EncoderCache(num_free=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """What comes of looking at the items under a chunk."""

    num_tokens: int
    """The chunk, cut before an item that cannot be encoded now."""
    items: tuple[EncoderItem, ...]
    """What the encoder has to run for it."""
    cache: EncoderCache
    """With room for them; what was found in it is in use."""


def encode(
    request: Request, num_tokens: int, encoder_budget: int, cache: EncoderCache, config: ServingConfig
) -> Encoding:
    """Return what a chunk becomes by the items under it, and those just behind it that the drafter reads.

    An item that is not cached has to fit the encoder's budget and the cache. Where it does not, the chunk ends
    before it; where the chunk begins inside it, nothing of it runs. With ``disable_chunked_mm_input`` a chunk that
    does not reach the end of an item ends before it too, and in front of what the drafter reads.
    """
    computed, shift = request.num_computed_tokens, config.prefill_lookahead_tokens
    window_end = computed + num_tokens + shift
    to_run: list[EncoderItem] = []
    num_to_run = 0
    if num_tokens == 0:
        return Encoding(num_tokens=0, items=(), cache=cache)
    for item in request.items:
        if item.end <= computed or item.start >= window_end:
            continue
        cuts = computed <= item.start and computed + num_tokens < item.end
        if config.disable_chunked_mm_input and cuts:
            num_tokens = max(item.start - computed - shift, 0)
            break
        if cache.holds(item):
            cache = cache.using(item)
            continue
        fits_budget = item.num_tokens <= encoder_budget - num_to_run
        with_room = cache.with_room_for(num_to_run + item.num_tokens) if fits_budget else None
        if with_room is None:
            num_tokens = min(num_tokens, max(item.start - computed, 0))
            break
        cache = with_room
        to_run.append(item)
        num_to_run = num_to_run + item.num_tokens
    return Encoding(num_tokens=num_tokens, items=tuple(to_run), cache=cache)


def cache_after_results(cache: EncoderCache, request: Request) -> EncoderCache:
    """Return the cache when results of a request come in: items whose tokens are surely computed are not needed."""
    num_sure = request.num_computed_tokens - request.num_placeholders
    return cache.without_use_of(tuple(item for item in request.items if item.end <= num_sure))
