"""message_faithful across PR 7884: what a reader takes out, step after step, before it, since it and here.

The packers work on whole arrays, so these states are run one by one, up to the bound that each entry names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from schedproof.output.before_7172 import pack_topk_over_stale
from schedproof.output.message_layout import MAX_DRAFT_TOKENS
from schedproof.output.save_output import OutputError
from schedproof.output.save_output_topk import TopkOutput
from schedproof.output.topk_after_7884 import pack_columns_over_stale, pack_first_tokens_over_stale, read_columns
from schedproof.output.topk_columns import pack_topk_columns, unpack_topk_columns
from schedproof.output.topk_columns_layout import columns_message_words
from schedproof.output.topk_layout import KIND_TARGET, MAX_TOPK_COLUMNS
from schedproof.output.topk_rows import TopkRow, read_slot_rows
from schedproof_spec.prover.context import Context
from schedproof_spec.rules.output_topk import Rows, rows_are_those_sent
from schedproof_spec.theorems.output import MESSAGE_FAITHFUL
from schedproof_spec.theorems.output_topk import Buffer, told
from schedproof_spec.theorems.output_topk_columns import ONLY
from schedproof_spec.work_rule import Version, WorkRule, picked

NO_RANK = 0
"""The rank of a draft, which has no scores either."""

Exchange = Callable[[Buffer, Rows, int], Rows | None]
"""Sends a slot's rows of so many columns over what the step before left → what the reader takes out, None if it
refuses the message."""


def rows_of(count: int, columns: int, first: int = 1) -> Rows:
    """Return rows whose ids, scores and ranks are counted up from a number, none of them 0."""
    begins = range(first, first + count * columns, columns)
    values = [tuple(range(begin, begin + columns)) for begin in begins]
    return tuple(TopkRow(ids, ids, rank) for rank, ids in enumerate(values, first))


def flat(rows: Rows) -> tuple[list[int], list[int], list[int]]:
    """Return the ids of rows, one row after the other, their scores in the same way, and their ranks."""
    ids = [token for row in rows for token in row.ids]
    return ids, [bits for row in rows for bits in row.score_bits], [row.rank for row in rows]


def step_of(rows: Rows, columns: int) -> TopkOutput:
    """Return a step of one slot, over a tensor as wide as a message can hold."""
    width = min(max(len(rows), 1), MAX_DRAFT_TOKENS)
    ids, bits, ranks = flat((*rows, *rows_of(1, columns))[:width])
    shape = (1, width, columns)
    return TopkOutput(
        np.array(ids, dtype=np.int64).reshape(shape),
        np.array(bits, dtype=np.int32).view(np.float32).reshape(shape),
        np.array([ranks], dtype=np.int64),
        np.array([len(rows)], dtype=np.int32),
    )


def taken_strictly(message: NDArray[np.int32]) -> Rows | None:
    """Return what the reference's reader takes out of a message, which accepts nothing beside it."""
    try:
        return unpack_topk_columns(message).rows[0]
    except OutputError:
        return None


def by_reference(buffer: Buffer, rows: Rows, columns: int) -> Rows | None:
    """Exchange a step by the reference."""
    return taken_strictly(pack_topk_columns(step_of(rows, columns)))


def packed_since_7884(buffer: Buffer, rows: Rows, columns: int) -> list[int]:
    """Pack a step as FastDeploy does since PR 7884."""
    return pack_columns_over_stale(buffer.words, *flat(rows), columns, [len(rows)], kind=KIND_TARGET)


def since_7884(buffer: Buffer, rows: Rows, columns: int) -> Rows:
    """Exchange a step as FastDeploy does since PR 7884."""
    return read_columns(packed_since_7884(buffer, rows, columns))[0]


def since_7884_read_strictly(buffer: Buffer, rows: Rows, columns: int) -> Rows | None:
    """Pack a step as FastDeploy does since PR 7884, and let the reference read the slot."""
    words = packed_since_7884(buffer, rows, columns)[: columns_message_words(columns, 1)]
    return taken_strictly(np.array(words, dtype=np.int32))


def first_token_since_7884(buffer: Buffer, rows: Rows, columns: int) -> Rows:
    """Exchange a first token with its draft as FastDeploy does since PR 7884, and any other step too."""
    if NO_RANK not in [row.rank for row in rows]:
        return since_7884(buffer, rows, columns)
    first, draft = rows
    return read_columns(pack_first_tokens_over_stale(buffer.words, [first], [draft.ids[0]], kind=KIND_TARGET))[0]


def before_7884(buffer: Buffer, rows: Rows, columns: int) -> Rows:
    """Exchange a step as FastDeploy does before PR 7884: the reader takes 21 columns."""
    words = pack_topk_over_stale(buffer.words, *flat(rows), columns, [len(rows)], kind=KIND_TARGET)
    return read_slot_rows(words, 0)


def exchanged(
    before: Sequence[int], counts: Sequence[int], columns: Sequence[int], with_draft: bool
) -> Callable[[Context, Exchange], None]:
    """Return the theorem about a step after another one."""

    def prove_rows_taken_out(ctx: Context, exchange: Exchange) -> None:
        """A step of some rows, after one of 21 columns."""
        buffer = Buffer()
        exchange(buffer, rows_of(picked(ctx, "accepted_before", before), MAX_TOPK_COLUMNS, 1000), MAX_TOPK_COLUMNS)
        count, used = picked(ctx, "accepted", counts), picked(ctx, "columns", columns)
        rows = rows_of(count, used)
        if with_draft:
            rows = (rows[0], TopkRow(rows[1].ids, (0,), NO_RANK))
        if count > 0:
            ctx.cover("a row is sent")
        try:
            taken = exchange(buffer, rows, used)
        except OutputError:
            ctx.prove(ONLY, count > MAX_DRAFT_TOKENS)
            return
        ctx.prove("message_faithful", rows_are_those_sent(taken, rows))

    return prove_rows_taken_out


def exchange_rule(
    before: Sequence[int],
    counts: Sequence[int],
    columns: Sequence[int],
    kept_by: tuple[Version, ...],
    broken_by: Version,
    *,
    with_draft: bool = False,
) -> WorkRule:
    """Return the entry for one thing that PR 7884 changes or leaves, and the states in which it is looked for."""
    refused = {ONLY} if max(counts) > MAX_DRAFT_TOKENS else set()
    return WorkRule(
        name=MESSAGE_FAITHFUL.name,
        part=broken_by.name,
        family=MESSAGE_FAITHFUL.family,
        sentence=MESSAGE_FAITHFUL.sentence,
        statement=rows_are_those_sent,
        origin="Since PR 7884 a message states its columns; nothing clears its buffer, or bounds rows or columns.",
        scope=f"one slot packed after another: {told('accepted', before)} with 21 columns, then "
        f"{told('accepted', counts)}, {told('columns', columns)}",
        theorem=exchanged(before, counts, columns, with_draft),
        kept_by=kept_by,
        broken_by=(broken_by,),
        reached=frozenset({"message_faithful", "a row is sent", *refused}),
    )


def published(name: str, function: Exchange, source: str = "PR 7884, top-k") -> Version:
    """Return a version of FastDeploy's, by what is shown of it."""
    return Version(name=name, source=source, function=function)


HERE = Version(name="pack_topk_columns", source="topk_columns.py", function=by_reference)
ANY_COUNT = range(MAX_DRAFT_TOKENS + 1)

TOPK_7884_RULES = (
    exchange_rule(
        (0, MAX_DRAFT_TOKENS),
        ANY_COUNT,
        (1, 2, MAX_TOPK_COLUMNS),
        (HERE, published("columns in word 1", since_7884)),
        published("21 columns whatever was sent", before_7884, "PR 7172, top-k"),
    ),
    exchange_rule(
        (0,),
        (0, 1, 2),
        (MAX_TOPK_COLUMNS, MAX_TOPK_COLUMNS + 1),
        (HERE,),
        published("more columns than a row has room for", since_7884),
    ),
    exchange_rule(
        (0,),
        (0, MAX_DRAFT_TOKENS, MAX_DRAFT_TOKENS + 1),
        (1,),
        (HERE,),
        published("unbounded counts since 7884", since_7884),
    ),
    exchange_rule(
        (0, 1),
        (0, 1),
        (1,),
        (HERE,),
        published("stale rows since 7884", since_7884_read_strictly),
    ),
    exchange_rule(
        (0, 1, 2),
        (2,),
        (1,),
        (HERE, published("a draft sent as any row", since_7884)),
        published("a draft without its scores", first_token_since_7884),
        with_draft=True,
    ),
)
