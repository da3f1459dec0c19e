"""KV blocks by identity, and which request holds which.

A block is free, or in the table of one or more requests: a prefix that several requests share is in all their
tables. Every change goes through the three single-block operations `take`, `share` and `give_back`, so what they
keep holds for any number of blocks and requests.
"""

from schedproof.kv.free_list import FreeList


class BlockPool:
    """The KV blocks of one engine."""

    def __init__(self, num_blocks: int) -> None:
        self.num_blocks = num_blocks
        self.free = FreeList(range(num_blocks))
        self.num_holders = [0] * num_blocks
        """How many tables hold each block."""
        self.tables: dict[str, list[int]] = {}
        """Each request's blocks, in the order of the tokens that they hold."""

    @property
    def num_free_blocks(self) -> int:
        """Blocks in no table."""
        return len(self.free)

    def num_blocks_of(self, request_id: str) -> int:
        """Return the length of a request's table."""
        return len(self.tables[request_id])

    def open_table(self, request_id: str) -> None:
        """Begin the empty table of a request."""
        if request_id in self.tables:
            raise KeyError(f"request {request_id!r} already has a block table")
        self.tables[request_id] = []

    def take(self, request_id: str) -> int:
        """Move a free block to the end of a table, and return it; KeyError when none is free."""
        block_id = self.free.pop()
        self.num_holders[block_id] = self.num_holders[block_id] + 1
        self.tables[request_id].append(block_id)
        return block_id

    def take_blocks(self, request_id: str, num_blocks: int) -> list[int]:
        """Move this many free blocks to the end of a table, and return them; KeyError when there are not enough."""
        return [self.take(request_id) for _ in range(num_blocks)]

    def share(self, request_id: str, block_id: int) -> None:
        """Add a block with the right content to a table: another table's, or a free one that was not reused yet."""
        if self.num_holders[block_id] == 0:
            self.free.remove(block_id)
        self.num_holders[block_id] = self.num_holders[block_id] + 1
        self.tables[request_id].append(block_id)

    def give_back(self, request_id: str) -> int:
        """Drop the last block of a table, and return it; it becomes free when no other table holds it."""
        block_id = self.tables[request_id].pop()
        self.num_holders[block_id] = self.num_holders[block_id] - 1
        if self.num_holders[block_id] == 0:
            self.free.append(block_id)
        return block_id

    def close_table(self, request_id: str) -> None:
        """Give back all blocks of a request and forget its table."""
        for _ in range(len(self.tables[request_id])):
            self.give_back(request_id)
        del self.tables[request_id]
