"""The top-k kernels equal their references in both forms."""

from contextlib import nullcontext

import numpy as np
import pytest
from guarded import FEW_EXAMPLES, Guarded, guard, guarded_allocations
from hypothesis import given
from hypothesis import strategies as st

from schedproof.output.message_layout import MAX_DRAFT_TOKENS
from schedproof.output.save_output import INT32_MAX, INT32_MIN, OutputError
from schedproof.output.save_output_topk import (
    TopkOutput,
    pack_topk,
    pack_topk_compact,
    unpack_topk,
    unpack_topk_compact,
)
from schedproof.output.topk_layout import (
    KIND_DRAFT,
    KIND_TARGET,
    MAX_TOPK_COLUMNS,
    MAX_TOPK_SEQS,
    compact_row_begin,
)
from schedproof_kernels.arrays import ArgumentError
from schedproof_kernels.jit import SIMULATED
from schedproof_kernels.topk import SaveTopk
from schedproof_kernels.topk_kernel import COMPACT_THREADS
from schedproof_kernels.topk_kernel import pack_topk_compact as compact_kernel

MOST_ROWS = 6 if SIMULATED else MAX_TOPK_SEQS
PACKERS = {False: pack_topk, True: pack_topk_compact}


def random_topk(seed: int, batch: int, width: int, columns: int, kind: int = KIND_TARGET) -> TopkOutput:
    generator = np.random.default_rng(seed)
    shape = (batch, width, columns)
    return TopkOutput(
        generator.integers(INT32_MIN, INT32_MAX + 1, shape),
        generator.integers(0, 2**32, shape, dtype=np.uint32).view(np.float32),
        generator.integers(0, 2**31, (batch, width)),
        generator.integers(0, width + 1, batch).astype(np.int32),
        kind,
        bool(seed % 2),
    )


def head(step: TopkOutput, batch: int) -> TopkOutput:
    arrays = (array[:batch] for array in (step.ids, step.scores, step.ranks, step.accept_num))
    return TopkOutput(*arrays, step.kind, step.not_need_stop)


def launch(packer: SaveTopk, step: TopkOutput, batch: int) -> np.ndarray:
    packer.launch(
        step.ids,
        step.scores,
        step.ranks,
        step.accept_num,
        batch_size=batch,
        kind=step.kind,
        not_need_stop=step.not_need_stop,
    )
    return packer.read()


@FEW_EXAMPLES
@given(st.data())
def test_kernels_equal_references(data: st.DataObject) -> None:
    rows = data.draw(st.integers(0, MOST_ROWS), "rows")
    width = data.draw(st.integers(1, MAX_DRAFT_TOKENS), "width")
    columns = data.draw(st.integers(1, MAX_TOPK_COLUMNS), "columns")
    compact = data.draw(st.booleans(), "compact")
    mapped = data.draw(st.booleans(), "mapped")
    with nullcontext() if mapped else guarded_allocations():
        packer = SaveTopk(rows, width, columns, compact=compact, mapped=mapped)
        for kind in (KIND_TARGET, KIND_DRAFT):
            batch = data.draw(st.integers(0, rows), "batch")
            step = random_topk(data.draw(st.integers(0, 2**32 - 1), "seed"), rows, width, columns, kind)
            assert np.array_equal(launch(packer, step, batch), PACKERS[compact](head(step, batch)))


@pytest.mark.parametrize("width", range(1, MAX_DRAFT_TOKENS + 1))
def test_compact_form_writes_accepted_rows_and_nothing_more(width: int) -> None:
    rows, columns = width + 1, 3
    step = random_topk(width, rows, width, columns)
    step.accept_num[:] = np.arange(rows)
    expected = pack_topk_compact(step, 5)
    message = Guarded((compact_row_begin(rows, columns, rows * width),), np.int32)
    control = guard(np.array([expected[0], rows, step.kind], dtype=np.int32))
    inputs = [guard(array) for array in (step.ids, step.scores.view(np.int32), step.ranks, step.accept_num)]
    block = 3 if SIMULATED else COMPACT_THREADS
    compact_kernel.launch((rows,), block, 0, *(one.array for one in inputs), control.array, message.array)
    values = message.values()
    untouched = Guarded(message.shape, np.int32).values()
    assert np.array_equal(values[: expected.size], expected)
    assert np.array_equal(values[expected.size :], untouched[expected.size :])


@pytest.mark.parametrize("compact", [False, True])
@pytest.mark.parametrize(("where", "value"), [("count", 4), ("count", -1), ("id", 2**31), ("rank", 2**40)])
def test_what_the_reference_refuses_is_refused_before_sending(compact: bool, where: str, value: int) -> None:
    step = random_topk(2, 3, 3, 2)
    step.accept_num[:] = 3
    if where == "count":
        step.accept_num[1] = value
    elif where == "id":
        step.ids[1, 2, 1] = value
    else:
        step.ranks[1, 0] = value
    packer = SaveTopk(3, 3, 2, compact=compact)
    with pytest.raises(OutputError, match=r"accept_num\[1\]|slot 1"):
        launch(packer, step, 3)
    with pytest.raises(OutputError):
        (unpack_topk_compact if compact else unpack_topk)(packer.packer.words_read().copy())
    with pytest.raises(OutputError, match=r"accept_num\[1\]|slot 1"):
        PACKERS[compact](step)


@pytest.mark.parametrize("compact", [False, True])
def test_a_captured_step_replays_with_new_contents(compact: bool) -> None:
    step = random_topk(3, 3, 2, 4)
    device = [guard(array) for array in (step.ids, step.scores, step.ranks, step.accept_num)]
    packer = SaveTopk(3, 2, 4, compact=compact)
    graph = packer.capture(*(one.array for one in device))
    for seed, batch in ((4, 3), (5, 1)):
        fresh = random_topk(seed, 3, 2, 4, KIND_DRAFT)
        for one, values in zip(device, (fresh.ids, fresh.scores, fresh.ranks, fresh.accept_num), strict=True):
            one.overwrite(values)
        graph.replay(batch, kind=KIND_DRAFT, not_need_stop=fresh.not_need_stop)
        assert np.array_equal(packer.read(), PACKERS[compact](head(fresh, batch)))


def test_bad_arguments_are_named() -> None:
    step = random_topk(1, 2, 2, 3)
    packer = SaveTopk(2, 2, 3)
    with pytest.raises(ArgumentError, match="scores: expected dtype float32, got float64"):
        packer.launch(step.ids, step.scores.astype(np.float64), step.ranks, step.accept_num, batch_size=2)
    with pytest.raises(ArgumentError, match=r"ids: expected shape \(2, 2, 3\)"):
        packer.launch(step.ids[:, :, :2], step.scores, step.ranks, step.accept_num, batch_size=2)
    with pytest.raises(OutputError, match="kind: expected 3"):
        packer.launch(step.ids, step.scores, step.ranks, step.accept_num, batch_size=2, kind=5)
    for sizes, message in (((513, 1, 1), "0..512"), ((1, 7, 1), "1..6"), ((1, 1, 22), "1..21")):
        with pytest.raises(OutputError, match=message):
            SaveTopk(*sizes)
