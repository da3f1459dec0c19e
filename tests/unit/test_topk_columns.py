"""The top-k message that states its columns carries any number of them, and FastDeploy's reader understands it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schedproof.output.message_layout import MAX_DRAFT_TOKENS, MAX_QUEUE_MESSAGE_BYTES
from schedproof.output.output_queue import OutputQueue
from schedproof.output.save_output import INT32_MAX, INT32_MIN, OutputError
from schedproof.output.save_output_topk import TopkOutput, pack_topk, pack_topk_compact
from schedproof.output.topk_after_7884 import pack_columns_over_stale, pack_first_tokens_over_stale, read_columns
from schedproof.output.topk_columns import check_queue_holds, pack_topk_columns, unpack_topk_columns
from schedproof.output.topk_columns_layout import (
    MAX_MESSAGE_COLUMNS,
    columns_id_word,
    columns_message_bytes,
    columns_rank_word,
    columns_score_word,
)
from schedproof.output.topk_layout import (
    KIND_DRAFT,
    KIND_TARGET,
    MAX_TOPK_COLUMNS,
    MAX_TOPK_SEQS,
    TOPK_MESSAGE_BYTES,
    TOPK_MESSAGE_WORDS,
    id_word,
    rank_word,
    score_word,
)
from schedproof.output.topk_rows import TopkRow

WIDER = MAX_TOPK_COLUMNS + 1


def topk(
    width: int, columns: int, counts: list[int], seed: int = 0, kind: int = KIND_TARGET, not_need_stop: bool = True
) -> TopkOutput:
    generator = np.random.default_rng(seed)
    shape = (len(counts), width, columns)
    return TopkOutput(
        generator.integers(INT32_MIN, INT32_MAX + 1, shape),
        generator.integers(0, 2**32, shape, dtype=np.uint32).view(np.float32),
        generator.integers(0, 2**31, shape[:2]),
        np.array(counts, dtype=np.int32),
        kind,
        not_need_stop,
    )


def accepted(step: TopkOutput) -> tuple[tuple[TopkRow, ...], ...]:
    bits = step.scores.view(np.int32)
    return tuple(
        tuple(
            TopkRow(tuple(step.ids[slot, at].tolist()), tuple(bits[slot, at].tolist()), int(step.ranks[slot, at]))
            for at in range(count)
        )
        for slot, count in enumerate(step.accept_num.tolist())
    )


@settings(deadline=None, max_examples=25)
@given(st.data())
def test_the_reader_gets_what_was_accepted_with_its_columns(data: st.DataObject) -> None:
    width = data.draw(st.integers(1, MAX_DRAFT_TOKENS))
    columns = data.draw(st.integers(1, 3 * MAX_TOPK_COLUMNS))
    counts = data.draw(st.lists(st.integers(0, width), max_size=6))
    kind, going_on = data.draw(st.sampled_from([KIND_TARGET, KIND_DRAFT])), data.draw(st.booleans())
    step = topk(width, columns, counts, data.draw(st.integers(0, 99)), kind, going_on)
    message = pack_topk_columns(step, 9)
    unpacked = unpack_topk_columns(message)
    assert (unpacked.message_id, unpacked.not_need_stop, unpacked.kind) == (9, going_on, kind)
    assert unpacked.rows == accepted(step)
    if columns <= MAX_TOPK_COLUMNS:
        assert read_columns(message.tolist()) == accepted(step)


def test_up_to_21_columns_the_layout_is_the_published_one() -> None:
    for columns in (1, 20, MAX_TOPK_COLUMNS):
        assert columns_message_bytes(columns, MAX_TOPK_SEQS) == TOPK_MESSAGE_BYTES
        assert columns_id_word(columns, 511, 5, columns - 1) == id_word(511, 5, columns - 1)
        assert columns_score_word(columns, 511, 5, columns - 1) == score_word(511, 5, columns - 1)
        assert columns_rank_word(columns, 511, 5) == rank_word(511, 5)
    step = topk(1, 2, [1], kind=KIND_DRAFT)
    assert pack_topk_columns(step)[:4].tolist() == [1, KIND_DRAFT | 2 << 8, 1, 1]
    full = pack_topk(topk(6, MAX_TOPK_COLUMNS, [6, 0, 3]))
    columns_form = pack_topk_columns(topk(6, MAX_TOPK_COLUMNS, [6, 0, 3]))
    assert columns_form[2:].tolist() == full[2 : columns_form.size].tolist()


def test_wider_messages_are_larger() -> None:
    assert columns_message_bytes(WIDER, MAX_TOPK_SEQS) == TOPK_MESSAGE_BYTES + 4 * 512 * 12
    assert columns_message_bytes(MAX_MESSAGE_COLUMNS, MAX_TOPK_SEQS) < 2**31


def test_five_slots_fit_the_usual_queue() -> None:
    for columns in (1, MAX_TOPK_COLUMNS):
        check_queue_holds(columns, 5, MAX_QUEUE_MESSAGE_BYTES)
        with pytest.raises(
            OutputError, match=r"6 slots: expected a message of at most 8192 bytes, got 8252; raise"
        ):
            check_queue_holds(columns, 6, MAX_QUEUE_MESSAGE_BYTES)
    with pytest.raises(OutputError, match="65535 columns, 1 slots: expected a message of at most 8192 bytes"):
        check_queue_holds(MAX_MESSAGE_COLUMNS, 1, MAX_QUEUE_MESSAGE_BYTES)


def test_a_message_goes_through_a_queue(queue: OutputQueue) -> None:
    step = topk(2, WIDER, [2, 1])
    message = pack_topk_columns(step)
    assert queue.try_send(message)
    received = queue.receive(wait=False, max_words=TOPK_MESSAGE_WORDS)
    assert received is not None
    assert unpack_topk_columns(received).rows == accepted(step)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (topk(2, WIDER, [3]), r"accept_num\[0\]: expected 0\.\.2, got 3"),
        (topk(7, WIDER, [1]), r"1\.\.6 tokens a slot, got 7"),
        (topk(1, 0, [1]), r"ids: expected 1\.\.65535 columns, got 0"),
        (topk(1, MAX_MESSAGE_COLUMNS + 1, [1]), r"ids: expected 1\.\.65535 columns, got 65536"),
        (topk(1, 1, [1] * 513), r"batch size: expected 0\.\.512, got 513"),
        (topk(1, 1, [1], kind=5), r"kind: expected 3 \(target\) or 4 \(draft\), got 5"),
    ],
)
def test_what_does_not_fit_is_refused(step: TopkOutput, message: str) -> None:
    with pytest.raises(OutputError, match=message):
        pack_topk_columns(step)


def test_the_other_forms_still_take_21_columns_at_most() -> None:
    for packer in (pack_topk, pack_topk_compact):
        with pytest.raises(OutputError, match=r"ids: expected 1\.\.21 columns, got 22"):
            packer(topk(1, WIDER, [1]))


@pytest.mark.parametrize(
    ("word", "value", "message"),
    [
        (0, 2, "message_id: 2 is reserved"),
        (1, KIND_TARGET, r"message: expected 1\.\.65535 columns, got 0"),
        (1, -1, "columns, got -1"),
        (1, 7 | 3 << 8, "kind"),
        (1, KIND_TARGET | 22 << 8, "words for this header"),
        (2, 1, "expected 773 words for this header, got 1031"),
        (2, 513, "batch size"),
        (3, 7, "count of slot 0"),
        (5, 1, "message word 5: expected 0"),
        (columns_id_word(3, 0, 0, 3), 4, "expected 0 beyond"),
        (columns_id_word(3, 0, 1, 0), 4, "expected 0 beyond"),
    ],
)
def test_the_reader_refuses_what_was_never_packed(word: int, value: int, message: str) -> None:
    packed = pack_topk_columns(topk(2, 3, [1, 2]))
    packed[word] = value
    with pytest.raises(OutputError, match=message):
        unpack_topk_columns(packed)
    with pytest.raises(OutputError, match="3 or more words"):
        unpack_topk_columns(packed[:2])


def test_upstream_writes_the_22nd_column_over_the_next_row() -> None:
    buffer = [0] * TOPK_MESSAGE_WORDS
    ids = list(range(1, 2 * WIDER + 1))
    pack_columns_over_stale(buffer, ids, ids, [1, 2], WIDER, [2], kind=KIND_TARGET)
    assert buffer[id_word(0, 0, 21)] == ids[WIDER]
    first, second = read_columns(buffer)[0]
    assert (first.ids, second.ids) == (tuple(ids[:21]), tuple(ids[WIDER : WIDER + 21]))


def test_upstream_writes_past_its_buffer_from_28_columns_on() -> None:
    counts = [0] * 511 + [MAX_DRAFT_TOKENS]
    for columns in (27, 28):
        buffer, values = [0] * TOPK_MESSAGE_WORDS, [1] * 6 * columns
        if columns == 27:
            pack_columns_over_stale(buffer, values, values, [1] * 6, columns, counts, kind=KIND_TARGET)
        else:
            with pytest.raises(IndexError):
                pack_columns_over_stale(buffer, values, values, [1] * 6, columns, counts, kind=KIND_TARGET)


def test_upstream_sends_a_draft_with_the_scores_of_an_earlier_step() -> None:
    buffer = [0] * TOPK_MESSAGE_WORDS
    pack_columns_over_stale(buffer, [1, 2], [3, 4], [5, 6], 1, [2], kind=KIND_TARGET)
    pack_first_tokens_over_stale(buffer, [TopkRow((7,), (8,), 9)], [10], kind=KIND_TARGET)
    assert read_columns(buffer) == ((TopkRow((7,), (8,), 9), TopkRow((10,), (4,), 6)),)
