"""The free KV blocks, in the order in which they became free."""

from collections.abc import Iterable, Iterator


class FreeList:
    """A queue of distinct block ids that also gives up a block from its middle."""

    def __init__(self, block_ids: Iterable[int]) -> None:
        self._blocks: dict[int, None] = dict.fromkeys(block_ids)

    def __len__(self) -> int:
        return len(self._blocks)

    def __contains__(self, block_id: int) -> bool:
        return block_id in self._blocks

    def __iter__(self) -> Iterator[int]:
        return iter(self._blocks)

    def pop(self) -> int:
        """Remove and return the block that has been free for longest; KeyError when there is none."""
        block_id = next(iter(self._blocks), None)
        if block_id is None:
            raise KeyError("no free KV block")
        del self._blocks[block_id]
        return block_id

    def append(self, block_id: int) -> None:
        """Add a block that has just become free; it must not be free already."""
        if block_id in self._blocks:
            raise KeyError(f"KV block {block_id} is free already")
        self._blocks[block_id] = None

    def remove(self, block_id: int) -> None:
        """Take this very block; KeyError when it is not free."""
        del self._blocks[block_id]
