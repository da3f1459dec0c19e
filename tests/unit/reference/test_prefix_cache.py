"""What blocks hold, and how many of them stay when a request is preempted."""

from schedproof.kv.pool import BlockPool
from schedproof.kv.prefix_cache import PrefixCache, num_shared_blocks


def cache_with(**block_of: int) -> PrefixCache:
    cache = PrefixCache()
    for block_hash, block_id in block_of.items():
        cache.remember(block_hash, block_id)
    return cache


def test_the_longest_beginning_is_found() -> None:
    cache = cache_with(x0=4, x1=2, x2=9)
    assert cache.longest_prefix(["x0", "x1", "x2"]) == [4, 2, 9]
    assert cache.longest_prefix(["x0", "x1", "other"]) == [4, 2]
    assert cache.longest_prefix(["other", "x1"]) == []
    assert cache.longest_prefix([]) == []


def test_nothing_is_found_behind_a_gap() -> None:
    cache = cache_with(x0=4, x1=2, x2=9)
    cache.forget(2)
    assert cache.longest_prefix(["x0", "x1", "x2"]) == [4]


def test_a_block_that_is_written_anew_is_forgotten() -> None:
    cache = cache_with(x0=4)
    assert cache.has_content
    cache.forget(4)
    cache.forget(4)
    assert not cache.has_content
    assert cache.longest_prefix(["x0"]) == []
    cache.remember("y0", 4)
    assert cache.longest_prefix(["y0"]) == [4]


def test_the_first_block_with_a_content_stays_the_one_that_is_found() -> None:
    cache = cache_with(x0=4)
    cache.remember("x0", 5)
    assert cache.longest_prefix(["x0"]) == [4]
    cache.forget(5)
    assert cache.longest_prefix(["x0"]) == [4]


def shared(pool: BlockPool, *running: str) -> dict[str, int]:
    return num_shared_blocks(pool, running)


def pool_where_both_hold_two_blocks() -> BlockPool:
    pool = BlockPool(8)
    for name in ("a", "b", "c"):
        pool.open_table(name)
    pool.take_blocks("a", 3)
    for name in ("b", "c"):
        pool.share(name, 0)
        pool.share(name, 1)
    pool.take_blocks("b", 1)
    return pool


def test_blocks_that_an_earlier_request_holds_stay() -> None:
    """The last of the list leaves first: when `a` is preempted, nobody else is left."""
    pool = pool_where_both_hold_two_blocks()
    assert shared(pool, "a", "b", "c") == {"a": 0, "b": 2, "c": 2}
    assert shared(pool, "c", "b", "a") == {"c": 0, "b": 2, "a": 2}


def test_blocks_that_a_request_outside_the_list_holds_stay_too() -> None:
    """`a` is aborted, and keeps its blocks until the worker acknowledges."""
    pool = pool_where_both_hold_two_blocks()
    assert shared(pool, "b", "c") == {"b": 2, "c": 2}
    pool.close_table("a")
    assert shared(pool, "b", "c") == {"b": 0, "c": 2}


def test_without_sharing_every_block_is_freed() -> None:
    pool = BlockPool(4)
    pool.open_table("a")
    pool.take_blocks("a", 2)
    assert shared(pool, "a") == {"a": 0}
