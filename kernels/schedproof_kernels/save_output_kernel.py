"""The save-output kernel: a thread writes whole words of the message, each word of it written by one thread.

What the reference refuses cannot be refused here, so such a slot carries a negative count in its place, which no
reader accepts: the host names it before anything is sent.
"""

from __future__ import annotations

from numba import cuda

from schedproof.output.message_layout import HEADER_WORDS, MAX_DRAFT_TOKENS, MESSAGE_WORDS
from schedproof.output.save_output import BATCH_WORD, ID_WORD, INT32_MAX, INT32_MIN, TOKENS_BEGIN, live_count
from schedproof_kernels.jit import kernel
from schedproof_kernels.words import Integers

THREADS = 256

CONTROL_ID = 0
CONTROL_BATCH = 1
CONTROL_SKIP_PREFILL = 2
CONTROL_WORDS = 3
"""int32 control words read on the device, so that a captured graph replays with new ones."""

REFUSED_COUNT = -1
"""In place of a slot's count: it was outside 0..width."""

REFUSED_TOKEN = -2
"""In place of a slot's count: an accepted token id was no int32."""


def fits_int32(value: int) -> bool:
    """Whether a token id can be carried."""
    return INT32_MIN <= value <= INT32_MAX


def carried(value: int) -> int:
    """A value as a word carries it: 0 where it does not fit, and the slot's count then says so."""
    return value if fits_int32(value) else 0


def slot_count(
    slot: int,
    width: int,
    skip_prefill: int,
    accept_num: Integers,
    seq_lens_decoder: Integers,
    prompt_lens: Integers,
) -> int:
    """A live slot's count, or REFUSED_COUNT."""
    count = live_count(accept_num[slot], skip_prefill != 0, seq_lens_decoder[slot], prompt_lens[slot])
    if count < 0 or count > width:
        return REFUSED_COUNT
    return count


def reported_count(slot: int, count: int, accept_tokens: Integers) -> int:
    """The count as the message carries it: REFUSED_TOKEN where an accepted id does not fit."""
    misfits = 0
    for position in range(MAX_DRAFT_TOKENS):
        if position < count and not fits_int32(accept_tokens[slot, position]):
            misfits += 1
    return REFUSED_TOKEN if misfits else count


def message_word(
    word: int,
    batch: int,
    width: int,
    accept_tokens: Integers,
    accept_num: Integers,
    seq_lens_decoder: Integers,
    prompt_lens: Integers,
    control: Integers,
) -> int:
    """The value of one word of the message.

    Assumes 0 <= word < MESSAGE_WORDS, 0 <= batch <= rows of every input, 1 <= width <= MAX_DRAFT_TOKENS.
    """
    if word == ID_WORD:
        return control[CONTROL_ID]
    if word == BATCH_WORD:
        return batch
    if word < TOKENS_BEGIN:
        slot = word - HEADER_WORDS
        if slot >= batch:
            return 0
        count = slot_count(slot, width, control[CONTROL_SKIP_PREFILL], accept_num, seq_lens_decoder, prompt_lens)
        return reported_count(slot, count, accept_tokens)
    slot = (word - TOKENS_BEGIN) // MAX_DRAFT_TOKENS
    position = (word - TOKENS_BEGIN) % MAX_DRAFT_TOKENS
    if slot >= batch:
        return 0
    count = slot_count(slot, width, control[CONTROL_SKIP_PREFILL], accept_num, seq_lens_decoder, prompt_lens)
    if position >= count:
        return 0
    return carried(accept_tokens[slot, position])


def live_batch(batch: int, rows: int) -> int:
    """The batch as the device may use it: what control says, kept inside the inputs' rows."""
    return min(max(batch, 0), rows)


def pack_words(
    thread: int,
    threads: int,
    rows: int,
    width: int,
    accept_tokens: Integers,
    accept_num: Integers,
    seq_lens_decoder: Integers,
    prompt_lens: Integers,
    control: Integers,
    message: Integers,
) -> None:
    """Every ``threads``-th word of the message from ``thread`` on."""
    batch = live_batch(control[CONTROL_BATCH], rows)
    for word in range(thread, MESSAGE_WORDS, threads):
        message[word] = message_word(
            word, batch, width, accept_tokens, accept_num, seq_lens_decoder, prompt_lens, control
        )


@kernel(THREADS)
def pack_save_output(
    accept_tokens: Integers,
    accept_num: Integers,
    seq_lens_decoder: Integers,
    prompt_lens: Integers,
    control: Integers,
    message: Integers,
) -> None:
    """int64[rows, width], int32[rows], int32[rows], int64[rows], int32[3] -> int32[MESSAGE_WORDS]."""
    pack_words(
        cuda.grid(1),
        cuda.gridsize(1),
        accept_tokens.shape[0],
        accept_tokens.shape[1],
        accept_tokens,
        accept_num,
        seq_lens_decoder,
        prompt_lens,
        control,
        message,
    )
