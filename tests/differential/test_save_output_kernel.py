"""The save-output kernel equals its reference, word for word, and leaves everything else alone."""

from typing import Any

import numpy as np
import pytest
from guarded import EXAMPLES, Guarded, guard, guarded_allocations
from hypothesis import given
from hypothesis import strategies as st

from schedproof.output.message_layout import HEADER_WORDS, MAX_DRAFT_TOKENS, MAX_MESSAGE_SEQS, MESSAGE_WORDS
from schedproof.output.save_output import INT32_MAX, INT32_MIN, OutputError, StepOutput, pack, unpack
from schedproof_kernels import save_output_kernel
from schedproof_kernels.arrays import ArgumentError
from schedproof_kernels.jit import SIMULATED
from schedproof_kernels.save_output import SaveOutput, launch_grid
from schedproof_kernels.save_output_kernel import REFUSED_COUNT, REFUSED_TOKEN, pack_save_output

MOST_ROWS = 12 if SIMULATED else MAX_MESSAGE_SEQS
NAMES = ("accept_tokens", "accept_num", "seq_lens_decoder", "prompt_lens")


def random_step(
    seed: int, batch: int, width: int, *, not_need_stop: bool = True, skip_prefill: bool = False
) -> StepOutput:
    generator = np.random.default_rng(seed)
    return StepOutput(
        generator.integers(INT32_MIN, INT32_MAX + 1, (batch, width)),
        generator.integers(0, width + 1, batch).astype(np.int32),
        generator.integers(0, 4, batch).astype(np.int32),
        generator.integers(0, 4, batch),
        not_need_stop,
        skip_prefill,
    )


def head(step: StepOutput, batch: int) -> StepOutput:
    arrays = (getattr(step, name)[:batch] for name in NAMES)
    return StepOutput(*arrays, step.not_need_stop, step.skip_prefill)


def launch(packer: SaveOutput, step: StepOutput, batch: int) -> np.ndarray:
    packer.launch(
        *(getattr(step, name) for name in NAMES),
        batch_size=batch,
        not_need_stop=step.not_need_stop,
        skip_prefill=step.skip_prefill,
    )
    return packer.read()


@EXAMPLES
@given(st.data())
def test_kernel_equals_reference(data: st.DataObject) -> None:
    rows = data.draw(st.integers(0, MOST_ROWS), "rows")
    batch = data.draw(st.integers(0, rows), "batch")
    width = data.draw(st.integers(1, MAX_DRAFT_TOKENS), "width")
    step = random_step(
        data.draw(st.integers(0, 2**32 - 1), "seed"),
        rows,
        width,
        not_need_stop=data.draw(st.booleans(), "not_need_stop"),
        skip_prefill=data.draw(st.booleans(), "skip_prefill"),
    )
    message_id = data.draw(st.sampled_from([1, 3, INT32_MAX]), "message_id")
    inputs = [guard(getattr(step, name)) for name in NAMES]
    word = message_id if step.not_need_stop else -message_id
    control = guard(np.array([word, batch, step.skip_prefill], dtype=np.int32))
    message = Guarded((MESSAGE_WORDS,), np.int32)
    grid, block = launch_grid()
    pack_save_output.launch(grid, block, 0, *(one.array for one in inputs), control.array, message.array)
    assert np.array_equal(message.values(), pack(head(step, batch), message_id))
    for name, one in zip(NAMES, inputs, strict=True):
        assert np.array_equal(one.values(), getattr(step, name))


@pytest.mark.parametrize("width", range(1, MAX_DRAFT_TOKENS + 1))
@pytest.mark.parametrize("mapped", [False, True])
def test_every_width_and_count(width: int, mapped: bool) -> None:
    step = random_step(width, width + 1, width)
    step.accept_num[:] = np.arange(width + 1)
    packer = SaveOutput(width + 1, width, mapped=mapped)
    assert np.array_equal(launch(packer, step, width + 1), pack(step))


def test_full_batch_then_smaller_ones_leave_nothing_behind() -> None:
    step = random_step(7, MAX_MESSAGE_SEQS, MAX_DRAFT_TOKENS)
    with guarded_allocations():
        packer = SaveOutput(MAX_MESSAGE_SEQS, MAX_DRAFT_TOKENS)
        for batch in (MAX_MESSAGE_SEQS, 1, 0):
            assert np.array_equal(launch(packer, step, batch), pack(head(step, batch)))


@pytest.mark.parametrize("count", [-1, 4, INT32_MAX, INT32_MIN])
def test_a_count_outside_the_width_is_refused_before_sending(count: int) -> None:
    packer = SaveOutput(3, 3)
    step = random_step(1, 3, 3)
    step.accept_num[:] = (1, count, 2)
    with pytest.raises(OutputError, match=r"accept_num\[1\]: expected 0\.\.3"):
        launch(packer, step, 3)
    message = packer.packer.words_read()
    assert message[HEADER_WORDS + 1] == REFUSED_COUNT
    with pytest.raises(OutputError, match="count of slot 1"):
        unpack(message)
    with pytest.raises(OutputError, match=r"accept_num\[1\]"):
        pack(step)


@pytest.mark.parametrize("token", [INT32_MAX + 1, INT32_MIN - 1, 2**62])
def test_a_token_that_is_no_int32_is_refused_before_sending(token: int) -> None:
    packer = SaveOutput(2, 2)
    step = random_step(1, 2, 2)
    step.accept_num[:] = 2
    step.accept_tokens[1, 1] = token
    with pytest.raises(OutputError, match="slot 1: expected int32"):
        launch(packer, step, 2)
    assert packer.packer.words_read()[HEADER_WORDS + 1] == REFUSED_TOKEN
    step.accept_num[1] = 1
    assert np.array_equal(launch(packer, step, 2), pack(step))


def test_a_captured_step_replays_with_new_contents() -> None:
    step = random_step(3, 5, 4)
    device = [guard(getattr(step, name)) for name in NAMES]
    packer = SaveOutput(5, 4, message_id=9)
    graph = packer.capture(*(one.array for one in device))
    for seed, batch in ((4, 5), (5, 0), (6, 2)):
        fresh = random_step(seed, 5, 4, not_need_stop=seed != 5, skip_prefill=seed == 6)
        for one, name in zip(device, NAMES, strict=True):
            one.overwrite(getattr(fresh, name))
        graph.replay(batch, not_need_stop=fresh.not_need_stop, skip_prefill=fresh.skip_prefill)
        assert np.array_equal(packer.read(), pack(head(fresh, batch), 9))
    packer.close()
    with pytest.raises(ArgumentError, match="launch: expected open buffers, got closed ones"):
        graph.replay(2)


def bad_arguments() -> list[Any]:
    step = random_step(1, 4, 3)
    good = {name: getattr(step, name) for name in NAMES}
    wide = random_step(1, 4, 6).accept_tokens
    return [
        pytest.param(
            good | {"accept_num": good["accept_num"].astype(np.int64)}, "accept_num: expected dtype int32"
        ),
        pytest.param(good | {"accept_tokens": wide}, r"accept_tokens: expected shape \(4, 3\), got \(4, 6\)"),
        pytest.param(good | {"accept_tokens": wide[:, ::2]}, "accept_tokens: expected C-contiguous"),
        pytest.param(good | {"prompt_lens": good["prompt_lens"][:3]}, r"prompt_lens: expected shape \(4,\)"),
        pytest.param(good | {"seq_lens_decoder": [0] * 4}, "seq_lens_decoder: expected NumPy"),
        pytest.param(good | {"batch_size": 5}, r"batch_size: expected 0\.\.4, got 5"),
        pytest.param(good | {"batch_size": -1}, r"batch_size: expected 0\.\.4, got -1"),
    ]


@pytest.mark.parametrize(("arguments", "message"), bad_arguments())
def test_bad_arguments_are_named_and_nothing_is_launched(
    arguments: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    launched: list[object] = []
    packer = SaveOutput(4, 3)
    monkeypatch.setattr(save_output_kernel.pack_save_output, "launch", lambda *_: launched.append(1))
    with pytest.raises(ArgumentError, match=message):
        packer.launch(**{"batch_size": 4, **arguments})
    assert not launched
    with pytest.raises(OutputError, match="expected a launched step"):
        packer.read()


@pytest.mark.parametrize(
    ("rows", "width", "message_id", "message"),
    [
        (257, 6, 1, "rows: expected 0..256, got 257"),
        (-1, 6, 1, "rows: expected 0..256, got -1"),
        (4, 7, 1, "width: expected 1..6 tokens a slot, got 7"),
        (4, 0, 1, "width: expected 1..6 tokens a slot, got 0"),
        (4, 6, 2, "2 is reserved"),
        (4, 6, -1, "message_id: expected 1"),
    ],
)
def test_limits_are_enforced_at_the_entry(rows: int, width: int, message_id: int, message: str) -> None:
    with pytest.raises(OutputError, match=message):
        SaveOutput(rows, width, message_id=message_id)
