"""The routing kernels: how many tokens go to each expert and rank, and which row each choice gets.

Tokens are cut into chunks. Counting a chunk, summing the chunks before it, and walking it once more gives every
token its slot in a fixed order, by source rank, then token, with no atomic operation and no shared memory.

A *column* is a destination to count: columns below ``experts`` are experts, the ones after are ranks, each the
owner of ``experts_per_rank`` experts that follow one another.
"""

from __future__ import annotations

from numba import cuda

from schedproof.dispatch.dispatch import NO_ROW, admitted, row_of_slot
from schedproof_kernels.jit import kernel
from schedproof_kernels.words import Integers

THREADS = 256

TOKENS_PER_CHUNK = 32

RANGE_COUNT = 0
RANGE_BEGIN = 1
"""The int32 halves of a ``layout_range``, low half first."""


def column_begin(column: int, experts: int, experts_per_rank: int) -> int:
    """First expert of a column."""
    return column if column < experts else (column - experts) * experts_per_rank


def column_end(column: int, experts: int, experts_per_rank: int) -> int:
    """Past the last expert of a column."""
    return column + 1 if column < experts else (column - experts + 1) * experts_per_rank


def chooses(topk_idx: Integers, rank: int, token: int, choices: int, begin: int, end: int) -> bool:
    """Whether a token names an expert of ``begin..end-1``."""
    named = 0
    for choice in range(choices):
        expert = topk_idx[rank, token, choice]
        if begin <= expert < end:
            named += 1
    return named > 0


def chunk_end(chunk: int, tokens: int) -> int:
    """Past the last token of a chunk."""
    return min((chunk + 1) * TOKENS_PER_CHUNK, tokens)


def tokens_choosing(
    topk_idx: Integers, rank: int, first: int, last: int, choices: int, begin: int, end: int
) -> int:
    """Tokens of ``first..last-1`` that name an expert of ``begin..end-1``."""
    count = 0
    for token in range(first, last):
        if chooses(topk_idx, rank, token, choices, begin, end):
            count += 1
    return count


def count_columns(
    rank: int,
    chunk: int,
    thread: int,
    threads: int,
    tokens: int,
    choices: int,
    first_expert: int,
    experts: int,
    experts_per_rank: int,
    columns: int,
    topk_idx: Integers,
    chunk_counts: Integers,
) -> None:
    """One chunk's tokens by column, for every ``threads``-th column from ``thread`` on."""
    first = chunk * TOKENS_PER_CHUNK
    last = chunk_end(chunk, tokens)
    for column in range(thread, columns, threads):
        begin = first_expert + column_begin(column, experts, experts_per_rank)
        end = first_expert + column_end(column, experts, experts_per_rank)
        chunk_counts[rank, chunk, column] = tokens_choosing(topk_idx, rank, first, last, choices, begin, end)


def mark_ranks(
    chunk: int,
    thread: int,
    threads: int,
    tokens: int,
    choices: int,
    ranks: int,
    experts_per_rank: int,
    topk_idx: Integers,
    in_rank: Integers,
) -> None:
    """One chunk's ``is_token_in_rank``, for every ``threads``-th entry from ``thread`` on."""
    first = chunk * TOKENS_PER_CHUNK
    entries = (chunk_end(chunk, tokens) - first) * ranks
    for entry in range(thread, entries, threads):
        token = first + entry // ranks
        rank = entry % ranks
        begin = rank * experts_per_rank
        in_rank[token, rank] = chooses(topk_idx, 0, token, choices, begin, begin + experts_per_rank)


def total(rank: int, chunks: int, column: int, chunk_counts: Integers) -> int:
    """Tokens of a source rank in its first ``chunks`` chunks that go to a column."""
    count = 0
    for chunk in range(chunks):
        count += chunk_counts[rank, chunk, column]
    return count


def sum_columns(
    rank: int, column: int, chunks: int, columns: int, chunk_counts: Integers, totals: Integers
) -> None:
    """One column's tokens of a source rank."""
    if column < columns:
        totals[rank, column] = total(rank, chunks, column, chunk_counts)


def rows_of_ranks(ranks: int, expert: int, capacity: int, totals: Integers) -> int:
    """Rows that the first ``ranks`` source ranks fill in an expert; ``expert`` counts from the first local one."""
    rows = 0
    for rank in range(ranks):
        rows += admitted(totals[rank, expert], capacity)
    return rows


def report_expert(
    expert: int,
    rank: int,
    ranks: int,
    capacity: int,
    totals: Integers,
    recv_count: Integers,
    ranges: Integers,
    dropped: Integers,
) -> None:
    """What a source rank has in an expert; the last rank also writes the expert's count."""
    routed = totals[rank, expert]
    count = admitted(routed, capacity)
    begin = rows_of_ranks(rank, expert, capacity, totals)
    ranges[expert, rank, RANGE_COUNT] = count
    ranges[expert, rank, RANGE_BEGIN] = begin
    dropped[expert, rank] = routed - count
    if rank == ranks - 1:
        recv_count[expert] = begin + count


def place_token(
    expert: int,
    rank: int,
    token: int,
    choices: int,
    first_expert: int,
    row: int,
    rows_per_expert: int,
    topk_idx: Integers,
    source: Integers,
    row_of_choice: Integers,
) -> None:
    """Give one token its row in an expert, or NO_ROW when it is dropped.

    Assumes 0 <= row < rows_per_expert, or NO_ROW.
    """
    if row != NO_ROW:
        source[expert, row] = token
    for choice in range(choices):
        if topk_idx[rank, token, choice] == first_expert + expert:
            row_of_choice[rank, token, choice] = expert * rows_per_expert + row if row != NO_ROW else NO_ROW


def place_expert(
    expert: int,
    rank: int,
    chunk: int,
    tokens: int,
    choices: int,
    first_expert: int,
    rows_per_expert: int,
    capacity: int,
    topk_idx: Integers,
    chunk_counts: Integers,
    totals: Integers,
    source: Integers,
    row_of_choice: Integers,
) -> None:
    """One chunk's tokens that go to an expert, each at its row.

    Assumes that ``chunk_counts`` and ``totals`` count ``topk_idx``; rows then stay below ``ranks * capacity``.
    """
    slot = total(rank, chunk, expert, chunk_counts)
    begin = rows_of_ranks(rank, expert, capacity, totals)
    named = first_expert + expert
    for token in range(chunk * TOKENS_PER_CHUNK, chunk_end(chunk, tokens)):
        if chooses(topk_idx, rank, token, choices, named, named + 1):
            row = row_of_slot(begin, slot, capacity)
            place_token(
                expert, rank, token, choices, first_expert, row, rows_per_expert, topk_idx, source, row_of_choice
            )
            slot += 1


def clear_strangers(
    rank: int,
    chunk: int,
    thread: int,
    threads: int,
    tokens: int,
    choices: int,
    first_expert: int,
    experts: int,
    topk_idx: Integers,
    row_of_choice: Integers,
) -> None:
    """NO_ROW for every choice that is none of these experts; every ``threads``-th entry from ``thread`` on."""
    first = chunk * TOKENS_PER_CHUNK
    entries = (chunk_end(chunk, tokens) - first) * choices
    for entry in range(thread, entries, threads):
        token = first + entry // choices
        choice = entry % choices
        named = topk_idx[rank, token, choice]
        if named < first_expert or named >= first_expert + experts:
            row_of_choice[rank, token, choice] = NO_ROW


@kernel(THREADS)
def count_chunks(topk_idx: Integers, first_expert: int, chunk_counts: Integers) -> None:
    """Tokens by expert. Grid (chunks, ranks). int64[ranks, tokens, choices] -> int32[ranks, chunks, experts]."""
    experts = chunk_counts.shape[2]
    count_columns(
        cuda.blockIdx.y,
        cuda.blockIdx.x,
        cuda.threadIdx.x,
        cuda.blockDim.x,
        topk_idx.shape[1],
        topk_idx.shape[2],
        first_expert,
        experts,
        1,
        experts,
        topk_idx,
        chunk_counts,
    )


@kernel(THREADS)
def count_layout_chunks(topk_idx: Integers, experts: int, chunk_counts: Integers, in_rank: Integers) -> None:
    """Tokens by expert and by rank. Grid (chunks). int64[1, tokens, choices] -> int32[1, chunks, columns], bool."""
    ranks = in_rank.shape[1]
    count_columns(
        0,
        cuda.blockIdx.x,
        cuda.threadIdx.x,
        cuda.blockDim.x,
        topk_idx.shape[1],
        topk_idx.shape[2],
        0,
        experts,
        experts // ranks,
        chunk_counts.shape[2],
        topk_idx,
        chunk_counts,
    )
    mark_ranks(
        cuda.blockIdx.x,
        cuda.threadIdx.x,
        cuda.blockDim.x,
        topk_idx.shape[1],
        topk_idx.shape[2],
        ranks,
        experts // ranks,
        topk_idx,
        in_rank,
    )


@kernel(THREADS)
def sum_chunks(chunk_counts: Integers, totals: Integers) -> None:
    """Grid (columns / block, ranks). int32[ranks, chunks, columns] -> int32[ranks, columns]."""
    sum_columns(
        cuda.blockIdx.y,
        cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x,
        chunk_counts.shape[1],
        chunk_counts.shape[2],
        chunk_counts,
        totals,
    )


@kernel(THREADS)
def place_chunks(
    topk_idx: Integers,
    first_expert: int,
    capacity: int,
    chunk_counts: Integers,
    totals: Integers,
    recv_count: Integers,
    source: Integers,
    ranges: Integers,
    dropped: Integers,
    row_of_choice: Integers,
) -> None:
    """Rows of every choice, and what each expert receives. Grid (chunks, ranks)."""
    rank = cuda.blockIdx.y
    chunk = cuda.blockIdx.x
    thread = cuda.threadIdx.x
    threads = cuda.blockDim.x
    tokens = topk_idx.shape[1]
    choices = topk_idx.shape[2]
    experts = totals.shape[1]
    for expert in range(thread, experts, threads):
        if chunk == 0:
            report_expert(expert, rank, topk_idx.shape[0], capacity, totals, recv_count, ranges, dropped)
        place_expert(
            expert,
            rank,
            chunk,
            tokens,
            choices,
            first_expert,
            source.shape[1],
            capacity,
            topk_idx,
            chunk_counts,
            totals,
            source,
            row_of_choice,
        )
    clear_strangers(rank, chunk, thread, threads, tokens, choices, first_expert, experts, topk_idx, row_of_choice)
