"""One step's accepted tokens with their top-k logprobs: the fixed message, the compact one, and their readers.

Every word that no accepted token wrote is 0, so nothing of an earlier step can be read; columns past the tensor's
own width hold -1 and 0.0. Source: FastDeploy ``speculate_save_output_with_topk.cc``; what it does differently is
kept in :mod:`schedproof.upstream.save_output_7172`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schedproof.arguments import in_range, is_whole, shown
from schedproof.message_layout import MAX_DRAFT_TOKENS
from schedproof.save_output import (
    INT32_MAX,
    INT32_MIN,
    OutputError,
    check_array,
    check_message_id,
    check_width,
    signed_id,
)
from schedproof.topk_layout import (
    BATCH_WORD,
    COMPACT_COLUMNS_WORD,
    COMPACT_COUNTS_BEGIN,
    COUNTS_BEGIN,
    FLAG_WORD,
    KIND_DRAFT,
    KIND_TARGET,
    KIND_WORD,
    MAX_TOPK_COLUMNS,
    MAX_TOPK_SEQS,
    TOPK_MESSAGE_WORDS,
    UNUSED_ID,
    compact_row_begin,
    compact_row_words,
    id_word,
    rank_word,
    score_word,
)


@dataclass(frozen=True, slots=True)
class TopkOutput:
    """What sampling left behind for one step, with logprobs.

    ``ids`` int64[batch, width, columns] token ids, column 0 the sampled one; ``scores`` float32 of the same shape,
    log probabilities; ``ranks`` int64[batch, width] rank of the sampled token in the vocabulary; ``accept_num``
    int32[batch]. ``columns`` is ``max_num_logprobs + 1``, 1..21; ``kind`` says whose tokens they are, 3 the target
    model's or 4 the drafts'.
    """

    ids: NDArray[np.int64]
    scores: NDArray[np.float32]
    ranks: NDArray[np.int64]
    accept_num: NDArray[np.int32]
    kind: int = KIND_TARGET
    not_need_stop: bool = True


@dataclass(frozen=True, slots=True)
class TopkRow:
    """One accepted token: ``ids[0]`` was sampled, ``score_bits`` are its float32 scores as int32 bits."""

    ids: tuple[int, ...]
    score_bits: tuple[int, ...]
    rank: int


@dataclass(frozen=True, slots=True)
class UnpackedTopk:
    """What a reader takes out of either form: ``rows[slot]`` are the tokens accepted in that slot, in order."""

    message_id: int
    not_need_stop: bool
    kind: int
    rows: tuple[tuple[TopkRow, ...], ...]


def check_kind(kind: int) -> None:
    """Refuse a kind that is neither target nor draft. Raises OutputError."""
    if not (is_whole(kind) and kind in (KIND_TARGET, KIND_DRAFT)):
        raise OutputError(f"kind: expected {KIND_TARGET} (target) or {KIND_DRAFT} (draft), got {shown(kind)}")


def check_columns(columns: int, name: str = "ids") -> None:
    """Refuse a tensor with no sampled token, or more alternatives than a row holds. Raises OutputError."""
    if not in_range(columns, 1, MAX_TOPK_COLUMNS):
        raise OutputError(f"{name}: expected 1..{MAX_TOPK_COLUMNS} columns, got {shown(columns)}")


def check_topk_batch(batch: int, name: str = "batch size") -> None:
    """Refuse a batch that a message cannot hold. Raises OutputError."""
    if not in_range(batch, 0, MAX_TOPK_SEQS):
        raise OutputError(f"{name}: expected 0..{MAX_TOPK_SEQS}, got {shown(batch)}")


def _accepted_rows(step: TopkOutput) -> list[list[TopkRow]]:
    """The accepted rows of every slot, after every check of the step."""
    check_array("ids", step.ids, np.int64, (None, None, None))
    batch, width, columns = step.ids.shape
    check_width(width, "ids")
    check_columns(columns)
    check_topk_batch(batch)
    check_kind(step.kind)
    check_array("scores", step.scores, np.float32, (batch, width, columns))
    check_array("ranks", step.ranks, np.int64, (batch, width))
    check_array("accept_num", step.accept_num, np.int32, (batch,))
    bits = np.ascontiguousarray(step.scores).view(np.int32)
    slots = []
    for slot in range(batch):
        count = int(step.accept_num[slot])
        if not 0 <= count <= width:
            raise OutputError(f"accept_num[{slot}]: expected 0..{width}, got {count}")
        rows = []
        for position in range(count):
            row = TopkRow(
                tuple(step.ids[slot, position].tolist()),
                tuple(bits[slot, position].tolist()),
                int(step.ranks[slot, position]),
            )
            for value in (*row.ids, row.rank):
                if not INT32_MIN <= value <= INT32_MAX:
                    raise OutputError(f"slot {slot}, position {position}: expected int32 ids and rank, got {value}")
            rows.append(row)
        slots.append(rows)
    return slots


def _padded(row: TopkRow) -> TopkRow:
    """A row widened to the fixed form's columns."""
    missing = MAX_TOPK_COLUMNS - len(row.ids)
    return TopkRow(row.ids + (UNUSED_ID,) * missing, row.score_bits + (0,) * missing, row.rank)


def _fixed_message(unpacked: UnpackedTopk) -> list[int]:
    """The fixed form of rows that are already padded."""
    message = [0] * TOPK_MESSAGE_WORDS
    message[FLAG_WORD] = signed_id(unpacked.message_id, unpacked.not_need_stop)
    message[KIND_WORD] = unpacked.kind
    message[BATCH_WORD] = len(unpacked.rows)
    for slot, rows in enumerate(unpacked.rows):
        message[COUNTS_BEGIN + slot] = len(rows)
        for position, row in enumerate(rows):
            for column in range(MAX_TOPK_COLUMNS):
                message[id_word(slot, position, column)] = row.ids[column]
                message[score_word(slot, position, column)] = row.score_bits[column]
            message[rank_word(slot, position)] = row.rank
    return message


def pack_topk(step: TopkOutput, message_id: int = 1) -> NDArray[np.int32]:
    """The fixed int32[TOPK_MESSAGE_WORDS] message of a step.

    Raises OutputError, before anything is written, for a bad id, kind, array, batch, count, token id or rank.
    """
    check_message_id(message_id)
    rows = tuple(tuple(_padded(row) for row in slot) for slot in _accepted_rows(step))
    return np.array(_fixed_message(UnpackedTopk(message_id, step.not_need_stop, step.kind, rows)), dtype=np.int32)


def pack_topk_compact(step: TopkOutput, message_id: int = 1) -> NDArray[np.int32]:
    """The compact message of a step: flag, kind, batch, columns, one count a slot, then the accepted rows alone.

    Length ``4 + batch + accepted * (2 * columns + 1)`` words. Raises OutputError as :func:`pack_topk`.
    """
    check_message_id(message_id)
    slots = _accepted_rows(step)
    words = [signed_id(message_id, step.not_need_stop), step.kind, len(slots), step.ids.shape[2]]
    words += [len(rows) for rows in slots]
    for rows in slots:
        for row in rows:
            words += [*row.ids, *row.score_bits, row.rank]
    return np.array(words, dtype=np.int32)


def _header(words: list[int], counts_begin: int) -> tuple[int, bool, int, list[int]]:
    """Id, stop flag, kind and counts of either form, checked."""
    message_id = abs(words[FLAG_WORD])
    check_message_id(message_id)
    check_kind(words[KIND_WORD])
    batch = words[BATCH_WORD]
    check_topk_batch(batch)
    if len(words) < counts_begin + batch:
        raise OutputError(f"message: expected at least {counts_begin + batch} words, got {len(words)}")
    counts = words[counts_begin : counts_begin + batch]
    for slot, count in enumerate(counts):
        if not 0 <= count <= MAX_DRAFT_TOKENS:
            raise OutputError(f"count of slot {slot}: expected 0..{MAX_DRAFT_TOKENS}, got {count}")
    return message_id, words[FLAG_WORD] > 0, words[KIND_WORD], counts


def unpack_topk(message: NDArray[np.int32]) -> UnpackedTopk:
    """What was accepted, read back from the fixed form; rows have all MAX_TOPK_COLUMNS columns.

    Raises OutputError for a bad header or count, or a word that is not 0 where nothing was accepted.
    """
    check_array("message", message, np.int32, (TOPK_MESSAGE_WORDS,))
    words = message.tolist()
    message_id, not_need_stop, kind, counts = _header(words, COUNTS_BEGIN)
    slots = []
    for slot, count in enumerate(counts):
        rows = []
        for position in range(count):
            ids = id_word(slot, position, 0)
            scores = score_word(slot, position, 0)
            rows.append(
                TopkRow(
                    tuple(words[ids : ids + MAX_TOPK_COLUMNS]),
                    tuple(words[scores : scores + MAX_TOPK_COLUMNS]),
                    words[rank_word(slot, position)],
                )
            )
        slots.append(tuple(rows))
    unpacked = UnpackedTopk(message_id, not_need_stop, kind, tuple(slots))
    expected = _fixed_message(unpacked)
    if words != expected:
        word = next(index for index in range(TOPK_MESSAGE_WORDS) if words[index] != expected[index])
        raise OutputError(f"message word {word}: expected 0 beyond what was accepted, got {words[word]}")
    return unpacked


def unpack_topk_compact(message: NDArray[np.int32]) -> UnpackedTopk:
    """What was accepted, read back from the compact form; rows have the sender's own columns.

    Raises OutputError for a bad header or count, or a length other than the counts imply.
    """
    check_array("message", message, np.int32, (None,))
    if message.size < COMPACT_COUNTS_BEGIN:
        raise OutputError(f"message: expected {COMPACT_COUNTS_BEGIN} or more words, got {message.size}")
    words = message.tolist()
    message_id, not_need_stop, kind, counts = _header(words, COMPACT_COUNTS_BEGIN)
    columns = words[COMPACT_COLUMNS_WORD]
    check_columns(columns)
    batch = len(counts)
    length = compact_row_begin(batch, columns, sum(counts))
    if len(words) != length:
        raise OutputError(f"message: expected {length} words for these counts, got {len(words)}")
    slots = []
    first = 0
    for count in counts:
        rows = []
        for row in range(first, first + count):
            begin = compact_row_begin(batch, columns, row)
            end = begin + compact_row_words(columns)
            rows.append(
                TopkRow(
                    tuple(words[begin : begin + columns]),
                    tuple(words[begin + columns : end - 1]),
                    words[end - 1],
                )
            )
        first += count
        slots.append(tuple(rows))
    return UnpackedTopk(message_id, not_need_stop, kind, tuple(slots))
