"""The top-k message in both forms carries the accepted rows and nothing of an earlier step."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schedproof.output.before_7172 import pack_topk_over_stale
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
    SLOT_WORDS,
    SLOTS_BEGIN,
    TOPK_MESSAGE_BYTES,
    TOPK_MESSAGE_WORDS,
    UNUSED_ID,
    id_word,
    rank_word,
    score_word,
    used_words,
)
from schedproof.output.topk_rows import TopkRow


def topk(
    batch: int, width: int, columns: int, counts: list[int], seed: int = 0, kind: int = KIND_TARGET
) -> TopkOutput:
    generator = np.random.default_rng(seed)
    shape = (batch, width, columns)
    return TopkOutput(
        generator.integers(INT32_MIN, INT32_MAX + 1, shape),
        generator.integers(0, 2**32, shape, dtype=np.uint32).view(np.float32),
        generator.integers(0, 2**31, (batch, width)),
        np.array(counts, dtype=np.int32),
        kind,
        seed % 2 == 0,
    )


def accepted(step: TopkOutput, columns: int) -> tuple[tuple[TopkRow, ...], ...]:
    bits = step.scores.view(np.int32)
    missing = columns - step.ids.shape[2]
    return tuple(
        tuple(
            TopkRow(
                (*step.ids[slot, position].tolist(), *[UNUSED_ID] * missing),
                (*bits[slot, position].tolist(), *[0] * missing),
                int(step.ranks[slot, position]),
            )
            for position in range(step.accept_num[slot])
        )
        for slot in range(step.ids.shape[0])
    )


@settings(deadline=None, max_examples=25)
@given(st.data())
def test_readers_get_what_was_accepted(data: st.DataObject) -> None:
    batch = data.draw(st.integers(0, 6))
    width = data.draw(st.integers(1, MAX_DRAFT_TOKENS))
    columns = data.draw(st.integers(1, MAX_TOPK_COLUMNS))
    counts = data.draw(st.lists(st.integers(0, width), min_size=batch, max_size=batch))
    kind = data.draw(st.sampled_from([KIND_TARGET, KIND_DRAFT]))
    step = topk(batch, width, columns, counts, data.draw(st.integers(0, 99)), kind)
    for unpacked, wide in (
        (unpack_topk(pack_topk(step, 9)), MAX_TOPK_COLUMNS),
        (unpack_topk_compact(pack_topk_compact(step, 9)), columns),
    ):
        assert (unpacked.message_id, unpacked.not_need_stop, unpacked.kind) == (9, step.not_need_stop, kind)
        assert unpacked.rows == accepted(step, wide)


def test_layout_is_the_published_one() -> None:
    assert (SLOTS_BEGIN, SLOT_WORDS, TOPK_MESSAGE_BYTES) == (515, 258, 530_444)
    assert used_words(256) * 4 == 266_252
    assert rank_word(MAX_TOPK_SEQS - 1, MAX_DRAFT_TOKENS - 1) == TOPK_MESSAGE_WORDS - 1
    step = TopkOutput(
        np.array([[[7, 8]]]), np.array([[[-0.5, -1.0]]], dtype=np.float32), np.array([[3]]), np.array([1], np.int32)
    )
    message = pack_topk(step, 5)
    scores = np.array([-0.5, -1.0], dtype=np.float32).view(np.int32).tolist()
    assert message[:4].tolist() == [5, KIND_TARGET, 1, 1]
    assert message[id_word(0, 0, 0) : id_word(0, 1, 0)].tolist() == [7, 8] + [UNUSED_ID] * 19
    assert message[score_word(0, 0, 0) : score_word(0, 1, 0)].tolist() == scores + [0] * 19
    assert message[rank_word(0, 0)] == 3
    assert pack_topk_compact(step, 5).tolist() == [5, KIND_TARGET, 1, 2, 1, 7, 8, *scores, 3]


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (topk(1, 2, 3, [3]), r"accept_num\[0\]: expected 0\.\.2, got 3"),
        (topk(1, 2, 3, [-1]), r"accept_num\[0\]: expected 0\.\.2, got -1"),
        (topk(1, 7, 3, [1]), r"1\.\.6 tokens a slot, got 7"),
        (topk(1, 1, 22, [1]), r"ids: expected 1\.\.21 columns, got 22"),
        (topk(513, 1, 1, [1] * 513), r"batch size: expected 0\.\.512, got 513"),
        (topk(1, 1, 1, [1], kind=2), r"kind: expected 3 \(target\) or 4 \(draft\), got 2"),
        (topk(1, 1, 1, [1, 1]), r"accept_num: expected shape \(1,\)"),
    ],
)
def test_what_does_not_fit_is_refused(step: TopkOutput, message: str) -> None:
    for packer in (pack_topk, pack_topk_compact):
        with pytest.raises(OutputError, match=message):
            packer(step)


def test_values_beyond_int32_are_refused() -> None:
    for name in ("ids", "ranks"):
        step = topk(1, 2, 2, [2])
        getattr(step, name)[0, 1] = 2**31
        with pytest.raises(OutputError, match="slot 0, position 1: expected int32 ids and rank, got 2147483648"):
            pack_topk(step)
        step.accept_num[0] = 1
        assert unpack_topk(pack_topk(step)).rows == accepted(step, MAX_TOPK_COLUMNS)


@pytest.mark.parametrize(
    ("word", "value", "message"),
    [
        (0, 0, "message_id"),
        (1, 1, "kind"),
        (2, 513, "batch size"),
        (3, 7, "count of slot 0"),
        (5, 1, "message word 5: expected 0"),
        (id_word(0, 1, 0), 4, "expected 0 beyond"),
        (TOPK_MESSAGE_WORDS - 1, 4, "expected 0 beyond"),
    ],
)
def test_the_fixed_reader_refuses_what_was_never_packed(word: int, value: int, message: str) -> None:
    packed = pack_topk(topk(2, 2, 3, [1, 2]))
    packed[word] = value
    with pytest.raises(OutputError, match=message):
        unpack_topk(packed)


@pytest.mark.parametrize(
    ("word", "value", "message"),
    [
        (2, 400, "at least 404 words"),
        (3, 22, "columns"),
        (4, 2, "words for these counts"),
        (4, -1, "count of slot 0"),
    ],
)
def test_the_compact_reader_refuses_what_was_never_packed(word: int, value: int, message: str) -> None:
    packed = pack_topk_compact(topk(2, 2, 3, [1, 2]))
    packed[word] = value
    with pytest.raises(OutputError, match=message):
        unpack_topk_compact(packed)
    with pytest.raises(OutputError, match="4 or more words"):
        unpack_topk_compact(packed[:3])


def test_upstream_leaves_rows_of_the_step_before() -> None:
    buffer = [0] * TOPK_MESSAGE_WORDS
    ids, scores = list(range(100, 142)), list(range(200, 242))
    pack_topk_over_stale(buffer, ids, scores, [1, 2], 21, [2], kind=KIND_TARGET)
    assert len(unpack_topk(np.array(buffer, np.int32)).rows[0]) == 2
    pack_topk_over_stale(buffer, ids, scores, [1], 21, [1], kind=KIND_TARGET)
    with pytest.raises(OutputError, match="expected 0 beyond what was accepted"):
        unpack_topk(np.array(buffer, np.int32))


def test_upstream_reads_rows_by_a_stride_that_is_not_theirs() -> None:
    buffer = [0] * TOPK_MESSAGE_WORDS
    with pytest.raises(IndexError):
        pack_topk_over_stale(buffer, [1, 2, 3, 4], [0] * 4, [1, 2], 2, [2], kind=KIND_TARGET)


def test_upstream_lets_a_count_run_into_the_next_slot() -> None:
    buffer = [0] * TOPK_MESSAGE_WORDS
    rows = [7] * 21 * 7
    pack_topk_over_stale(buffer, rows, rows, [1] * 7, 21, [7], kind=KIND_DRAFT)
    assert buffer[score_word(0, 0, 0)] == 7
    with pytest.raises(OutputError, match="count of slot 0"):
        unpack_topk(np.array(buffer, np.int32))
