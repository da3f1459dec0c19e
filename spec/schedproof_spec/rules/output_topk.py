"""The output family for messages with top-k logprobs: rows come out as they went in, each value in its own word."""

from __future__ import annotations

from dataclasses import dataclass

from schedproof.output.save_output import INT32_MAX, INT32_MIN
from schedproof.output.topk_columns_layout import KIND_SPAN, MAX_MESSAGE_COLUMNS, columns_message_bytes
from schedproof.output.topk_layout import SLOTS_BEGIN, UNUSED_ID
from schedproof.output.topk_rows import TopkRow
from schedproof_spec.work_rule import all_hold

Rows = tuple[TopkRow, ...]


def rows_are_those_sent(taken: Rows | None, sent: Rows) -> bool:
    """The reader accepts the message, and takes out the rows that were sent and no others."""
    return taken == sent


def row_is_faithful(read: TopkRow, row: TopkRow) -> bool:
    """The reader takes out the row; ids and scores past the sender's own columns are -1 and 0.0."""
    used, missing = len(row.ids), len(read.ids) - len(row.ids)
    return all_hold(
        read.rank == row.rank,
        *(got == sent for got, sent in zip(read.ids, (*row.ids, *[UNUSED_ID] * missing), strict=True)),
        *(got == sent for got, sent in zip(read.score_bits[:used], row.score_bits, strict=True)),
        *(got == 0 for got in read.score_bits[used:]),
    )


def row_can_be_carried(row: TopkRow) -> bool:
    """Each id and the rank are int32."""
    return all_hold(*((value >= INT32_MIN) & (value <= INT32_MAX) for value in (*row.ids, row.rank)))


def is_read_by_both(word: int, kind: int, columns: int) -> bool:
    """Word 1 fits; the reader that takes 16 bits of columns and the one that takes all find what was sent."""
    above = word // KIND_SPAN
    return all_hold(
        word <= INT32_MAX,
        word % KIND_SPAN == kind,
        above == columns,
        above % (MAX_MESSAGE_COLUMNS + 1) == columns,
    )


def column_is_faithful(read: tuple[int, int], token: int, score_bits: int) -> bool:
    """The reader takes out the token id and its score."""
    return all_hold(read[0] == token, read[1] == score_bits)


@dataclass(frozen=True, slots=True)
class ValueWords:
    """Where one column of a row lies, with the row's rank, and where the message ends."""

    token: int
    score: int
    rank: int
    end: int


def is_inside(words: ValueWords) -> bool:
    """The values lie behind the counts, and before the end of the message."""
    values = (words.token, words.score, words.rank)
    return all_hold(*((word >= SLOTS_BEGIN) & (word < words.end) for word in values))


def share_no_word(one: ValueWords, other: ValueWords) -> bool:
    """No token or score of the one lies where a value of the other does."""
    return all_hold(
        one.token != other.token,
        one.score != other.score,
        *(one.token != word for word in (one.score, other.score, one.rank, other.rank)),
        *(one.score != word for word in (other.token, one.rank, other.rank)),
    )


def queue_holds(columns: int, batch: int, limit_bytes: int) -> bool:
    """A message of these sizes is no larger than what a queue takes."""
    return columns_message_bytes(columns, batch) <= limit_bytes
