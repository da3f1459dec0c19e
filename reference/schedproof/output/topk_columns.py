"""One step's accepted tokens with their top-k logprobs in the message that states its own columns, and its reader.

Every word that no accepted token wrote is 0; the reader takes out rows with the sender's own columns. What
FastDeploy does differently since PR 7884 is kept in :mod:`schedproof.output.topk_after_7884`.
"""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from schedproof.output.message_layout import MAX_DRAFT_TOKENS
from schedproof.output.save_output import OutputError, check_array, check_message_id, signed_id
from schedproof.output.save_output_topk import (
    TopkOutput,
    UnpackedTopk,
    accepted_rows,
    check_columns,
    check_kind,
    check_topk_batch,
    read_header,
)
from schedproof.output.topk_columns_layout import (
    KIND_AND_COLUMNS_WORD,
    MAX_MESSAGE_COLUMNS,
    columns_id_word,
    columns_in,
    columns_message_bytes,
    columns_message_words,
    columns_rank_word,
    columns_score_word,
    kind_and_columns,
    kind_in,
)
from schedproof.output.topk_layout import BATCH_WORD, COUNTS_BEGIN, FLAG_WORD, topk_count_word
from schedproof.output.topk_rows import TopkRow


def check_message_columns(columns: int, name: str = "ids") -> None:
    """Refuse a tensor with no sampled token, or more columns than word 1 can hold. Raises OutputError."""
    check_columns(columns, name, most=MAX_MESSAGE_COLUMNS)


def checked_kind_and_columns(kind: int, columns: int) -> int:
    """Word 1 of a message. Raises OutputError for a kind or a number of columns that it cannot hold."""
    check_kind(kind)
    check_message_columns(columns)
    return kind_and_columns(kind, columns)


def check_queue_holds(columns: int, batch: int, limit_bytes: int) -> None:
    """Refuse sizes whose message no queue of this limit holds, see ``output_queue.message_limit``.

    Ask before serving: FastDeploy finds out from ``msgsnd``, and prints "full msg buffer". Raises OutputError.
    """
    check_message_columns(columns, "columns")
    check_topk_batch(batch)
    size = columns_message_bytes(columns, batch)
    if size > limit_bytes:
        raise OutputError(
            f"{columns} columns, {batch} slots: expected a message of at most {limit_bytes} bytes, got {size}; "
            "raise kernel.msgmax and kernel.msgmnb"
        )


def write_column(
    message: MutableSequence[int], columns: int, slot: int, position: int, column: int, token: int, score_bits: int
) -> None:
    """Put one column of a row into the message."""
    message[columns_id_word(columns, slot, position, column)] = token
    message[columns_score_word(columns, slot, position, column)] = score_bits


def read_column(message: Sequence[int], columns: int, slot: int, position: int, column: int) -> tuple[int, int]:
    """Take one column of a row out of the message: a token id and its score's bits."""
    return (
        message[columns_id_word(columns, slot, position, column)],
        message[columns_score_word(columns, slot, position, column)],
    )


def write_columns_row(message: MutableSequence[int], slot: int, position: int, row: TopkRow) -> None:
    """Put one row, which has as many columns as the message states, into it."""
    columns = len(row.ids)
    for column in range(columns):
        write_column(message, columns, slot, position, column, row.ids[column], row.score_bits[column])
    message[columns_rank_word(columns, slot, position)] = row.rank


def read_columns_row(message: Sequence[int], columns: int, slot: int, position: int) -> TopkRow:
    """Take one row out of a message of so many columns."""
    pairs = [read_column(message, columns, slot, position, column) for column in range(columns)]
    rank = message[columns_rank_word(columns, slot, position)]
    return TopkRow(tuple(token for token, _ in pairs), tuple(bits for _, bits in pairs), rank)


def write_columns_slot(message: MutableSequence[int], slot: int, accepted: Sequence[TopkRow]) -> None:
    """Put a slot's accepted rows, and how many they are, into the message."""
    message[topk_count_word(slot)] = len(accepted)
    for position, row in enumerate(accepted):
        write_columns_row(message, slot, position, row)


def read_columns_slot(message: Sequence[int], columns: int, slot: int) -> tuple[TopkRow, ...]:
    """Take a slot's accepted rows out of a message of so many columns."""
    count = message[topk_count_word(slot)]
    positions = [position for position in range(MAX_DRAFT_TOKENS) if position < count]
    return tuple(read_columns_row(message, columns, slot, position) for position in positions)


def columns_message(step: UnpackedTopk, columns: int) -> list[int]:
    """The message of what was accepted. Raises OutputError for a kind or columns that word 1 cannot hold."""
    message = [0] * columns_message_words(columns, len(step.rows))
    message[FLAG_WORD] = signed_id(step.message_id, step.not_need_stop)
    message[KIND_AND_COLUMNS_WORD] = checked_kind_and_columns(step.kind, columns)
    message[BATCH_WORD] = len(step.rows)
    for slot, rows in enumerate(step.rows):
        write_columns_slot(message, slot, rows)
    return message


def pack_topk_columns(step: TopkOutput, message_id: int = 1) -> NDArray[np.int32]:
    """The message of a step, with as many columns as its tensors have, 1..MAX_MESSAGE_COLUMNS.

    Raises OutputError, before anything is written, for a bad id, kind, array, batch, count, token id or rank.
    """
    check_message_id(message_id)
    rows = accepted_rows(step, MAX_MESSAGE_COLUMNS)
    accepted = UnpackedTopk(message_id, step.not_need_stop, step.kind, rows)
    return np.array(columns_message(accepted, step.ids.shape[2]), dtype=np.int32)


def unpack_topk_columns(message: NDArray[np.int32]) -> UnpackedTopk:
    """What was accepted, read back; rows have the columns that the message states.

    Raises OutputError for a bad header or count, a length other than the header implies, or a word that is not 0
    where nothing was accepted.
    """
    check_array("message", message, np.int32, (None,))
    if message.size < COUNTS_BEGIN:
        raise OutputError(f"message: expected {COUNTS_BEGIN} or more words, got {message.size}")
    words = message.tolist()
    columns = columns_in(words[KIND_AND_COLUMNS_WORD])
    check_message_columns(columns, "message")
    header, counts = read_header(words, COUNTS_BEGIN, kind_in(words[KIND_AND_COLUMNS_WORD]))
    length = columns_message_words(columns, len(counts))
    if len(words) != length:
        raise OutputError(f"message: expected {length} words for this header, got {len(words)}")
    unpacked = replace(header, rows=tuple(read_columns_slot(words, columns, slot) for slot in range(len(counts))))
    expected = columns_message(unpacked, columns)
    if words != expected:
        word = next(index for index in range(length) if words[index] != expected[index])
        raise OutputError(f"message word {word}: expected 0 beyond what was accepted, got {words[word]}")
    return unpacked
