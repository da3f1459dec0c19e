"""An accepted token with its logprobs as both forms of the top-k message carry it, and a slot of the fixed form.

A row is written into words that are 0, and every word that no row is written into stays 0.
"""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence
from dataclasses import dataclass

from schedproof.output.message_layout import MAX_DRAFT_TOKENS
from schedproof.output.save_output import INT32_MAX, INT32_MIN, OutputError
from schedproof.output.topk_layout import (
    MAX_TOPK_COLUMNS,
    UNUSED_ID,
    compact_row_words,
    id_word,
    rank_word,
    score_word,
    topk_count_word,
)


@dataclass(frozen=True, slots=True)
class TopkRow:
    """One accepted token: ``ids[0]`` was sampled, ``score_bits`` are its float32 scores as int32 bits."""

    ids: tuple[int, ...]
    score_bits: tuple[int, ...]
    rank: int


def check_row(slot: int, position: int, row: TopkRow) -> None:
    """Refuse a row with an id or rank that no word can carry. Raises OutputError."""
    for value in (*row.ids, row.rank):
        if not INT32_MIN <= value <= INT32_MAX:
            raise OutputError(f"slot {slot}, position {position}: expected int32 ids and rank, got {value}")


def padded(row: TopkRow) -> TopkRow:
    """A row widened to the fixed form's columns."""
    missing = MAX_TOPK_COLUMNS - len(row.ids)
    return TopkRow(row.ids + (UNUSED_ID,) * missing, row.score_bits + (0,) * missing, row.rank)


def write_row(message: MutableSequence[int], slot: int, position: int, row: TopkRow) -> None:
    """Put one row into the fixed form."""
    wide = padded(row)
    for column in range(MAX_TOPK_COLUMNS):
        message[id_word(slot, position, column)] = wide.ids[column]
        message[score_word(slot, position, column)] = wide.score_bits[column]
    message[rank_word(slot, position)] = wide.rank


def read_row(message: Sequence[int], slot: int, position: int) -> TopkRow:
    """Take one row, with all of the fixed form's columns, out of it."""
    return TopkRow(
        tuple(message[id_word(slot, position, column)] for column in range(MAX_TOPK_COLUMNS)),
        tuple(message[score_word(slot, position, column)] for column in range(MAX_TOPK_COLUMNS)),
        message[rank_word(slot, position)],
    )


def write_slot_rows(message: MutableSequence[int], slot: int, accepted: Sequence[TopkRow]) -> None:
    """Put a slot's accepted rows, and how many they are, into the fixed form."""
    message[topk_count_word(slot)] = len(accepted)
    for position, row in enumerate(accepted):
        write_row(message, slot, position, row)


def read_slot_rows(message: Sequence[int], slot: int) -> tuple[TopkRow, ...]:
    """Take a slot's accepted rows out of the fixed form."""
    count = message[topk_count_word(slot)]
    return tuple(read_row(message, slot, position) for position in range(MAX_DRAFT_TOKENS) if position < count)


def check_slot_rows(slot: int, count: int, rows: Sequence[TopkRow]) -> None:
    """Refuse a count outside a slot's rows, or an accepted row that cannot be carried. Raises OutputError."""
    if not 0 <= count <= len(rows):
        raise OutputError(f"accept_num[{slot}]: expected 0..{len(rows)}, got {count}")
    for position in range(len(rows)):
        if position < count:
            check_row(slot, position, rows[position])


def write_compact_row(message: MutableSequence[int], begin: int, row: TopkRow) -> None:
    """Put one row into the compact form, from a word on."""
    columns = len(row.ids)
    for column in range(columns):
        message[begin + column] = row.ids[column]
        message[begin + columns + column] = row.score_bits[column]
    message[begin + compact_row_words(columns) - 1] = row.rank


def read_compact_row(message: Sequence[int], begin: int, columns: int) -> TopkRow:
    """Take one row, with the sender's own columns, out of the compact form."""
    return TopkRow(
        tuple(message[begin + column] for column in range(columns)),
        tuple(message[begin + columns + column] for column in range(columns)),
        message[begin + compact_row_words(columns) - 1],
    )
