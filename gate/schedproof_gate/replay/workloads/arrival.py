"""A request of a trace, and the engine's KV blocks that its prefix hashes stand for."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from schedproof import MultimodalItem

Hash = int | str
"""Equal hashes promise equal tokens from the beginning of the prompt to the end of what they stand for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One request as a trace has it."""

    line: int
    request_id: str
    time_us: int
    """Microseconds since the trace's own zero."""
    num_prompt_tokens: int
    max_new_tokens: int
    items: tuple[MultimodalItem, ...] = ()
    prefix_hashes: tuple[Hash, ...] = ()
    tokens_per_hash: int | None = None
    """Prompt tokens that a hash stands for; None for one hash a KV block."""


def block_hashes(arrival: Arrival, block_size: int) -> tuple[Hashable, ...]:
    """Return a hash for each full KV block of the prompt, as far as the trace's hashes reach.

    A block gets the hash that covers its last token, and where in that hash's tokens the block ends: what lies
    before is then equal too. The two sizes need not divide each other.
    """
    per_hash = arrival.tokens_per_hash
    num_blocks = arrival.num_prompt_tokens // block_size
    if per_hash is None:
        return arrival.prefix_hashes[:num_blocks]
    found: list[Hashable] = []
    for block in range(num_blocks):
        end = (block + 1) * block_size
        index = (end - 1) // per_hash
        if index >= len(arrival.prefix_hashes):
            break
        found.append((arrival.prefix_hashes[index], end - index * per_hash))
    return tuple(found)
