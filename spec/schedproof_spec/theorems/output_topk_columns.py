"""message_faithful for the top-k message that states its columns, for any number of them.

A column is written to words of its own, see `schedproof_spec.theorems.output_topk_bounds`: by induction over the
columns of a row, the rows of a slot and the slots, the whole message is faithful.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from schedproof.output.message_layout import MAX_DRAFT_TOKENS
from schedproof.output.save_output import INT32_MAX, INT32_MIN, OutputError
from schedproof.output.topk_columns import (
    checked_kind_and_columns,
    read_column,
    read_columns_row,
    read_columns_slot,
    write_column,
    write_columns_row,
    write_columns_slot,
)
from schedproof.output.topk_columns_layout import (
    MAX_MESSAGE_COLUMNS,
    columns_id_word,
    columns_message_words,
    columns_rank_word,
    columns_score_word,
    kind_and_columns,
)
from schedproof.output.topk_layout import KIND_DRAFT, KIND_TARGET, MAX_TOPK_COLUMNS, topk_count_word
from schedproof.output.topk_rows import TopkRow
from schedproof_spec.prover.context import Context
from schedproof_spec.rules.output_topk import column_is_faithful, is_read_by_both, row_is_faithful
from schedproof_spec.theorems.output import MESSAGE_FAITHFUL
from schedproof_spec.theorems.output_topk_bounds import ANY_COLUMNS, drawn_batch, drawn_place, own_words
from schedproof_spec.theorems.output_topk_rows import UNTOUCHED, Message, drawn_row, empty_message
from schedproof_spec.work_rule import Version, WorkRule, all_hold, picked

SOME_COLUMNS = (1, 2, MAX_TOPK_COLUMNS, MAX_TOPK_COLUMNS + 1, 2 * MAX_TOPK_COLUMNS + 1)
ONLY = "only what no message can carry is refused"
UNUSED = "a row that was not accepted is 0"
MORE = "more columns than upstream's rows are apart"

KindAndColumns = Callable[[int, int], int]


def prove_word_faithful(ctx: Context, word_of: KindAndColumns) -> None:
    """A tensor of any columns, of either kind."""
    kind, columns = picked(ctx, "kind", (KIND_TARGET, KIND_DRAFT)), ctx.integer("columns", 0)
    try:
        word = word_of(kind, columns)
    except OutputError:
        ctx.prove(ONLY, (columns < 1) | (columns > MAX_MESSAGE_COLUMNS))
        return
    ctx.prove("message_faithful", is_read_by_both(word, kind, columns))


WriteColumn = Callable[[Message, int, int, int, int, int, int], None]


def prove_column_faithful(ctx: Context, write: WriteColumn) -> None:
    """One column of one row, anywhere in a message of any size."""
    columns, batch = ctx.integer("columns", *ANY_COLUMNS), drawn_batch(ctx)
    place = drawn_place(ctx, columns, batch)
    token, bits = ctx.integer("token", INT32_MIN, INT32_MAX), ctx.integer("score", INT32_MIN, INT32_MAX)
    own, other = own_words(columns, batch, place), ctx.integer("other_word", 0)
    ctx.assume(other < own.end)
    message = empty_message(own.end)
    write(message, columns, *place, token, bits)
    if columns > MAX_TOPK_COLUMNS:
        ctx.cover(MORE)
    ctx.prove("message_faithful", column_is_faithful(read_column(message, columns, *place), token, bits))
    ctx.prove(UNTOUCHED, (other == own.token) | (other == own.score) | (message[other] == 0))


def is_of_row(word: int, columns: int, slot: int, position: int) -> bool:
    """A word is one of a row's own."""
    ids = columns_id_word(columns, slot, position, 0)
    scores = columns_score_word(columns, slot, position, 0)
    return (
        ((word >= ids) & (word < ids + columns))
        | ((word >= scores) & (word < scores + columns))
        | (word == columns_rank_word(columns, slot, position))
    )


WriteRow = Callable[[Message, int, int, TopkRow], None]


def prove_row_faithful(ctx: Context, write: WriteRow) -> None:
    """One row, anywhere in a message of any batch."""
    columns, batch = picked(ctx, "columns", SOME_COLUMNS), drawn_batch(ctx)
    row = drawn_row(ctx, columns)
    slot, position, _ = drawn_place(ctx, columns, batch)
    words, other = columns_message_words(columns, batch), ctx.integer("other_word", 0)
    ctx.assume(other < words)
    message = empty_message(words)
    write(message, slot, position, row)
    if columns > MAX_TOPK_COLUMNS:
        ctx.cover(MORE)
    ctx.prove("message_faithful", row_is_faithful(read_columns_row(message, columns, slot, position), row))
    ctx.prove(UNTOUCHED, is_of_row(other, columns, slot, position) | (message[other] == 0))


WriteSlot = Callable[[Message, int, Sequence[TopkRow]], None]


def prove_slot_faithful(ctx: Context, write: WriteSlot) -> None:
    """The accepted rows of one slot."""
    columns, batch = picked(ctx, "columns", (1, MAX_TOPK_COLUMNS + 1)), drawn_batch(ctx)
    count = picked(ctx, "accepted", range(MAX_DRAFT_TOKENS + 1))
    rows = [drawn_row(ctx, columns, f"_{position}") for position in range(count)]
    slot = ctx.integer("slot", 0)
    ctx.assume(slot < batch)
    message = empty_message(columns_message_words(columns, batch))
    write(message, slot, rows)
    if columns > MAX_TOPK_COLUMNS:
        ctx.cover(MORE)
    read = read_columns_slot(message, columns, slot)
    carried = all_hold(message[topk_count_word(slot)] == count, len(read) == count)
    ctx.prove("message_faithful", all_hold(carried, *map(row_is_faithful, read, rows)))
    nothing = TopkRow((0,) * columns, (0,) * columns, 0)
    for position in range(len(read), MAX_DRAFT_TOKENS):
        ctx.prove(UNUSED, row_is_faithful(read_columns_row(message, columns, slot, position), nothing))


def part(
    statement: Any,
    theorem: Any,
    version: str,
    function: Any,
    scope: str,
    reached: set[str],
    **fields: Any,
) -> WorkRule:
    """Return one part of the rule's proof."""
    return WorkRule(
        name=MESSAGE_FAITHFUL.name,
        part=version,
        family=MESSAGE_FAITHFUL.family,
        sentence=MESSAGE_FAITHFUL.sentence,
        statement=statement,
        origin="Before PR 7884 no message stated its columns: its reader took 21, with -1 where none were sent.",
        scope=scope,
        theorem=theorem,
        kept_by=(Version(name=version, source="topk_columns.py", function=function),),
        reached=frozenset({"message_faithful", *reached}),
        **{"broken_by": (), **fields},
    )


ANYWHERE = "any batch and place, any values"

TOPK_COLUMNS_RULES = (
    part(
        is_read_by_both,
        prove_word_faithful,
        "kind and columns in word 1",
        checked_kind_and_columns,
        "either kind, any columns",
        {ONLY},
        broken_by=(Version(name="columns past 16 bits", source="PR 7884, top-k", function=kind_and_columns),),
    ),
    part(
        column_is_faithful,
        prove_column_faithful,
        "one column with its score",
        write_column,
        f"{ANYWHERE}, columns 1..{MAX_MESSAGE_COLUMNS}; a row by induction over its columns",
        {UNTOUCHED, MORE},
    ),
    part(
        row_is_faithful,
        prove_row_faithful,
        "one row with its columns",
        write_columns_row,
        f"{ANYWHERE}, columns {', '.join(map(str, SOME_COLUMNS))}; a slot by induction over its rows",
        {UNTOUCHED, MORE},
    ),
    part(
        row_is_faithful,
        prove_slot_faithful,
        "one slot of rows with their columns",
        write_columns_slot,
        f"{ANYWHERE}, columns 1 or {MAX_TOPK_COLUMNS + 1}; any batch by induction over its slots",
        {UNUSED, MORE},
    ),
)
