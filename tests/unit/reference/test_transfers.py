"""When a decode node may wait for one more cache."""

from dataclasses import replace

import pytest

from schedproof import Request, Role, ServingConfig, SpeculativeConfig, SpeculativeMethod
from schedproof.engines.fastdeploy.life.request_events import after_arrival_of_cache, after_growth, after_tokens
from schedproof.engines.fastdeploy.rules.blocks import decode_blocks, preallocated_blocks
from schedproof.engines.fastdeploy.rules.transfers import leaves_room_to_finish, most_blocks

CONFIG = ServingConfig(
    role=Role.DECODE,
    block_size=4,
    max_model_len=32,
    num_kv_blocks=12,
    enc_dec_block_num=0,
    prealloc_dec_block_slot_num_threshold=0,
)
"""The longest request comes to hold eight blocks."""


def request(num_prompt_tokens: int, num_blocks: int) -> Request:
    return Request(
        request_id="r",
        need_prefill_tokens=num_prompt_tokens,
        num_total_tokens=num_prompt_tokens,
        num_blocks=num_blocks,
    )


@pytest.mark.parametrize(
    ("receiving", "decoding", "has_room"),
    [
        ([4, 4], [], True),  # eight are to be received, and either needs four more
        ([4, 5], [], False),
        ([5, 5], [], False),
        ([4], [6], True),  # the one that decodes comes to eight, whatever it holds
        ([5], [6], False),
        ([2, 2], [1], True),
        ([2, 3], [1], False),
        ([8], [], True),
        ([], [8, 8], True),
    ],
)
def test_each_request_fits_beside_what_the_others_receive(
    receiving: list[int], decoding: list[int], has_room: bool
) -> None:
    def with_limit(num_blocks: int) -> tuple[Request, int]:
        return request(16, num_blocks), 32

    assert leaves_room_to_finish([*map(with_limit, receiving)], [*map(with_limit, decoding)], CONFIG) is has_room


MTP = SpeculativeConfig(method=SpeculativeMethod.MTP, num_speculative_tokens=2)


@pytest.mark.parametrize("speculation", [None, MTP])
@pytest.mark.parametrize("enc_dec_block_num", [0, 1, 2, 9])
@pytest.mark.parametrize("threshold", [0, 3, 12])
@pytest.mark.parametrize("block_size", [1, 3, 4])
def test_no_decode_comes_to_hold_more(
    speculation: SpeculativeConfig | None, enc_dec_block_num: int, threshold: int, block_size: int
) -> None:
    """Whatever is accepted, from any prompt to any end."""
    config = ServingConfig(
        role=Role.DECODE,
        block_size=block_size,
        max_model_len=20,
        speculation=speculation,
        enc_dec_block_num=enc_dec_block_num,
        prealloc_dec_block_slot_num_threshold=threshold,
    )
    for num_prompt_tokens in (1, 5, 8):
        for limit in (num_prompt_tokens + 2, 16, 20):
            start = request(num_prompt_tokens, preallocated_blocks(num_prompt_tokens, config))
            for num_produced in range(1, config.tokens_per_seq + 1):
                assert num_blocks_at_end(start, limit, num_produced, config) <= most_blocks(start, limit, config)


def num_blocks_at_end(start: Request, limit: int, num_produced: int, config: ServingConfig) -> int:
    running = after_arrival_of_cache(start)
    while running.num_total_tokens < limit:
        running = after_growth(running, decode_blocks(running, config))
        running = after_tokens(running, min(num_produced, limit - running.num_total_tokens))
    return running.num_blocks


@pytest.mark.parametrize(
    ("enc_dec_block_num", "threshold", "limit", "blocks"),
    [
        (0, 0, 32, 8),
        (0, 0, 29, 7),
        (1, 0, 20, 6),
        (1, 3, 20, 6),
        (1, 4, 20, 6),
        (1, 5, 20, 7),
        (2, 0, 32, 8),
    ],
)
def test_the_bound_on_what_a_decode_comes_to_hold(
    enc_dec_block_num: int, threshold: int, limit: int, blocks: int
) -> None:
    config = replace(CONFIG, enc_dec_block_num=enc_dec_block_num, prealloc_dec_block_slot_num_threshold=threshold)
    assert most_blocks(request(16, 4), limit, config) == blocks
