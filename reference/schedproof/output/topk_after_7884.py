"""FastDeploy's top-k message since PR 7884 (develop: 7883), as published: what its senders write, its reader takes.

The PR put the number of columns above the kind in word 1, writes and reads that many columns only, and takes it
from the requests, where it was 21 for every step of a request with logprobs. The buffer stayed as it was: rows 21
columns apart, never cleared, counts not bounded by 6, and now columns not bounded by 21 either.

Source: the text of PR 7884 and 7883; at f7a1c676 of develop, ``mtp_save_first_token_with_topk.cc``,
``speculate_get_output_with_topk.cc`` and ``token_processor.py``.

Open:
    The sender of every other step, ``speculate_save_output_with_topk.cc``, could not be read at that commit. The
    text says that it changed as the sender of the first token did, so it is taken to be the same.
    Whether more than 21 columns get as far as the senders, which bound nothing themselves: before the PR,
    ``args_utils.py`` lowered ``max_logprobs`` to 20 at startup for messages of a SysV queue.
    A preempted slot's count of -9 is left out.
"""

from __future__ import annotations

from collections.abc import Sequence

from schedproof.output.save_output import signed_id
from schedproof.output.topk_columns_layout import KIND_AND_COLUMNS_WORD, columns_in, kind_and_columns
from schedproof.output.topk_layout import (
    BATCH_WORD,
    COUNTS_BEGIN,
    FLAG_WORD,
    MAX_TOPK_COLUMNS,
    MAX_TOPK_SEQS,
    ROW_SPAN,
    id_word,
    rank_word,
    score_word,
)
from schedproof.output.topk_rows import TopkRow

FIRST_TOKEN_ROWS = 2
"""Rows of a slot in a first token's message: the token, and one draft."""


def write_header(
    buffer: list[int], columns: int, batch: int, kind: int, not_need_stop: bool, message_id: int
) -> None:
    """Put the first three words into the buffer."""
    buffer[FLAG_WORD] = signed_id(message_id, not_need_stop)
    buffer[KIND_AND_COLUMNS_WORD] = kind_and_columns(kind, columns)
    buffer[BATCH_WORD] = batch


def write_row_over_stale(
    buffer: list[int], slot: int, position: int, ids: Sequence[int], score_bits: Sequence[int], rank: int
) -> None:
    """Put one row into the buffer: as many columns as it has, and nothing beside them."""
    for column, (token, bits) in enumerate(zip(ids, score_bits, strict=True)):
        buffer[id_word(slot, position, column)] = token
        buffer[score_word(slot, position, column)] = bits
    buffer[rank_word(slot, position)] = rank


def pack_columns_over_stale(
    buffer: list[int],
    ids: Sequence[int],
    score_bits: Sequence[int],
    ranks: Sequence[int],
    columns: int,
    accept_num: Sequence[int],
    *,
    kind: int,
    not_need_stop: bool = True,
    message_id: int = 1,
) -> list[int]:
    """``speculate_save_output_with_topk.cc``: writes into one buffer that is never cleared, and returns it.

    ``ids`` and ``score_bits`` are flat, one row of ``columns`` an accepted token; nothing is bounded.

    Raises:
        IndexError: where the original reads or writes past its arrays.
    """
    write_header(buffer, columns, len(accept_num), kind, not_need_stop, message_id)
    row = 0
    for slot, count in enumerate(accept_num):
        buffer[COUNTS_BEGIN + slot] = count
        for position in range(count):
            sources = range(row * columns, (row + 1) * columns)
            tokens, scores = [ids[source] for source in sources], [score_bits[source] for source in sources]
            write_row_over_stale(buffer, slot, position, tokens, scores, ranks[row])
            row += 1
    return buffer


def pack_first_tokens_over_stale(
    buffer: list[int],
    first: Sequence[TopkRow],
    drafts: Sequence[int],
    *,
    kind: int,
    not_need_stop: bool = True,
    message_id: int = 1,
) -> list[int]:
    """``mtp_save_first_token_with_topk.cc``: a slot's first token, and of its draft the id alone, into that buffer.

    The draft's row keeps the scores, the alternatives and the rank of an earlier step. On a prefill node, which it
    is for, ``token_processor.py`` stops at the first token and shows nobody the rest.
    """
    write_header(buffer, len(first[0].ids), len(first), kind, not_need_stop, message_id)
    for slot, (row, draft) in enumerate(zip(first, drafts, strict=True)):
        buffer[COUNTS_BEGIN + slot] = FIRST_TOKEN_ROWS
        write_row_over_stale(buffer, slot, 0, row.ids, row.score_bits, row.rank)
        buffer[id_word(slot, 1, 0)] = draft
    return buffer


def read_columns(words: Sequence[int]) -> tuple[tuple[TopkRow, ...], ...]:
    """``speculate_get_output_with_topk.cc`` and the slices of ``token_processor.py``: every slot's rows.

    The first copies what the message states into tensors with 21 columns for each of 6 positions; the second takes
    no more than these.

    Raises:
        IndexError: where the original reads or writes past its arrays.
    """
    columns, batch = columns_in(words[KIND_AND_COLUMNS_WORD]), words[BATCH_WORD]
    counts = words[COUNTS_BEGIN : COUNTS_BEGIN + batch]
    ids, scores = [0] * (MAX_TOPK_SEQS * ROW_SPAN), [0] * (MAX_TOPK_SEQS * ROW_SPAN)
    for slot, count in enumerate(counts):
        for position in range(count):
            for column in range(columns):
                place = slot * ROW_SPAN + position * MAX_TOPK_COLUMNS + column
                ids[place] = words[id_word(slot, position, column)]
                scores[place] = words[score_word(slot, position, column)]
    return tuple(slot_rows(words, ids, scores, columns, slot, count) for slot, count in enumerate(counts))


def slot_rows(
    words: Sequence[int], ids: Sequence[int], scores: Sequence[int], columns: int, slot: int, count: int
) -> tuple[TopkRow, ...]:
    """What the slices take of one slot."""
    rows = []
    for position in range(min(count, ROW_SPAN // MAX_TOPK_COLUMNS)):
        begin = slot * ROW_SPAN + position * MAX_TOPK_COLUMNS
        end = begin + min(columns, MAX_TOPK_COLUMNS)
        rows.append(TopkRow(tuple(ids[begin:end]), tuple(scores[begin:end]), words[rank_word(slot, position)]))
    return tuple(rows)
