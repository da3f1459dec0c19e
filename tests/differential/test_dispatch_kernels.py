"""The dispatch and combine kernels equal their references, bit for bit, inside guarded buffers."""

import re
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from guarded import EXAMPLES, FEW_EXAMPLES, Guarded, guard, guarded_allocations, poison
from hypothesis import given
from hypothesis import strategies as st
from routings import ROUTINGS, all_to_one, dispatch_sizes, random_bits, uniform

from schedproof.dispatch.combine import combine
from schedproof.dispatch.dispatch import NO_ROW, Routing, pack_bf16, pack_fp8, route
from schedproof.dispatch.limits import DispatchError, DispatchSizes
from schedproof_kernels.arrays import ArgumentError
from schedproof_kernels.dispatch import Dispatcher
from schedproof_kernels.dispatch_buffers import DispatchBuffers
from schedproof_kernels.jit import SIMULATED, Kernel

COUNTS = ("packed_recv_count", "packed_recv_layout_range", "dropped", "row_of_choice")


def guarded_buffers(sizes: DispatchSizes, fp8: bool, experts: int) -> dict[str, Guarded]:
    rows = sizes.rows_per_expert
    buffers = {
        "packed_recv_x": Guarded((experts, rows, sizes.hidden), np.uint8 if fp8 else np.uint16),
        "packed_recv_count": Guarded((experts,), np.int32),
        "packed_recv_src_info": Guarded((experts, rows), np.int32),
        "packed_recv_layout_range": Guarded((experts, sizes.ranks), np.int64),
        "dropped": Guarded((experts, sizes.ranks), np.int32),
        "row_of_choice": Guarded((sizes.ranks, sizes.tokens, sizes.choices), np.int32),
    }
    if fp8:
        buffers["scales"] = Guarded((experts, rows, sizes.scales), np.float32)
    return buffers


def dispatch(
    sizes: DispatchSizes, x: np.ndarray, topk_idx: np.ndarray, fp8: bool, experts: tuple[int, int] | None = None
) -> tuple[Dispatcher, dict[str, np.ndarray]]:
    begin, end = experts or (0, sizes.experts)
    guarded = guarded_buffers(sizes, fp8, end - begin)
    arrays: dict[str, Any] = {name: one.array for name, one in guarded.items()}
    inputs = guard(x), guard(topk_idx)
    buffers = DispatchBuffers(**{"scales": None, **arrays})
    with guarded_allocations():
        dispatcher = Dispatcher(sizes, fp8=fp8, experts=experts, buffers=buffers)
        dispatcher.dispatch(inputs[0].array, inputs[1].array)
        dispatcher.device.record(dispatcher.stream).sync()
    assert np.array_equal(inputs[0].values(), x)
    assert np.array_equal(inputs[1].values(), topk_idx)
    return dispatcher, {name: one.values() for name, one in guarded.items()}


def used_rows(routing: Routing) -> np.ndarray:
    rows = np.arange(routing.packed_recv_src_info.shape[1])
    return rows < routing.packed_recv_count[:, np.newaxis]


def assert_used_rows_only(got: np.ndarray, expected: np.ndarray, used: np.ndarray) -> None:
    untouched = poison(got.shape, got.dtype)
    assert np.array_equal(got[used], expected[used], equal_nan=True)
    assert np.array_equal(got[~used], untouched[~used])


def check_dispatch(sizes: DispatchSizes, x: np.ndarray, topk_idx: np.ndarray, fp8: bool) -> None:
    _, got = dispatch(sizes, x, topk_idx, fp8)
    expected = route(topk_idx, sizes)
    for name in COUNTS:
        assert np.array_equal(got[name], getattr(expected, name)), name
    used = used_rows(expected)
    assert_used_rows_only(got["packed_recv_src_info"], expected.packed_recv_src_info, used)
    if fp8:
        values, scales = pack_fp8(x, expected)
        assert_used_rows_only(got["packed_recv_x"], values, used)
        assert_used_rows_only(got["scales"], scales, used)
    else:
        assert_used_rows_only(got["packed_recv_x"], pack_bf16(x, expected), used)


@EXAMPLES
@given(dispatch_sizes(), st.sampled_from(ROUTINGS), st.integers(0, 2**32 - 1))
def test_bf16_dispatch_equals_reference(sizes: DispatchSizes, routing: Any, seed: int) -> None:
    generator = np.random.default_rng(seed)
    x = random_bits(generator, (sizes.ranks, sizes.tokens, sizes.hidden))
    check_dispatch(sizes, x, routing(generator, sizes), fp8=False)


@FEW_EXAMPLES
@given(dispatch_sizes(), st.sampled_from(ROUTINGS), st.integers(0, 2**32 - 1))
def test_fp8_dispatch_equals_reference(sizes: DispatchSizes, routing: Any, seed: int) -> None:
    generator = np.random.default_rng(seed)
    x = random_bits(generator, (sizes.ranks, sizes.tokens, sizes.hidden))
    check_dispatch(sizes, x, routing(generator, sizes), fp8=True)


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_capacity_is_filled_to_the_last_row_and_no_further(over: int) -> None:
    sizes = DispatchSizes(ranks=2, tokens=4 + over, choices=2, experts=4, hidden=128, capacity=4)
    generator = np.random.default_rng(0)
    topk_idx = all_to_one(generator, sizes)
    x = random_bits(generator, (2, sizes.tokens, 128))
    check_dispatch(sizes, x, topk_idx, fp8=False)
    _, got = dispatch(sizes, x, topk_idx, fp8=False)
    assert got["dropped"].max() == max(over, 0)
    assert got["packed_recv_count"].sum() + got["dropped"].sum() == 2 * sizes.tokens


@pytest.mark.parametrize("tokens", [32, 33, 65])
def test_slots_continue_across_chunks(tokens: int) -> None:
    sizes = DispatchSizes(ranks=1, tokens=tokens, choices=2, experts=3, hidden=128, capacity=60)
    generator = np.random.default_rng(tokens)
    check_dispatch(sizes, random_bits(generator, (1, tokens, 128)), uniform(generator, sizes), fp8=False)


def test_extreme_values_survive_fp8() -> None:
    """Zeros, subnormals, the largest values, infinities and NaN, a group of each."""
    sizes = DispatchSizes(ranks=1, tokens=1, choices=1, experts=1, hidden=768, capacity=4)
    x = np.zeros((1, 1, 768), dtype=np.uint16)
    for group, bits in enumerate((0x0000, 0x0001, 0x7F7F, 0xFF80, 0x7FC1, 0x8000)):
        x[0, 0, group * 128 : group * 128 + 64] = bits
        x[0, 0, group * 128 + 64 : group * 128 + 128] = 0xC123
    x[0, 0, :128] = 0
    check_dispatch(sizes, x, np.zeros((1, 1, 1), dtype=np.int64), fp8=True)


def test_each_rank_alone_equals_its_slice_of_all() -> None:
    sizes = DispatchSizes(ranks=3, tokens=5, choices=3, experts=6, hidden=128, capacity=4)
    generator = np.random.default_rng(5)
    x, topk_idx = random_bits(generator, (3, 5, 128)), uniform(generator, sizes)
    _, whole = dispatch(sizes, x, topk_idx, fp8=False)
    rows = sizes.rows_per_expert
    for rank in range(3):
        begin, end = 2 * rank, 2 * rank + 2
        _, own = dispatch(sizes, x, topk_idx, fp8=False, experts=(begin, end))
        for name in ("packed_recv_x", "packed_recv_count", "packed_recv_src_info", "packed_recv_layout_range"):
            assert np.array_equal(own[name], whole[name][begin:end]), name
        local = whole["row_of_choice"] - begin * rows
        local[(local < 0) | (local >= 2 * rows)] = NO_ROW
        assert np.array_equal(own["row_of_choice"], local)


@FEW_EXAMPLES
@given(dispatch_sizes(), st.sampled_from(ROUTINGS), st.integers(0, 2**32 - 1))
def test_combine_equals_reference(sizes: DispatchSizes, routing: Any, seed: int) -> None:
    generator = np.random.default_rng(seed)
    topk_idx = routing(generator, sizes)
    shape = (sizes.ranks, sizes.tokens, sizes.hidden)
    dispatcher, got = dispatch(sizes, random_bits(generator, shape), topk_idx, fp8=False)
    y = random_bits(generator, got["packed_recv_x"].shape)
    weights = generator.standard_normal(topk_idx.shape).astype(np.float32)
    inputs, combined = (guard(y), guard(weights)), Guarded(shape, np.uint16)
    dispatcher.combine(inputs[0].array, inputs[1].array, combined.array)
    dispatcher.device.record(dispatcher.stream).sync()
    assert np.array_equal(combined.values(), combine(y, got["row_of_choice"], weights))
    assert np.array_equal(inputs[0].values(), y)
    assert np.array_equal(inputs[1].values(), weights)


@FEW_EXAMPLES
@given(dispatch_sizes(), st.integers(0, 2**32 - 1))
def test_combine_returns_what_dispatch_sent(sizes: DispatchSizes, seed: int) -> None:
    """Weights that are powers of two and sum to 1 give every token back, bit for bit, when nothing is dropped."""
    generator = np.random.default_rng(seed)
    shape = (sizes.ranks, sizes.tokens, sizes.hidden)
    x = (generator.integers(-8, 8, shape) / 4).astype(np.float32).view(np.uint32) >> 16
    topk_idx = generator.integers(0, sizes.experts, (sizes.ranks, sizes.tokens, sizes.choices))
    dispatcher, got = dispatch(sizes, x.astype(np.uint16), topk_idx, fp8=False)
    weights = np.array([0.5 ** (choice + 1) for choice in range(sizes.choices)], dtype=np.float32)
    weights[-1] = 1 - weights[:-1].sum()
    combined = Guarded(shape, np.uint16)
    full = np.broadcast_to(weights, topk_idx.shape).copy()
    dispatcher.combine(guard(got["packed_recv_x"]).array, guard(full).array, combined.array)
    dispatcher.device.record(dispatcher.stream).sync()
    whole = (got["row_of_choice"] != NO_ROW).all(axis=2)
    assert np.array_equal(combined.values()[whole], x[whole])
    if sizes.tokens <= sizes.capacity:
        assert whole.all()


def test_captured_dispatch_and_combine_replay_with_new_contents() -> None:
    sizes = DispatchSizes(ranks=2, tokens=3, choices=2, experts=4, hidden=128, capacity=4)
    generator = np.random.default_rng(2)
    x, topk_idx = guard(np.zeros((2, 3, 128), np.uint16)), guard(np.full((2, 3, 2), -1))
    weights, combined = guard(np.ones((2, 3, 2), np.float32)), Guarded((2, 3, 128), np.uint16)
    dispatcher = Dispatcher(sizes)
    graphs = [dispatcher.capture_dispatch(x.array, topk_idx.array)]
    graphs.append(dispatcher.capture_combine(dispatcher.buffers.packed_recv_x, weights.array, combined.array))
    for _ in range(2):
        fresh_x, fresh_idx = random_bits(generator, (2, 3, 128)), uniform(generator, sizes)
        x.overwrite(fresh_x)
        topk_idx.overwrite(fresh_idx)
        for graph in graphs:
            graph.launch(dispatcher.stream)
        dispatcher.device.record(dispatcher.stream).sync()
        routing = route(fresh_idx, sizes)
        ones = np.ones((2, 3, 2), np.float32)
        assert np.array_equal(combined.values(), combine(pack_bf16(fresh_x, routing), routing.row_of_choice, ones))


def test_rows_move_again_by_the_last_routing() -> None:
    sizes = DispatchSizes(ranks=2, tokens=3, choices=2, experts=4, hidden=128, capacity=4)
    generator = np.random.default_rng(4)
    topk_idx, x = uniform(generator, sizes), guard(random_bits(generator, (2, 3, 128)))
    dispatcher, _ = dispatch(sizes, x.values(), topk_idx, fp8=False)
    graph = dispatcher.capture_payload(x.array)
    fresh = random_bits(generator, (2, 3, 128))
    x.overwrite(fresh)
    graph.launch(dispatcher.stream)
    dispatcher.device.record(dispatcher.stream).sync()
    packed = dispatcher.buffers.packed_recv_x
    expected = route(topk_idx, sizes)
    got = packed if SIMULATED else packed.copy_to_host()
    assert_used_rows_only(got, pack_bf16(fresh, expected), used_rows(expected))


SIZES = DispatchSizes(ranks=1, tokens=4, choices=2, experts=2, hidden=128, capacity=4)


def good_arguments() -> dict[str, np.ndarray]:
    return {"x": guard(np.zeros((1, 4, 128), np.uint16)).array, "topk_idx": np.zeros((1, 4, 2), np.int64)}


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("x", np.zeros((1, 4, 128), np.float32), "x: expected dtype bfloat16 or uint16, got float32"),
        ("x", np.zeros((1, 4, 256), np.uint16), r"x: expected shape \(1, 4, 128\), got \(1, 4, 256\)"),
        ("x", np.zeros((1, 4, 256), np.uint16)[:, :, ::2], "x: expected C-contiguous"),
        ("topk_idx", np.zeros((1, 4, 2), np.int32), "topk_idx: expected dtype int64, got int32"),
        ("topk_idx", np.zeros((4, 2), np.int64), r"topk_idx: expected shape \(1, 4, 2\), got \(4, 2\)"),
        ("topk_idx", "choices", "topk_idx: expected NumPy"),
    ],
)
def test_bad_inputs_are_named_and_nothing_is_launched(
    name: str, array: Any, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    launched: list[object] = []
    monkeypatch.setattr(Kernel, "launch", lambda *_: launched.append(1))
    dispatcher = Dispatcher(SIZES)
    with pytest.raises(ArgumentError, match=message):
        dispatcher.dispatch(**{**good_arguments(), name: array})
    assert not launched


def dispatched(dispatcher: Dispatcher) -> Dispatcher:
    dispatcher.dispatch(**good_arguments())
    return dispatcher


def test_rows_are_not_moved_by_a_routing_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    launched: list[object] = []
    monkeypatch.setattr(Kernel, "launch", lambda *_: launched.append(1))
    dispatcher, values = Dispatcher(SIZES), np.zeros((2, 4, 128), np.uint16)
    weights, combined = np.zeros((1, 4, 2), np.float32), guard(values[:1]).array
    for use in (
        lambda: dispatcher.combine(values, weights, combined),
        lambda: dispatcher.capture_combine(guard(values).array, guard(weights).array, combined),
        lambda: dispatcher.capture_payload(combined),
    ):
        with pytest.raises(ArgumentError, match="row_of_choice: expected the rows of a dispatch, got none yet"):
            use()
    assert not launched


def test_what_is_no_set_of_sizes_or_buffers_is_refused() -> None:
    wrong: Any = (1, 4, 2, 2, 128, 4)
    with pytest.raises(DispatchError, match="sizes: expected DispatchSizes, got tuple"):
        Dispatcher(wrong)
    with pytest.raises(ArgumentError, match="buffers: expected DispatchBuffers, got tuple"):
        Dispatcher(SIZES, buffers=wrong)


def test_outputs_must_not_share_memory_with_anything() -> None:
    guarded = {name: one.array for name, one in guarded_buffers(SIZES, False, 2).items()}
    twice = {**guarded, "scales": None, "packed_recv_count": guarded["dropped"].reshape(-1)}
    with pytest.raises(ArgumentError, match="memory of its own"):
        Dispatcher(SIZES, buffers=DispatchBuffers(**twice))
    dispatcher = Dispatcher(SIZES, buffers=DispatchBuffers(**{**guarded, "scales": None}))
    shared = guarded["packed_recv_x"].reshape(-1)[: 4 * 128].reshape((1, 4, 128))
    with pytest.raises(ArgumentError, match="packed_recv_x: expected memory of its own, got memory shared with x"):
        dispatcher.dispatch(shared, np.zeros((1, 4, 2), np.int64))
    with pytest.raises(ArgumentError, match="combined: expected memory of its own, got memory shared with y"):
        dispatched(dispatcher).combine(guarded["packed_recv_x"], np.zeros((1, 4, 2), np.float32), shared)


def test_buffers_are_checked_like_inputs() -> None:
    guarded = guarded_buffers(SIZES, False, 2)
    arrays: dict[str, Any] = {name: one.array for name, one in guarded.items()} | {"scales": None}
    assert set(arrays) == {field.name for field in fields(DispatchBuffers)}
    with pytest.raises(ArgumentError, match="scales: expected None for bfloat16"):
        Dispatcher(SIZES, buffers=DispatchBuffers(**{**arrays, "scales": arrays["dropped"]}))
    with pytest.raises(ArgumentError, match="dropped: expected dtype int32, got int64"):
        wrong = Guarded((2, 1), np.int64).array
        Dispatcher(SIZES, buffers=DispatchBuffers(**{**arrays, "dropped": wrong}))
    odd = Guarded((2 * 4 * 128 + 1,), np.uint16).array[1:].reshape((2, 4, 128))
    with pytest.raises(ArgumentError, match="packed_recv_x: expected a start aligned to 16 bytes"):
        Dispatcher(SIZES, buffers=DispatchBuffers(**{**arrays, "packed_recv_x": odd}))
    if SIMULATED:
        locked = np.zeros((2, 1), np.int32)
        locked.setflags(write=False)
        with pytest.raises(ArgumentError, match="dropped: expected writable memory"):
            Dispatcher(SIZES, buffers=DispatchBuffers(**{**arrays, "dropped": locked}))


@pytest.mark.parametrize("experts", [(0, 3), (1, 1), (-1, 2), (0,), (0, 1.5), 1, "01"])
def test_a_range_outside_the_experts_is_refused(experts: Any) -> None:
    message = f"experts: expected (begin, end) within 0..2, got {experts!r}"
    with pytest.raises(DispatchError, match=re.escape(message)):
        Dispatcher(SIZES, experts=experts)
