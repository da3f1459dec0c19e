"""KV blocks by identity: the free list, and tables that share blocks."""

import pytest

from schedproof.kv.free_list import FreeList
from schedproof.kv.pool import BlockPool


def test_the_block_that_is_free_for_longest_goes_first() -> None:
    free = FreeList([2, 0, 1])
    free.append(5)
    assert [free.pop() for _ in range(4)] == [2, 0, 1, 5]
    assert len(free) == 0
    with pytest.raises(KeyError, match="no free KV block"):
        free.pop()


def test_a_block_is_taken_out_of_the_middle() -> None:
    free = FreeList(range(3))
    free.remove(1)
    assert (list(free), 1 in free, 2 in free) == ([0, 2], False, True)
    with pytest.raises(KeyError):
        free.remove(1)


def test_a_block_is_not_freed_twice() -> None:
    free = FreeList([7])
    with pytest.raises(KeyError, match="KV block 7 is free already"):
        free.append(7)
    assert list(free) == [7]


def pool_with(num_blocks: int, **tables: int) -> BlockPool:
    pool = BlockPool(num_blocks)
    for name, length in tables.items():
        pool.open_table(name)
        pool.take_blocks(name, length)
    return pool


def test_blocks_are_taken_in_order_and_counted() -> None:
    pool = pool_with(5, a=2, b=1)
    assert pool.tables == {"a": [0, 1], "b": [2]}
    assert pool.num_holders == [1, 1, 1, 0, 0]
    assert pool.num_free_blocks == 2


def test_more_blocks_than_are_free_cannot_be_taken() -> None:
    pool = pool_with(2, a=2)
    with pytest.raises(KeyError, match="no free KV block"):
        pool.take("a")


def test_a_request_has_one_table() -> None:
    pool = pool_with(2, a=1)
    with pytest.raises(KeyError, match="'a' already has a block table"):
        pool.open_table("a")
    assert pool.tables["a"] == [0]


def test_a_shared_block_is_free_when_its_last_holder_leaves() -> None:
    pool = pool_with(3, a=2, b=0)
    pool.share("b", 0)
    assert (pool.num_holders, pool.num_free_blocks) == ([2, 1, 0], 1)
    pool.close_table("a")
    assert (pool.num_holders, list(pool.free), pool.tables) == ([1, 0, 0], [2, 1], {"b": [0]})
    pool.close_table("b")
    assert (pool.num_holders, list(pool.free), pool.tables) == ([0, 0, 0], [2, 1, 0], {})


def test_a_free_block_with_the_right_content_is_shared_without_being_taken() -> None:
    pool = pool_with(3, a=0)
    pool.share("a", 1)
    assert (pool.tables["a"], list(pool.free), pool.num_holders) == ([1], [0, 2], [0, 1, 0])


def test_the_end_of_a_table_is_given_back_first() -> None:
    """So the beginning of a prompt, which others are likelier to share, is reused last."""
    pool = pool_with(4, a=3)
    assert pool.give_back("a") == 2
    assert pool.tables["a"] == [0, 1]
    pool.close_table("a")
    assert list(pool.free) == [3, 2, 1, 0]
