"""How prompts are cut, example by example."""

from dataclasses import replace

import pytest

from schedproof import MultimodalItem, Request, ServingConfig, new_request
from schedproof.engines.fastdeploy.rules.chunk import item_cut_by, next_chunk, published_chunk, reachable_end

CHUNKED = ServingConfig()
WHOLE = ServingConfig(chunked_prefill=False)
ALIGNED = ServingConfig(deterministic=True, split_kv_size=16)
IMAGE = MultimodalItem(start=100, end=200)


def after(request: Request, num_computed_tokens: int) -> Request:
    return replace(request, num_computed_tokens=num_computed_tokens)


@pytest.mark.parametrize(("budget", "chunk"), [(0, 0), (1, 1), (99, 99), (100, 100), (101, 100)])
def test_a_chunk_is_the_budget_or_the_rest_of_the_prompt(budget: int, chunk: int) -> None:
    assert next_chunk(new_request("r", 100), budget, CHUNKED) == chunk


@pytest.mark.parametrize(("budget", "chunk"), [(99, 0), (100, 100), (101, 100)])
def test_without_chunked_prefill_a_prompt_runs_whole_or_waits(budget: int, chunk: int) -> None:
    assert next_chunk(new_request("r", 100), budget, WHOLE) == chunk


@pytest.mark.parametrize(
    ("computed", "budget", "chunk"),
    [
        (0, 40, 32),  # 40 falls back to 2 * 16
        (0, 15, 0),  # no multiple of 16 is reached
        (32, 20, 16),  # positions are aligned, not lengths
        (40, 7, 0),  # 47 would fall back to 32, before the start
        (40, 8, 8),  # an unaligned start catches up with the grid
        (96, 4, 4),  # the end of the prompt needs no alignment
    ],
)
def test_in_deterministic_mode_a_chunk_ends_on_the_grid(computed: int, budget: int, chunk: int) -> None:
    assert next_chunk(after(new_request("r", 100), computed), budget, ALIGNED) == chunk


@pytest.mark.parametrize(
    ("budget", "rolled_back", "rounded_up"),
    [
        (100, 100, 200),  # up to the image, which upstream begins to run
        (101, 100, 200),  # one token into it
        (199, 100, 200),
        (200, 200, 200),  # exactly past it
        (250, 250, 250),
    ],
)
def test_an_item_is_rolled_back_and_upstream_runs_past_the_budget(
    budget: int, rolled_back: int, rounded_up: int
) -> None:
    request, config = new_request("r", 300, items=(IMAGE,)), replace(CHUNKED, max_multimodal_item_tokens=100)
    assert next_chunk(request, budget, config) == rolled_back
    assert published_chunk(request, budget, config) == rounded_up


def test_an_item_at_the_start_waits_for_a_step_with_room_for_all_of_it() -> None:
    request = after(new_request("r", 300, items=(IMAGE,)), 100)
    assert next_chunk(request, 99, CHUNKED) == 0
    assert next_chunk(request, 100, CHUNKED) == 100


def test_chunks_tile_the_prompt() -> None:
    request = new_request("r", 300, items=(IMAGE, MultimodalItem(start=200, end=260)))
    chunks = []
    while not request.is_decoding:
        chunks.append(next_chunk(request, 120, CHUNKED))
        request = after(request, request.num_computed_tokens + chunks[-1])
    assert chunks == [100, 100, 100]


def test_alignment_comes_before_items() -> None:
    request = new_request("r", 300, items=(IMAGE,))
    assert reachable_end(request, 119, ALIGNED) == 112
    assert next_chunk(request, 119, ALIGNED) == 100
    assert reachable_end(request, 100, ALIGNED) == 96


@pytest.mark.parametrize(("position", "is_cut"), [(100, False), (101, True), (199, True), (200, False)])
def test_a_cut_at_either_end_of_an_item_splits_nothing(position: int, is_cut: bool) -> None:
    assert item_cut_by((IMAGE,), position) == (IMAGE if is_cut else None)
