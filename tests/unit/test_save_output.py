"""The output message carries what was accepted and nothing else; upstream's packing shows what goes wrong."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schedproof.output.before_7172 import pack_reading_past_width
from schedproof.output.message_layout import MAX_DRAFT_TOKENS, MAX_MESSAGE_SEQS, MESSAGE_BYTES, MESSAGE_WORDS
from schedproof.output.save_output import (
    INT32_MAX,
    INT32_MIN,
    OutputError,
    StepOutput,
    check_message_id,
    count_word,
    pack,
    token_word,
    unpack,
)


def step_of(tokens: list[list[int]], counts: list[int], **flags: bool) -> StepOutput:
    batch = len(counts)
    shape = (batch, len(tokens[0]) if tokens else 1)
    return StepOutput(
        np.array(tokens, dtype=np.int64).reshape(shape),
        np.array(counts, dtype=np.int32),
        np.zeros(batch, dtype=np.int32),
        np.zeros(batch, dtype=np.int64),
        **flags,
    )


@st.composite
def steps(draw: st.DrawFn) -> StepOutput:
    batch = draw(st.integers(0, 8) | st.just(MAX_MESSAGE_SEQS))
    width = draw(st.integers(1, MAX_DRAFT_TOKENS))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return StepOutput(
        generator.integers(INT32_MIN, INT32_MAX + 1, (batch, width)),
        generator.integers(0, width + 1, batch).astype(np.int32),
        generator.integers(0, 3, batch).astype(np.int32),
        generator.integers(0, 3, batch),
        draw(st.booleans()),
        draw(st.booleans()),
    )


@given(steps(), st.integers(1, INT32_MAX).filter(lambda message_id: message_id != 2))
def test_a_reader_gets_what_was_accepted(step: StepOutput, message_id: int) -> None:
    unpacked = unpack(pack(step, message_id))
    waiting = step.skip_prefill & (step.seq_lens_decoder < step.prompt_lens)
    counts = np.where(waiting, 0, step.accept_num)
    assert unpacked.message_id == message_id
    assert unpacked.not_need_stop == step.not_need_stop
    assert unpacked.tokens == tuple(
        tuple(row[:count]) for row, count in zip(step.accept_tokens.tolist(), counts.tolist(), strict=True)
    )


def test_layout_is_the_published_one() -> None:
    message = pack(step_of([[11, 12], [21, 22]], [1, 2], not_need_stop=False), 7)
    assert (message.size, message.nbytes, message.dtype) == (MESSAGE_WORDS, MESSAGE_BYTES, np.int32)
    expected = {0: -7, 1: 2, 2: 1, 3: 2, 258: 11, 264: 21, 265: 22}
    assert {word: int(message[word]) for word in np.flatnonzero(message)} == expected
    assert token_word(MAX_MESSAGE_SEQS - 1, MAX_DRAFT_TOKENS - 1) == MESSAGE_WORDS - 1
    assert count_word(MAX_MESSAGE_SEQS - 1) + 1 == token_word(0, 0)


def test_a_slot_that_is_prefilling_reports_nothing_when_asked_to_skip() -> None:
    step = step_of([[5], [6], [7]], [1, 1, 1], skip_prefill=True)
    step.prompt_lens[:] = 10
    step.seq_lens_decoder[:] = (9, 10, 11)
    assert unpack(pack(step)).tokens == ((), (6,), (7,))
    step = step_of([[5], [6], [7]], [1, 1, 1])
    step.prompt_lens[:] = 10
    assert unpack(pack(step)).tokens == ((5,), (6,), (7,))


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (step_of([[1, 2]], [3]), "accept_num[0]: expected 0..2, got 3"),
        (step_of([[1, 2]], [-1]), "accept_num[0]: expected 0..2, got -1"),
        (step_of([[1] * 7], [1]), "expected 1..6 tokens a slot, got 7"),
        (step_of([[1]] * 257, [1] * 257), "batch size: expected 0..256, got 257"),
        (step_of([[2**31]], [1]), "accept_tokens[0, 0]: expected an int32 value, got 2147483648"),
    ],
)
def test_what_does_not_fit_is_refused(step: StepOutput, message: str) -> None:
    with pytest.raises(OutputError) as refused:
        pack(step)
    assert message in str(refused.value)


@pytest.mark.parametrize("name", ["accept_tokens", "accept_num", "seq_lens_decoder", "prompt_lens"])
def test_arrays_are_checked_by_name(name: str) -> None:
    good = step_of([[1], [2]], [1, 1])
    arrays = {field: getattr(good, field) for field in StepOutput.__slots__}
    with pytest.raises(OutputError, match=f"{name}: expected dtype"):
        pack(StepOutput(**{**arrays, name: arrays[name].astype(np.int16)}))
    if name != "accept_tokens":
        with pytest.raises(OutputError, match=rf"{name}: expected shape \(2,\), got \(1,\)"):
            pack(StepOutput(**{**arrays, name: arrays[name][:1]}))
    else:
        with pytest.raises(OutputError, match="accept_tokens: expected 2 dimensions, got 1"):
            pack(StepOutput(**{**arrays, name: arrays[name][0]}))


@pytest.mark.parametrize("message_id", [0, -1, 2, INT32_MAX + 1])
def test_ids_that_cannot_be_used_are_refused(message_id: int) -> None:
    with pytest.raises(OutputError, match="message_id"):
        check_message_id(message_id)


@pytest.mark.parametrize(
    ("word", "value", "message"),
    [
        (0, 2, "message_id: 2 is reserved"),
        (0, 0, "message_id: expected"),
        (1, 257, "batch size"),
        (1, -1, "batch size"),
        (2, 7, "count of slot 0: expected 0..6, got 7"),
        (2, -1, "count of slot 0"),
        (4, 1, "message word 4: expected 0"),
        (token_word(0, 1), 9, "message word 259: expected 0"),
        (MESSAGE_WORDS - 1, 9, "message word 1793: expected 0"),
    ],
)
def test_a_reader_refuses_what_was_never_packed(word: int, value: int, message: str) -> None:
    packed = pack(step_of([[1, 2], [3, 4]], [1, 2]))
    packed[word] = value
    with pytest.raises(OutputError, match=message):
        unpack(packed)
    with pytest.raises(OutputError, match="message: expected shape"):
        unpack(packed[:-1])


def test_upstream_sends_the_next_rows_tokens_as_this_ones() -> None:
    memory = [11, 12, 21, 22, *range(100, 110)]
    message = pack_reading_past_width(memory, 2, [2, 2], [0, 0], [0, 0])
    assert message[token_word(0, 0) : token_word(0, 6)] == [11, 12, 21, 22, 100, 101]
    with pytest.raises(OutputError, match="expected 0 beyond what was accepted"):
        unpack(np.array(message, dtype=np.int32))
    with pytest.raises(IndexError):
        pack_reading_past_width(memory[:4], 2, [2, 2], [0, 0], [0, 0])


def test_upstream_bounds_neither_batch_nor_count() -> None:
    batch = MESSAGE_WORDS
    with pytest.raises(IndexError):
        pack_reading_past_width([1] * 6 * batch, 6, [6] * batch, [0] * batch, [0] * batch)
    message = pack_reading_past_width([1] * 6, 6, [7], [0], [0])
    with pytest.raises(OutputError, match=r"count of slot 0: expected 0\.\.6, got 7"):
        unpack(np.array(message, dtype=np.int32))


def test_upstream_agrees_where_nothing_can_go_wrong() -> None:
    step = step_of([[1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 11, 12]], [6, 6])
    memory = step.accept_tokens.reshape(-1).tolist()
    assert pack_reading_past_width(memory, 6, [6, 6], [0, 0], [0, 0]) == pack(step).tolist()
