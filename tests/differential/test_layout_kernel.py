"""The layout kernels equal the reference."""

from typing import Any

import numpy as np
import pytest
from guarded import EXAMPLES, guard, guarded_allocations, on_host
from hypothesis import given
from hypothesis import strategies as st
from routings import ROUTINGS, dispatch_sizes, uniform

from schedproof.dispatch.dispatch import layout
from schedproof.dispatch.limits import DispatchError, DispatchSizes
from schedproof_kernels.arrays import ArgumentError
from schedproof_kernels.layout import LayoutPlan

NAMES = ("num_tokens_per_rank", "num_tokens_per_expert", "is_token_in_rank")


def check_layout(sizes: DispatchSizes, topk_idx: np.ndarray) -> None:
    given = guard(topk_idx)
    with guarded_allocations():
        plan = LayoutPlan(sizes.tokens, sizes.choices, sizes.experts, sizes.ranks)
        plan.layout(given.array)
        plan.device.record(plan.stream).sync()
    assert np.array_equal(given.values(), topk_idx)
    expected = layout(topk_idx, sizes.experts, sizes.ranks)
    for name in NAMES:
        assert np.array_equal(on_host(getattr(plan.buffers, name)), getattr(expected, name)), name


@EXAMPLES
@given(dispatch_sizes(), st.sampled_from(ROUTINGS), st.integers(0, 2**32 - 1))
def test_layout_equals_reference(sizes: DispatchSizes, routing: Any, seed: int) -> None:
    check_layout(sizes, routing(np.random.default_rng(seed), sizes)[0])


@pytest.mark.parametrize("tokens", [0, 31, 32, 33, 100])
def test_layout_counts_every_chunk(tokens: int) -> None:
    sizes = DispatchSizes(ranks=4, tokens=tokens, choices=3, experts=8, hidden=128, capacity=4)
    check_layout(sizes, uniform(np.random.default_rng(tokens), sizes)[0])


def test_captured_layout_replays() -> None:
    plan = LayoutPlan(3, 1, 2, 2)
    topk_idx = guard(np.array([[0], [1], [1]]))
    graph = plan.capture(topk_idx.array)
    graph.launch(plan.stream)
    plan.device.record(plan.stream).sync()
    assert plan.buffers.num_tokens_per_expert.copy_to_host().tolist() == [1, 2]


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ArgumentError, match=r"topk_idx: expected shape \(3, 1\), got \(3, 2\)"):
        LayoutPlan(3, 1, 2, 2).layout(np.zeros((3, 2), np.int64))
    for sizes, message in (((3, 12, 2, 2), "choices"), ((3, 1, 3, 2), "experts"), ((-1, 1, 2, 2), "tokens")):
        with pytest.raises(DispatchError, match=message):
            LayoutPlan(*sizes)
