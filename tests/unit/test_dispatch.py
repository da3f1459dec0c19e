"""The dispatch reference conserves tokens, stays in its slices, and combine inverts it."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schedproof.dispatch.combine import combine
from schedproof.dispatch.deepep import slots
from schedproof.dispatch.dispatch import NO_ROW, Routing, experts_of, layout, pack_bf16, pack_fp8, quantise, route
from schedproof.dispatch.limits import DispatchError, DispatchSizes
from schedproof.dispatch.low_precision import bf16_to_float32, e4m3_to_float32, float32_to_bf16

LOW_32 = 2**32 - 1


@st.composite
def routed(draw: st.DrawFn) -> tuple[DispatchSizes, np.ndarray]:
    ranks = draw(st.integers(1, 4))
    sizes = DispatchSizes(
        ranks=ranks,
        tokens=draw(st.integers(0, 12)),
        choices=draw(st.integers(1, 5)),
        experts=ranks * draw(st.integers(1, 3)),
        hidden=128,
        capacity=4 * draw(st.integers(1, 2)),
    )
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    low, high = draw(st.sampled_from([(-2, sizes.experts + 2), (0, 1), (-1, 0)]))
    return sizes, generator.integers(low, high, (sizes.ranks, sizes.tokens, sizes.choices))


@given(routed())
def test_every_routed_token_arrives_once_or_is_reported_dropped(case: tuple[DispatchSizes, np.ndarray]) -> None:
    sizes, topk_idx = case
    routing = route(topk_idx, sizes)
    for expert in range(sizes.experts):
        arrived = []
        end = 0
        for rank in range(sizes.ranks):
            entry = int(routing.packed_recv_layout_range[expert, rank])
            count, begin = entry & LOW_32, entry >> 32
            assert begin == end
            assert 0 <= count <= sizes.capacity
            end = begin + count
            wanted = [
                token
                for token in range(sizes.tokens)
                if expert in experts_of(topk_idx[rank, token].tolist(), sizes.experts)
            ]
            assert routing.packed_recv_src_info[expert, begin:end].tolist() == wanted[:count]
            assert routing.dropped[expert, rank] == len(wanted) - count
            assert count == min(len(wanted), sizes.capacity)
            arrived += wanted[:count]
        assert routing.packed_recv_count[expert] == end == len(arrived) <= sizes.rows_per_expert
        assert (routing.packed_recv_src_info[expert, end:] == NO_ROW).all()


@given(routed())
def test_every_choice_knows_its_row(case: tuple[DispatchSizes, np.ndarray]) -> None:
    sizes, topk_idx = case
    routing = route(topk_idx, sizes)
    for (rank, token, choice), row in np.ndenumerate(routing.row_of_choice):
        named = int(topk_idx[rank, token, choice])
        if row == NO_ROW:
            outside = not 0 <= named < sizes.experts
            assert outside or routing.dropped[named, rank] > 0
            continue
        expert, local = divmod(int(row), sizes.rows_per_expert)
        assert expert == named
        assert routing.packed_recv_src_info[expert, local] == token
        entry = int(routing.packed_recv_layout_range[expert, rank])
        assert 0 <= local - (entry >> 32) < (entry & LOW_32)


@given(routed())
def test_layout_counts_what_dispatch_sends_or_drops(case: tuple[DispatchSizes, np.ndarray]) -> None:
    sizes, topk_idx = case
    routing = route(topk_idx, sizes)
    for rank in range(sizes.ranks):
        counted = layout(topk_idx[rank], sizes.experts, sizes.ranks)
        sent = routing.packed_recv_layout_range[:, rank] & LOW_32
        assert (counted.num_tokens_per_expert == sent + routing.dropped[:, rank]).all()
        assert (counted.num_tokens_per_rank == counted.is_token_in_rank.sum(axis=0)).all()
        local = sizes.experts // sizes.ranks
        for token in range(sizes.tokens):
            owners = {expert // local for expert in experts_of(topk_idx[rank, token].tolist(), sizes.experts)}
            assert set(np.flatnonzero(counted.is_token_in_rank[token]).tolist()) == owners


@given(routed(), st.integers(0, 99))
def test_combine_inverts_dispatch(case: tuple[DispatchSizes, np.ndarray], seed: int) -> None:
    """With one whole choice of weight 1 a token comes back bit for bit; with no choice left it is 0."""
    sizes, topk_idx = case
    topk_idx[:, :, 1:] = -1
    generator = np.random.default_rng(seed)
    shape = (sizes.ranks, sizes.tokens, sizes.hidden)
    x = float32_to_bf16(generator.standard_normal(shape).astype(np.float32))
    routing = route(topk_idx, sizes)
    packed = pack_bf16(x, routing)
    back = combine(packed, routing.row_of_choice, np.ones(topk_idx.shape, np.float32))
    arrived = routing.row_of_choice[:, :, 0] != NO_ROW
    assert np.array_equal(back[arrived], x[arrived])
    assert not back[~arrived].any()


def test_weights_apply_in_the_order_of_the_choices() -> None:
    row_of_choice = np.array([[[0, 1, NO_ROW]]], dtype=np.int32)
    y = float32_to_bf16(np.array([[[1.0] * 128], [[3.0] * 128]], dtype=np.float32)).reshape(2, 1, 128)
    weights = np.array([[[0.5, 0.25, 9.0]]], dtype=np.float32)
    assert bf16_to_float32(combine(y, row_of_choice, weights)).tolist() == [[[1.25] * 128]]


def test_quantised_values_are_near_and_their_scale_is_exact() -> None:
    generator = np.random.default_rng(0)
    x = float32_to_bf16(generator.standard_normal((2, 3, 256)).astype(np.float32))
    values, scales = quantise(x)
    exact = bf16_to_float32(x).reshape(2, 3, 2, 128)
    assert np.array_equal(scales, np.abs(exact).max(axis=3) / np.float32(448))
    back = e4m3_to_float32(values).reshape(2, 3, 2, 128) * scales[..., np.newaxis]
    assert (np.abs(back - exact) <= np.maximum(np.abs(exact) / 16, scales[..., np.newaxis] / 512) * 1.0001).all()
    zeros, scales = quantise(np.zeros((1, 1, 128), np.uint16))
    assert not zeros.any()
    assert scales.tolist() == [[[np.float32(1e-4) / np.float32(448)]]]


def test_fp8_rows_follow_the_routing() -> None:
    sizes = DispatchSizes(ranks=1, tokens=3, choices=1, experts=2, hidden=128, capacity=4)
    x = float32_to_bf16(np.arange(3 * 128, dtype=np.float32).reshape(1, 3, 128))
    routing = route(np.array([[[1], [0], [1]]]), sizes)
    packed, scales = pack_fp8(x, routing)
    values, expected = quantise(x)
    assert np.array_equal(packed[:, :2], [[values[0, 1], np.zeros(128)], [values[0, 0], values[0, 2]]])
    assert np.array_equal(scales[:, :2, 0], [[expected[0, 1, 0], 0], [expected[0, 0, 0], expected[0, 2, 0]]])


def test_deepep_runs_into_the_next_slice_where_an_expert_repeats() -> None:
    capacity = 4
    tokens = [[3, 3]] * capacity
    assert max(slots(tokens, 3)) >= capacity
    sizes = DispatchSizes(ranks=1, tokens=capacity, choices=2, experts=4, hidden=128, capacity=capacity)
    routing: Routing = route(np.array([tokens]), sizes)
    assert routing.packed_recv_count.tolist() == [0, 0, 0, 4]
    assert not routing.dropped.any()


GOOD: dict[str, int] = {"ranks": 2, "tokens": 4, "choices": 2, "experts": 4, "hidden": 256, "capacity": 4}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ranks": 0}, "ranks: expected 1..64, got 0"),
        ({"tokens": -1}, "tokens: expected 0..16384, got -1"),
        ({"choices": 12}, "choices: expected 1..11, got 12"),
        ({"experts": 257}, "experts: expected 1..256, got 257"),
        ({"experts": 3}, "experts: expected a multiple of 2 ranks, got 3"),
        ({"hidden": 8320}, "hidden: expected 128..8192, got 8320"),
        ({"hidden": 200}, "hidden: expected a multiple of 128, got 200"),
        ({"capacity": -4}, "capacity: expected 1..1024, got -4"),
        ({"capacity": 1025}, "capacity: expected 1..1024, got 1025"),
        ({"capacity": 3}, r"expected ranks \* capacity to be a multiple of 4, got 2 \* 3"),
    ],
)
def test_sizes_outside_the_limits_are_refused(change: dict[str, int], message: str) -> None:
    with pytest.raises(DispatchError, match=message):
        DispatchSizes(**{**GOOD, **change})


def test_arrays_are_checked_by_name() -> None:
    sizes = DispatchSizes(**GOOD)
    wrong: Any
    for wrong, message in (
        (np.zeros((2, 4, 3), np.int64), r"topk_idx: expected shape \(2, 4, 2\), got \(2, 4, 3\)"),
        (np.zeros((2, 4, 2), np.int32), "topk_idx: expected dtype int64, got int32"),
        ([[[0]]], "topk_idx: expected a NumPy array, got list"),
    ):
        with pytest.raises(DispatchError, match=message):
            route(wrong, sizes)
        with pytest.raises(DispatchError, match="topk_idx: expected"):
            layout(wrong, 4, 2)
    with pytest.raises(DispatchError, match="sizes: expected DispatchSizes, got tuple"):
        route(np.zeros((2, 4, 2), np.int64), (2, 4, 2))  # type: ignore[arg-type]
    rows, weights, y = (
        np.zeros((1, 1, 1), np.int32),
        np.zeros((1, 1, 1), np.float32),
        np.zeros((1, 4, 128), np.uint16),
    )
    with pytest.raises(DispatchError, match="y: expected dtype uint16, got float32"):
        combine(y.astype(np.float32), rows, weights)
    with pytest.raises(DispatchError, match=r"topk_weights: expected shape \(1, 1, 1\), got \(1, 1, 2\)"):
        combine(y, rows, np.zeros((1, 1, 2), np.float32))
    for row in (4, -2):
        with pytest.raises(DispatchError, match=rf"row_of_choice: expected -1\.\.3, got {row}"):
            combine(y, np.full((1, 1, 1), row, np.int32), weights)


def test_token_values_are_those_of_the_routing() -> None:
    sizes = DispatchSizes(**GOOD)
    routing = route(np.zeros((2, 4, 2), np.int64), sizes)
    x = np.zeros((2, 4, 128), np.uint16)
    for pack in (pack_bf16, pack_fp8):
        with pytest.raises(DispatchError, match="x: expected dtype uint16, got float32"):
            pack(x.astype(np.float32), routing)  # type: ignore[operator]
        with pytest.raises(DispatchError, match=r"x: expected shape \(2, 4, any\), got \(2, 3, 128\)"):
            pack(x[:, :3], routing)  # type: ignore[operator]
    with pytest.raises(DispatchError, match="x: expected a multiple of 128 values a token, got 100"):
        quantise(x[:, :, :100])
