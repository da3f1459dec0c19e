"""One step's accepted tokens with their top-k logprobs: the fixed message, the compact one, and their readers.

Every word that no accepted token wrote is 0, so nothing of an earlier step can be read; columns past the tensor's
own width hold -1 and 0.0. Source: FastDeploy ``speculate_save_output_with_topk.cc``; what it does differently is
kept in :mod:`schedproof.output.before_7172`. The form of PR 7884 is in :mod:`schedproof.output.topk_columns`.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from schedproof.arguments import in_range, is_whole, shown
from schedproof.output.message_layout import MAX_DRAFT_TOKENS
from schedproof.output.save_output import (
    OutputError,
    check_array,
    check_message_id,
    check_width,
    signed_id,
)
from schedproof.output.topk_layout import (
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
    compact_row_begin,
)
from schedproof.output.topk_rows import (
    TopkRow,
    check_slot_rows,
    read_compact_row,
    read_slot_rows,
    write_compact_row,
    write_slot_rows,
)


@dataclass(frozen=True, slots=True)
class TopkOutput:
    """What sampling left behind for one step, with logprobs.

    ``ids`` int64[batch, width, columns] token ids, column 0 the sampled one; ``scores`` float32 of the same shape,
    log probabilities; ``ranks`` int64[batch, width] rank of the sampled token in the vocabulary; ``accept_num``
    int32[batch]. ``columns`` is ``max_num_logprobs + 1``, 1..21; ``kind`` says whose tokens they are, 3 the target
    model's or 4 the drafts'. The form that states its columns carries more than 21.
    """

    ids: NDArray[np.int64]
    scores: NDArray[np.float32]
    ranks: NDArray[np.int64]
    accept_num: NDArray[np.int32]
    kind: int = KIND_TARGET
    not_need_stop: bool = True


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


def check_columns(columns: int, name: str = "ids", *, most: int = MAX_TOPK_COLUMNS) -> None:
    """Refuse a tensor with no sampled token, or more alternatives than a row holds. Raises OutputError."""
    if not in_range(columns, 1, most):
        raise OutputError(f"{name}: expected 1..{most} columns, got {shown(columns)}")


def check_topk_batch(batch: int, name: str = "batch size") -> None:
    """Refuse a batch that a message cannot hold. Raises OutputError."""
    if not in_range(batch, 0, MAX_TOPK_SEQS):
        raise OutputError(f"{name}: expected 0..{MAX_TOPK_SEQS}, got {shown(batch)}")


def check_topk_step(step: TopkOutput, most_columns: int = MAX_TOPK_COLUMNS) -> None:
    """Refuse a step whose arrays disagree with each other or with the message. Raises OutputError."""
    check_array("ids", step.ids, np.int64, (None, None, None))
    batch, width, columns = step.ids.shape
    check_width(width, "ids")
    check_columns(columns, most=most_columns)
    check_topk_batch(batch)
    check_kind(step.kind)
    check_array("scores", step.scores, np.float32, (batch, width, columns))
    check_array("ranks", step.ranks, np.int64, (batch, width))
    check_array("accept_num", step.accept_num, np.int32, (batch,))


def accepted_rows(step: TopkOutput, most_columns: int = MAX_TOPK_COLUMNS) -> tuple[tuple[TopkRow, ...], ...]:
    """The accepted rows of every slot, in order, after every check of the step. Raises OutputError."""
    check_topk_step(step, most_columns)
    slots = []
    bits = np.ascontiguousarray(step.scores).view(np.int32)
    for slot, count in enumerate(step.accept_num.tolist()):
        values = zip(step.ids[slot].tolist(), bits[slot].tolist(), step.ranks[slot].tolist(), strict=True)
        rows = tuple(TopkRow(tuple(ids), tuple(scores), rank) for ids, scores, rank in values)
        check_slot_rows(slot, count, rows)
        slots.append(rows[:count])
    return tuple(slots)


def fixed_message(step: UnpackedTopk) -> list[int]:
    """The fixed form of what was accepted."""
    message = [0] * TOPK_MESSAGE_WORDS
    message[FLAG_WORD] = signed_id(step.message_id, step.not_need_stop)
    message[KIND_WORD] = step.kind
    message[BATCH_WORD] = len(step.rows)
    for slot, rows in enumerate(step.rows):
        write_slot_rows(message, slot, rows)
    return message


def pack_topk(step: TopkOutput, message_id: int = 1) -> NDArray[np.int32]:
    """The fixed int32[TOPK_MESSAGE_WORDS] message of a step.

    Raises OutputError, before anything is written, for a bad id, kind, array, batch, count, token id or rank.
    """
    check_message_id(message_id)
    accepted = UnpackedTopk(message_id, step.not_need_stop, step.kind, accepted_rows(step))
    return np.array(fixed_message(accepted), dtype=np.int32)


def pack_topk_compact(step: TopkOutput, message_id: int = 1) -> NDArray[np.int32]:
    """The compact message of a step: flag, kind, batch, columns, one count a slot, then the accepted rows alone.

    Length ``4 + batch + accepted * (2 * columns + 1)`` words. Raises OutputError as :func:`pack_topk`.
    """
    check_message_id(message_id)
    slots = accepted_rows(step)
    batch, columns = len(slots), step.ids.shape[2]
    rows = [row for accepted in slots for row in accepted]
    message = [0] * compact_row_begin(batch, columns, len(rows))
    message[FLAG_WORD] = signed_id(message_id, step.not_need_stop)
    message[KIND_WORD] = step.kind
    message[BATCH_WORD] = batch
    message[COMPACT_COLUMNS_WORD] = columns
    for slot, accepted in enumerate(slots):
        message[COMPACT_COUNTS_BEGIN + slot] = len(accepted)
    for index, row in enumerate(rows):
        write_compact_row(message, compact_row_begin(batch, columns, index), row)
    return np.array(message, dtype=np.int32)


def read_header(words: list[int], counts_begin: int, kind: int) -> tuple[UnpackedTopk, list[int]]:
    """The header of any form, still without rows, and the counts, checked. Raises OutputError."""
    message_id = abs(words[FLAG_WORD])
    check_message_id(message_id)
    check_kind(kind)
    batch = words[BATCH_WORD]
    check_topk_batch(batch)
    if len(words) < counts_begin + batch:
        raise OutputError(f"message: expected at least {counts_begin + batch} words, got {len(words)}")
    counts = words[counts_begin : counts_begin + batch]
    for slot, count in enumerate(counts):
        if not 0 <= count <= MAX_DRAFT_TOKENS:
            raise OutputError(f"count of slot {slot}: expected 0..{MAX_DRAFT_TOKENS}, got {count}")
    return UnpackedTopk(message_id, words[FLAG_WORD] > 0, kind, ()), counts


def unpack_topk(message: NDArray[np.int32]) -> UnpackedTopk:
    """What was accepted, read back from the fixed form; rows have all MAX_TOPK_COLUMNS columns.

    Raises OutputError for a bad header or count, or a word that is not 0 where nothing was accepted.
    """
    check_array("message", message, np.int32, (TOPK_MESSAGE_WORDS,))
    words = message.tolist()
    header, counts = read_header(words, COUNTS_BEGIN, words[KIND_WORD])
    unpacked = replace(header, rows=tuple(read_slot_rows(words, slot) for slot in range(len(counts))))
    expected = fixed_message(unpacked)
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
    header, counts = read_header(words, COMPACT_COUNTS_BEGIN, words[KIND_WORD])
    columns = words[COMPACT_COLUMNS_WORD]
    check_columns(columns)
    batch = len(counts)
    length = compact_row_begin(batch, columns, sum(counts))
    if len(words) != length:
        raise OutputError(f"message: expected {length} words for these counts, got {len(words)}")
    begins = [compact_row_begin(batch, columns, row) for row in range(sum(counts))]
    rows = iter([read_compact_row(words, begin, columns) for begin in begins])
    return replace(header, rows=tuple(tuple(itertools.islice(rows, count)) for count in counts))
