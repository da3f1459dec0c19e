"""How it is proved that no KV block is lost, and none is free and owned at once: operation by operation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from schedproof.engines.fastdeploy.policy import Policy
from schedproof.kv.pool import BlockPool
from schedproof_spec.invariant import Consequence, Invariant
from schedproof_spec.prover.context import Context
from schedproof_spec.rules.blocks import block_is_conserved
from schedproof_spec.states.domain import Configs
from schedproof_spec.states.ledger import Claim

TOUCHED, OTHER = 0, 1
"""The block that an operation works on, and any other block of the pool."""


@dataclass(slots=True)
class AnyFreeList:
    """Stands for `FreeList` with any number of blocks, seen from two of them; an operation meets `TOUCHED`."""

    ctx: Context
    is_free: list[Any]
    num_free: Any

    def __len__(self) -> int:
        return self.num_free  # type: ignore[no-any-return]

    def pop(self) -> int:
        """Give up the touched block, which is free; KeyError when none is."""
        if self.num_free == 0:
            raise KeyError("no free KV block")
        self.ctx.assume(self.is_free[TOUCHED])
        self._set(TOUCHED, False)
        return TOUCHED

    def append(self, block_id: int) -> None:
        """Take a block in; KeyError when it is there already."""
        if self.is_free[block_id]:
            raise KeyError("free already")
        self._set(block_id, True)

    def remove(self, block_id: int) -> None:
        """Give up this block; KeyError when it is not there."""
        if not self.is_free[block_id]:
            raise KeyError("not free")
        self._set(block_id, False)

    def _set(self, block_id: int, is_free: bool) -> None:
        self.num_free = self.num_free + (1 if is_free else -1)
        self.is_free[block_id] = is_free


@dataclass(slots=True)
class AnyTable:
    """Stands for a block table of any length: how often it lists either block, and how many blocks in all."""

    ctx: Context
    times: list[Any]
    length: Any

    def append(self, block_id: int) -> None:
        """Add a block at the end."""
        self.times[block_id] = self.times[block_id] + 1
        self.length = self.length + 1

    def pop(self) -> int:
        """Remove the last block: the touched one."""
        self.ctx.assume(self.times[TOUCHED] >= 1)
        self.times[TOUCHED] = self.times[TOUCHED] - 1
        self.length = self.length - 1
        return TOUCHED


@dataclass(frozen=True, slots=True)
class PoolState:
    """A pool with any number of blocks and tables, seen from two blocks and the table of one request."""

    pool: BlockPool
    free: AnyFreeList
    table: AnyTable
    held_by_others: list[Any]
    """How many tables of other requests list either block."""


def any_pool(ctx: Context) -> PoolState:
    """Draw a pool, conserved or not."""
    free = AnyFreeList(
        ctx, [ctx.boolean("touched_is_free"), ctx.boolean("other_is_free")], ctx.integer("num_free_blocks", 0)
    )
    table = AnyTable(
        ctx,
        [ctx.integer("touched_in_table", 0), ctx.integer("other_in_table", 0)],
        ctx.integer("table_length", 0),
    )
    pool = BlockPool(0)
    pool.num_blocks = ctx.integer("num_blocks", 0)
    pool.free = free  # type: ignore[assignment]
    pool.num_holders = [ctx.integer("touched_holders"), ctx.integer("other_holders")]
    pool.tables = {"request": table}  # type: ignore[dict-item]
    return PoolState(pool, free, table, [ctx.integer("touched_elsewhere", 0), ctx.integer("other_elsewhere", 0)])


def is_conserved(state: PoolState, block_id: int) -> bool:
    """Apply the rule to one block of a pool."""
    return block_is_conserved(
        state.pool.num_holders[block_id],
        state.free.is_free[block_id],
        state.table.times[block_id],
        state.held_by_others[block_id],
    )


OPERATIONS = ("take", "share", "give_back")
"""The only ways in which a pool changes."""


def prove_blocks_conserved(ctx: Context, configs: Configs, policy: Policy, given: Claim) -> None:
    """Each operation keeps both blocks conserved, and the free list and the table change by the block it moves."""
    operation = ctx.one_of("operation", OPERATIONS)
    state = any_pool(ctx)
    pool, free, table = state.pool, state.free, state.table
    ctx.assume(ctx.merged(lambda: is_conserved(state, TOUCHED) and is_conserved(state, OTHER)))
    num_seen_free = ctx.merged(lambda: sum(1 for is_free in free.is_free if is_free))
    ctx.assume(num_seen_free <= free.num_free)
    num_free, length, was_shared = free.num_free, table.length, pool.num_holders[TOUCHED] > 1
    was_free = free.is_free[TOUCHED]
    if operation == "take":
        ctx.assume(num_free > 0)
        taken = pool.take("request")
        ctx.prove("take frees nothing and loses nothing", free.num_free == num_free - 1)
    elif operation == "share":
        ctx.assume(table.times[TOUCHED] == 0)
        pool.share("request", TOUCHED)
        freed = ctx.merged(lambda: 1 if was_free else 0)
        ctx.prove("share takes a free block out of the free list", free.num_free == num_free - freed)
        taken = TOUCHED
    else:
        ctx.assume(table.length >= table.times[TOUCHED] + table.times[OTHER])
        taken = pool.give_back("request")
        freed = ctx.merged(lambda: 0 if was_shared else 1)
        ctx.prove("give_back frees a block that nobody else holds", free.num_free == num_free + freed)
    moved = length - table.length if operation == "give_back" else table.length - length
    ctx.prove(f"{operation}: the table changes by one block", ctx.merged(lambda: moved == 1 and taken == TOUCHED))
    ctx.prove(f"{operation}: the block is conserved", ctx.merged(lambda: is_conserved(state, TOUCHED)))
    ctx.prove(f"{operation}: any other block is conserved", ctx.merged(lambda: is_conserved(state, OTHER)))


BLOCKS_CONSERVED = Invariant(
    name="blocks_conserved",
    family="blocks",
    consequence=Consequence.WRONG_OUTPUT,
    sentence="Every KV block is free or in a table, never both, and in no table twice; none is ever lost.",
    statement=block_is_conserved,
    origin="A block that leaks shrinks the pool for good; one that is given out twice mixes two requests' caches.",
    scope="any number of blocks, requests and steps",
    proof=prove_blocks_conserved,
    covers=frozenset(
        {
            "take frees nothing and loses nothing",
            "share takes a free block out of the free list",
            "give_back frees a block that nobody else holds",
            *(f"{operation}: the table changes by one block" for operation in OPERATIONS),
            *(f"{operation}: the block is conserved" for operation in OPERATIONS),
            *(f"{operation}: any other block is conserved" for operation in OPERATIONS),
        }
    ),
)
