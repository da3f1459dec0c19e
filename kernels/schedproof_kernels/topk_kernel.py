"""The top-k message kernels: the fixed form, a thread for whole words; the compact form, a block for each slot.

Scores travel as their int32 bits, so both kernels move integers only. As in the plain message, a slot that the
reference refuses carries a negative count, which no reader accepts.
"""

from __future__ import annotations

from numba import cuda

from schedproof.output.message_layout import MAX_DRAFT_TOKENS
from schedproof.output.topk_layout import (
    BATCH_WORD,
    COMPACT_COLUMNS_WORD,
    COMPACT_COUNTS_BEGIN,
    COUNTS_BEGIN,
    FLAG_WORD,
    KIND_WORD,
    MAX_TOPK_COLUMNS,
    ROW_SPAN,
    SLOT_WORDS,
    SLOTS_BEGIN,
    TOPK_MESSAGE_WORDS,
    UNUSED_ID,
    compact_row_begin,
    compact_row_words,
)
from schedproof_kernels.jit import kernel
from schedproof_kernels.save_output_kernel import REFUSED_COUNT, REFUSED_TOKEN, carried, fits_int32, live_batch
from schedproof_kernels.words import Integers

THREADS = 256
COMPACT_THREADS = 128

CONTROL_ID = 0
CONTROL_BATCH = 1
CONTROL_KIND = 2
CONTROL_WORDS = 3


def topk_count(slot: int, width: int, accept_num: Integers) -> int:
    """A live slot's count, or REFUSED_COUNT."""
    count = accept_num[slot]
    if count < 0 or count > width:
        return REFUSED_COUNT
    return count


def row_misfits(slot: int, position: int, columns: int, ids: Integers, ranks: Integers) -> int:
    """Values of an accepted row that no word can carry."""
    misfits = 0 if fits_int32(ranks[slot, position]) else 1
    for column in range(MAX_TOPK_COLUMNS):
        if column < columns and not fits_int32(ids[slot, position, column]):
            misfits += 1
    return misfits


def reported_topk_count(slot: int, count: int, columns: int, ids: Integers, ranks: Integers) -> int:
    """The count as the message carries it: REFUSED_TOKEN where an accepted id or rank does not fit."""
    misfits = 0
    for position in range(MAX_DRAFT_TOKENS):
        if position < count:
            misfits += row_misfits(slot, position, columns, ids, ranks)
    return REFUSED_TOKEN if misfits else count


def slot_value(
    slot: int, inner: int, count: int, columns: int, ids: Integers, score_bits: Integers, ranks: Integers
) -> int:
    """The value of word ``inner`` of a live slot, 0 <= inner < SLOT_WORDS."""
    if inner >= 2 * ROW_SPAN:
        position = inner - 2 * ROW_SPAN
        return carried(ranks[slot, position]) if position < count else 0
    position = (inner % ROW_SPAN) // MAX_TOPK_COLUMNS
    column = (inner % ROW_SPAN) % MAX_TOPK_COLUMNS
    if position >= count:
        return 0
    if inner < ROW_SPAN:
        return carried(ids[slot, position, column]) if column < columns else UNUSED_ID
    return score_bits[slot, position, column] if column < columns else 0


def topk_word(
    word: int,
    batch: int,
    width: int,
    columns: int,
    ids: Integers,
    score_bits: Integers,
    ranks: Integers,
    accept_num: Integers,
    control: Integers,
) -> int:
    """The value of one word of the fixed form.

    Assumes 0 <= word < TOPK_MESSAGE_WORDS, 0 <= batch <= rows of every input, 1 <= width <= MAX_DRAFT_TOKENS,
    1 <= columns <= MAX_TOPK_COLUMNS.
    """
    if word == FLAG_WORD:
        return control[CONTROL_ID]
    if word == KIND_WORD:
        return control[CONTROL_KIND]
    if word == BATCH_WORD:
        return batch
    if word < SLOTS_BEGIN:
        slot = word - COUNTS_BEGIN
        if slot >= batch:
            return 0
        return reported_topk_count(slot, topk_count(slot, width, accept_num), columns, ids, ranks)
    slot = (word - SLOTS_BEGIN) // SLOT_WORDS
    if slot >= batch:
        return 0
    count = topk_count(slot, width, accept_num)
    return slot_value(slot, (word - SLOTS_BEGIN) % SLOT_WORDS, count, columns, ids, score_bits, ranks)


def pack_topk_words(
    thread: int,
    threads: int,
    rows: int,
    width: int,
    columns: int,
    ids: Integers,
    score_bits: Integers,
    ranks: Integers,
    accept_num: Integers,
    control: Integers,
    message: Integers,
) -> None:
    """Every ``threads``-th word of the fixed form from ``thread`` on."""
    batch = live_batch(control[CONTROL_BATCH], rows)
    for word in range(thread, TOPK_MESSAGE_WORDS, threads):
        message[word] = topk_word(word, batch, width, columns, ids, score_bits, ranks, accept_num, control)


def rows_before(slot: int, width: int, accept_num: Integers) -> int:
    """Accepted rows of all earlier slots."""
    rows = 0
    for earlier in range(slot):
        rows += max(topk_count(earlier, width, accept_num), 0)
    return rows


def compact_value(
    slot: int, position: int, inner: int, columns: int, ids: Integers, score_bits: Integers, ranks: Integers
) -> int:
    """The value of word ``inner`` of an accepted row, 0 <= inner < 2 * columns + 1."""
    if inner < columns:
        return carried(ids[slot, position, inner])
    if inner < 2 * columns:
        return score_bits[slot, position, inner - columns]
    return carried(ranks[slot, position])


def pack_compact_header(thread: int, batch: int, columns: int, control: Integers, message: Integers) -> None:
    """The four words before the counts, by one thread."""
    if thread == 0:
        message[FLAG_WORD] = control[CONTROL_ID]
        message[KIND_WORD] = control[CONTROL_KIND]
        message[BATCH_WORD] = batch
        message[COMPACT_COLUMNS_WORD] = columns


def pack_compact_slot(
    slot: int,
    thread: int,
    threads: int,
    batch: int,
    width: int,
    columns: int,
    ids: Integers,
    score_bits: Integers,
    ranks: Integers,
    accept_num: Integers,
    message: Integers,
) -> None:
    """One live slot's count, by its first thread, and every ``threads``-th word of its rows."""
    count = topk_count(slot, width, accept_num)
    if thread == 0:
        message[COMPACT_COUNTS_BEGIN + slot] = reported_topk_count(slot, count, columns, ids, ranks)
    begin = compact_row_begin(batch, columns, rows_before(slot, width, accept_num))
    row_words = compact_row_words(columns)
    for word in range(thread, max(count, 0) * row_words, threads):
        message[begin + word] = compact_value(
            slot, word // row_words, word % row_words, columns, ids, score_bits, ranks
        )


@kernel(THREADS)
def pack_topk_fixed(
    ids: Integers, score_bits: Integers, ranks: Integers, accept_num: Integers, control: Integers, message: Integers
) -> None:
    """int64[rows, width, columns], int32[same], int64[rows, width], int32[rows], int32[3] -> int32[words]."""
    pack_topk_words(
        cuda.grid(1),
        cuda.gridsize(1),
        ids.shape[0],
        ids.shape[1],
        ids.shape[2],
        ids,
        score_bits,
        ranks,
        accept_num,
        control,
        message,
    )


@kernel(COMPACT_THREADS)
def pack_topk_compact(
    ids: Integers, score_bits: Integers, ranks: Integers, accept_num: Integers, control: Integers, message: Integers
) -> None:
    """As the fixed form, into int32[4 + rows + rows * width * (2 * columns + 1)]. Grid (max(rows, 1))."""
    slot = cuda.blockIdx.x
    thread = cuda.threadIdx.x
    batch = live_batch(control[CONTROL_BATCH], ids.shape[0])
    if slot == 0:
        pack_compact_header(thread, batch, ids.shape[2], control, message)
    if slot < batch:
        pack_compact_slot(
            slot,
            thread,
            cuda.blockDim.x,
            batch,
            ids.shape[1],
            ids.shape[2],
            ids,
            score_bits,
            ranks,
            accept_num,
            message,
        )
