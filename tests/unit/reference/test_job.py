"""Which requests are refused at once, and why."""

import pytest

from schedproof import (
    MultimodalItem,
    RequestRefusedError,
    Role,
    ServingConfig,
    SpeculativeConfig,
    SpeculativeMethod,
)
from schedproof.engines.fastdeploy.life.job import (
    refuse_bad_hashes,
    refuse_bad_items,
    refuse_hopeless,
    refuse_preallocation,
)
from schedproof.engines.fastdeploy.rules.blocks import preallocated_blocks

MTP = SpeculativeConfig(method=SpeculativeMethod.MTP, num_speculative_tokens=3)


def config(num_kv_blocks: int = 8, role: Role = Role.MIXED, mtp: bool = False) -> ServingConfig:
    return ServingConfig(
        block_size=4,
        max_model_len=32,
        num_kv_blocks=num_kv_blocks,
        role=role,
        speculation=MTP if mtp else None,
        max_multimodal_item_tokens=6,
    )


def hopeless(prompt: int, new: int, deployment: ServingConfig) -> None:
    refuse_hopeless("r", prompt, new, min(prompt + new, deployment.max_model_len), deployment)


@pytest.mark.parametrize(("prompt", "new"), [(0, 5), (5, 0), (-1, 5), (5, -1)])
def test_a_request_needs_a_prompt_and_an_output(prompt: int, new: int) -> None:
    with pytest.raises(RequestRefusedError, match=f"'r': expected at least one .* got {prompt} and {new}"):
        hopeless(prompt, new, config())


def test_a_prompt_leaves_room_for_one_token_at_least() -> None:
    hopeless(31, 5, config())
    with pytest.raises(RequestRefusedError, match="32 prompt tokens leave no room"):
        hopeless(32, 5, config())


@pytest.mark.parametrize(
    ("prompt", "new", "mtp", "role", "blocks"),
    [
        (5, 4, False, Role.MIXED, 2),  # the ninth token is never computed: 8 slots
        (5, 5, False, Role.MIXED, 3),
        (8, 1, False, Role.MIXED, 2),  # ends with its first token
        (8, 1, True, Role.MIXED, 2),
        (5, 2, True, Role.MIXED, 3),  # from 6 tokens on it writes slots 6 to 9
        (4, 2, True, Role.MIXED, 2),
        (5, 20, True, Role.PREFILL, 2),
    ],
)
def test_the_pool_has_to_hold_a_request_to_its_end(
    prompt: int, new: int, mtp: bool, role: Role, blocks: int
) -> None:
    hopeless(prompt, new, config(blocks, role, mtp))
    with pytest.raises(RequestRefusedError, match=f"need {blocks} KV blocks of 4 tokens, and the pool has"):
        hopeless(prompt, new, config(blocks - 1, role, mtp))


@pytest.mark.parametrize(
    "items",
    [
        [(3, 3)],
        [(5, 3)],
        [(-1, 2)],
        [(5, 11)],
        [(0, 3), (2, 5)],
        [(4, 6), (0, 2)],
    ],
)
def test_items_are_ascending_disjoint_and_in_the_prompt(items: list[tuple[int, int]]) -> None:
    segments = tuple(MultimodalItem(start=start, end=end) for start, end in items)
    with pytest.raises(RequestRefusedError, match="or leaves the prompt of 10 tokens"):
        refuse_bad_items("r", 10, segments, config())


def test_an_item_is_not_longer_than_configured() -> None:
    refuse_bad_items("r", 10, (MultimodalItem(start=0, end=4), MultimodalItem(start=4, end=10)), config())
    with pytest.raises(RequestRefusedError, match="2 to 9 has 7 tokens, more than max_multimodal_item_tokens 6"):
        refuse_bad_items("r", 10, (MultimodalItem(start=2, end=9),), config())


def test_hashes_are_of_full_blocks_and_distinct() -> None:
    refuse_bad_hashes("r", 11, ("x0", "x1"), config())
    refuse_bad_hashes("r", 11, (), config())
    with pytest.raises(RequestRefusedError, match="3 block hashes, but 11 prompt tokens fill 2 blocks of 4 tokens"):
        refuse_bad_hashes("r", 11, ("x0", "x1", "x2"), config())
    with pytest.raises(RequestRefusedError, match="a block hash occurs twice"):
        refuse_bad_hashes("r", 11, ("x0", "x0"), config())


@pytest.mark.parametrize(("prompt", "blocks"), [(1, 3), (4, 3), (5, 4), (24, 8), (28, 8), (31, 8)])
def test_preallocation_takes_the_prompts_blocks_and_two_within_the_tables_width(prompt: int, blocks: int) -> None:
    assert preallocated_blocks(prompt, config()) == blocks
    refuse_preallocation("r", prompt, 32, blocks, config(blocks, Role.PREFILL))
    with pytest.raises(RequestRefusedError, match=f"takes {blocks} KV blocks of 4 tokens, and the pool has"):
        refuse_preallocation("r", prompt, 32, blocks, config(blocks - 1, Role.PREFILL))


def test_a_request_of_one_token_has_nothing_to_do_on_a_decode_node() -> None:
    refuse_preallocation("r", 5, 6, 4, config(role=Role.PREFILL))
    refuse_preallocation("r", 5, 7, 4, config(role=Role.DECODE))
    with pytest.raises(RequestRefusedError, match="ends with its first token, on the prefill node"):
        refuse_preallocation("r", 5, 6, 4, config(role=Role.DECODE))
