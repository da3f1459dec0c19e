"""What an event makes of a request's counts."""

import pytest

from schedproof import MultimodalItem, Request, ServingConfig, new_request
from schedproof.engines.fastdeploy.ledger import Grant
from schedproof.engines.fastdeploy.life.request_events import (
    after_arrival_of_cache,
    after_chunk,
    after_growth,
    after_preemption,
    after_tokens,
    num_produced_tokens,
    num_usable_cached_blocks,
    with_cached_prefix,
)

CONFIG = ServingConfig(block_size=4, max_model_len=64)


def decoding(num_total_tokens: int, num_blocks: int) -> Request:
    return Request(
        request_id="r",
        need_prefill_tokens=1,
        num_computed_tokens=num_total_tokens - 1,
        num_total_tokens=num_total_tokens,
        num_blocks=num_blocks,
    )


@pytest.mark.parametrize(
    ("prompt", "cached", "usable"),
    [
        (9, 2, 2),
        (9, 1, 1),
        (9, 0, 0),
        (8, 2, 1),  # cached as a whole: one block less, or there is nothing to sample from
        (4, 1, 0),
        (1, 0, 0),
    ],
)
def test_one_token_at_least_is_left_to_prefill(prompt: int, cached: int, usable: int) -> None:
    assert num_usable_cached_blocks(new_request("r", prompt), cached, CONFIG) == usable


@pytest.mark.parametrize(
    ("items", "cached", "usable"),
    [
        ([(5, 9)], 2, 1),  # position 8 is inside the item: back to the block that ends before it
        ([(4, 9)], 2, 1),
        ([(3, 9)], 2, 0),
        ([(8, 12)], 2, 2),  # an item that begins or ends there is not cut
        ([(2, 8)], 2, 2),
        ([(2, 5), (6, 13)], 3, 0),  # position 12 is in the second item, position 4 in the first
    ],
)
def test_no_item_is_left_half_computed(items: list[tuple[int, int]], cached: int, usable: int) -> None:
    segments = tuple(MultimodalItem(start=start, end=end) for start, end in items)
    assert num_usable_cached_blocks(new_request("r", 20, segments), cached, CONFIG) == usable


def test_after_a_preemption_the_whole_prompt_may_come_from_the_cache() -> None:
    request = Request(request_id="r", need_prefill_tokens=9, num_total_tokens=9)
    assert num_usable_cached_blocks(request, 2, CONFIG) == 2


def test_a_cached_prefix_is_computed_already() -> None:
    request = with_cached_prefix(new_request("r", 9), 2, 1, CONFIG)
    assert (request.num_computed_tokens, request.num_blocks, request.num_free_cached_blocks) == (8, 2, 1)
    assert request.need_prefill_tokens == 9


def test_a_chunk_is_computed_in_its_blocks() -> None:
    """Of three granted blocks one is the cached one that was free, and is in the table already."""
    request = with_cached_prefix(new_request("r", 20), 2, 1, CONFIG)
    after = after_chunk(request, Grant(num_tokens=7, num_new_blocks=3))
    assert (after.num_computed_tokens, after.num_blocks, after.num_free_cached_blocks) == (15, 4, 0)
    assert not after.is_decoding


def test_the_last_chunk_computes_every_token() -> None:
    after = after_chunk(new_request("r", 7), Grant(num_tokens=7, num_new_blocks=2))
    assert after.is_decoding
    assert after.has_just_prefilled


def test_growth_adds_blocks_and_nothing_else() -> None:
    assert after_growth(decoding(5, 2), 2) == decoding(5, 4)


@pytest.mark.parametrize(
    ("total", "blocks", "accepted", "limit", "produced"),
    [
        (5, 3, 0, 64, 1),
        (5, 3, 4, 64, 5),
        (5, 3, 4, 8, 3),  # the limit comes first
        (5, 3, 4, 6, 1),
        (5, 1, 4, 64, 0),  # the last token has no slot: four slots, five tokens
        (8, 2, 0, 64, 1),  # it has the last one
        (9, 2, 0, 64, 0),
    ],
)
def test_a_slot_produces_the_accepted_drafts_and_the_bonus_token(
    total: int, blocks: int, accepted: int, limit: int, produced: int
) -> None:
    assert num_produced_tokens(decoding(total, blocks), accepted, limit, CONFIG) == produced


def test_the_last_token_has_no_keys_and_values_yet() -> None:
    after = after_tokens(decoding(5, 3), 4)
    assert (after.num_total_tokens, after.num_computed_tokens) == (9, 8)
    first = after_tokens(after_chunk(new_request("r", 7), Grant(num_tokens=7, num_new_blocks=2)), 1)
    assert (first.num_total_tokens, first.num_computed_tokens, first.has_just_prefilled) == (8, 7, False)


def test_a_slot_that_stands_still_is_unchanged() -> None:
    assert after_tokens(decoding(5, 1), 0) == decoding(5, 1)


def test_a_preempted_request_prefills_everything_so_far_again() -> None:
    after = after_preemption(decoding(30, 8), keeps_slot=True)
    assert after.need_prefill_tokens == after.num_total_tokens == 30
    assert (after.num_computed_tokens, after.num_blocks, after.is_decoding) == (0, 0, False)
    assert (after.num_shared_blocks, after.holds_slot) == (0, True)


def test_a_request_arrives_on_a_decode_node_with_its_first_token() -> None:
    after = after_arrival_of_cache(new_request("r", 10))
    assert (after.num_computed_tokens, after.num_total_tokens, after.is_decoding) == (10, 11, True)
    assert not after.has_just_prefilled
