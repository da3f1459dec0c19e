"""KV blocks of a chunk and of a decode step."""

import pytest

from schedproof import Request, ServingConfig, SpeculativeConfig, SpeculativeMethod, new_request
from schedproof.engines.fastdeploy.config import ceil_div
from schedproof.engines.fastdeploy.rules.blocks import decode_blocks, decode_blocks_by_threshold, prefill_blocks

PLAIN = ServingConfig(
    block_size=64, max_model_len=1024, enc_dec_block_num=2, prealloc_dec_block_slot_num_threshold=12
)
MTP = ServingConfig(
    block_size=64,
    max_model_len=1024,
    enc_dec_block_num=0,
    prealloc_dec_block_slot_num_threshold=0,
    speculation=SpeculativeConfig(method=SpeculativeMethod.MTP, num_speculative_tokens=5),
)


def decoding(num_total_tokens: int, num_blocks: int) -> Request:
    return Request(
        request_id="r",
        need_prefill_tokens=1,
        num_computed_tokens=num_total_tokens - 1,
        num_total_tokens=num_total_tokens,
        num_blocks=num_blocks,
    )


@pytest.mark.parametrize(("numerator", "quotient"), [(0, 0), (1, 1), (64, 1), (65, 2), (-1, 0)])
def test_division_rounds_up(numerator: int, quotient: int) -> None:
    assert ceil_div(numerator, 64) == quotient


@pytest.mark.parametrize(("chunk", "blocks"), [(1, 1), (64, 1), (65, 2), (1024, 16)])
def test_a_chunk_gets_blocks_for_its_tokens(chunk: int, blocks: int) -> None:
    assert prefill_blocks(new_request("r", 1024), chunk, PLAIN) == blocks


def test_speculation_adds_a_block_within_the_table() -> None:
    assert prefill_blocks(new_request("r", 1024), 64, MTP) == 2
    assert MTP.max_blocks_per_seq == 17
    assert prefill_blocks(new_request("r", 1024), 1024, MTP) == 17


def test_blocks_that_are_owned_already_are_not_asked_for_again() -> None:
    request = Request(
        request_id="r", need_prefill_tokens=200, num_computed_tokens=64, num_total_tokens=200, num_blocks=3
    )
    assert prefill_blocks(request, 64, PLAIN) == 0
    assert prefill_blocks(request, 136, PLAIN) == 1


@pytest.mark.parametrize(
    ("num_total_tokens", "blocks"),
    [
        (51, 0),  # 13 free slots, one above the threshold
        (52, 2),  # 12 free slots: the usual growth
        (64, 2),
    ],
)
def test_a_decode_grows_once_few_slots_are_free(num_total_tokens: int, blocks: int) -> None:
    assert decode_blocks(decoding(num_total_tokens, num_blocks=1), PLAIN) == blocks


def test_growth_stops_at_the_width_of_the_table() -> None:
    assert PLAIN.max_blocks_per_seq == 16
    assert decode_blocks(decoding(15 * 64, num_blocks=15), PLAIN) == 1
    assert decode_blocks(decoding(16 * 64, num_blocks=16), PLAIN) == 0


@pytest.mark.parametrize(("num_total_tokens", "blocks"), [(59, 0), (60, 1)])
def test_drafts_are_written_before_they_are_verified(num_total_tokens: int, blocks: int) -> None:
    """The last sampled token and five drafts: from 60 tokens on they end in the second block."""
    request = decoding(num_total_tokens, num_blocks=1)
    assert decode_blocks(request, MTP) == blocks
    assert decode_blocks_by_threshold(request, MTP) == 0
