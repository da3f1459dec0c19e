"""Which KV blocks hold which part of which prompt, so that a request with the same beginning need not compute it.

Source: FastDeploy's prefix cache; a block keeps its content after it became free, until it is taken for another.
"""

from collections import Counter
from collections.abc import Hashable, Sequence

from schedproof.kv.pool import BlockPool


class PrefixCache:
    """Content of full blocks, by a hash that stands for the block's tokens and everything before them."""

    def __init__(self) -> None:
        self._block_of: dict[Hashable, int] = {}
        self._hash_of: dict[int, Hashable] = {}

    @property
    def has_content(self) -> bool:
        """Whether any block is known to hold anything."""
        return bool(self._hash_of)

    def longest_prefix(self, block_hashes: Sequence[Hashable]) -> list[int]:
        """Return the blocks that hold the longest cached beginning of a prompt."""
        blocks: list[int] = []
        for block_hash in block_hashes:
            block_id = self._block_of.get(block_hash)
            if block_id is None:
                break
            blocks.append(block_id)
        return blocks

    def remember(self, block_hash: Hashable, block_id: int) -> None:
        """Note what a full block holds; the first block with a content stays the one that is found."""
        if block_hash not in self._block_of and block_id not in self._hash_of:
            self._block_of[block_hash] = block_id
            self._hash_of[block_id] = block_hash

    def forget(self, block_id: int) -> None:
        """Drop the content of a block that is about to be written anew."""
        block_hash = self._hash_of.pop(block_id, None)
        if block_hash is not None:
            del self._block_of[block_hash]


def num_shared_blocks(pool: BlockPool, running: Sequence[str]) -> dict[str, int]:
    """Return for each running request how many of its blocks stay in use when it is preempted.

    Preemption takes requests from the end of the running list. A block stays if an earlier request of the list
    holds it, or one that is not in the list: an aborted request until the worker acknowledges.
    """
    num_holders_left: dict[int, int] = {}
    shared: dict[str, int] = {}
    for request_id in reversed(running):
        shared[request_id] = 0
        for block_id in pool.tables[request_id]:
            num_left = num_holders_left.get(block_id, pool.num_holders[block_id]) - 1
            num_holders_left[block_id] = num_left
            if num_left > 0:
                shared[request_id] += 1
    return shared


def num_blocks_held_twice(pool: BlockPool, request_id: str) -> int:
    """Return how many blocks of a request are in another table too.

    That many at most stay in use when it leaves from the middle of the list, whoever left before it.
    """
    return sum(1 for block_id in pool.tables[request_id] if pool.num_holders[block_id] > 1)


def num_blocks_free_without(pool: BlockPool, block_ids: Sequence[int], leaving: Sequence[str]) -> int:
    """Return how many of these blocks no table holds once some requests have left."""
    num_leaving = Counter(block_id for request_id in leaving for block_id in pool.tables[request_id])
    return sum(1 for block_id in block_ids if pool.num_holders[block_id] == num_leaving[block_id])
