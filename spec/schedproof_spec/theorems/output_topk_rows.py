"""message_faithful for the message with top-k logprobs, row by row, for any values at any place.

A row is written to words that no other row, count or header has, and a slot's rows one after the other: by
induction over the rows of a slot, and over the slots, the whole message is faithful, whatever the batch.
"""

from __future__ import annotations

from collections.abc import Callable, MutableSequence, Sequence
from typing import Any

from schedproof.output.message_layout import MAX_DRAFT_TOKENS
from schedproof.output.save_output import INT32_MAX, INT32_MIN, OutputError
from schedproof.output.topk_layout import (
    BATCH_WORD,
    COMPACT_COUNTS_BEGIN,
    FLAG_WORD,
    KIND_WORD,
    MAX_TOPK_COLUMNS,
    MAX_TOPK_SEQS,
    TOPK_MESSAGE_WORDS,
    compact_row_begin,
    id_word,
    rank_word,
    score_word,
    topk_count_word,
)
from schedproof.output.topk_rows import (
    TopkRow,
    check_row,
    check_slot_rows,
    read_compact_row,
    read_row,
    read_slot_rows,
    write_compact_row,
    write_row,
    write_slot_rows,
)
from schedproof_spec.prover.context import Context
from schedproof_spec.prover.symbolic import active
from schedproof_spec.rules.output_topk import row_can_be_carried, row_is_faithful
from schedproof_spec.states.message_words import Words
from schedproof_spec.theorems.output import MESSAGE_FAITHFUL
from schedproof_spec.work_rule import Version, WorkRule, all_hold, picked

Message = MutableSequence[int]


def empty_message(words: Any) -> Any:
    """Return a message of zeros, symbolic where the theorem runs on symbols."""
    return Words(words) if active() else [0] * words


def drawn_row(ctx: Context, columns: int, name: str = "") -> TopkRow:
    """Draw any row of so many columns; scores are the bits of any float32."""
    return TopkRow(
        tuple(ctx.integer(f"id{name}_{column}") for column in range(columns)),
        tuple(ctx.integer(f"score{name}_{column}", INT32_MIN, INT32_MAX) for column in range(columns)),
        ctx.integer(f"rank{name}"),
    )


def is_of_row(word: int, slot: int, position: int) -> bool:
    """A word is one of a row's own."""
    ids, scores = id_word(slot, position, 0), score_word(slot, position, 0)
    return (
        ((word >= ids) & (word <= id_word(slot, position, MAX_TOPK_COLUMNS - 1)))
        | ((word >= scores) & (word <= score_word(slot, position, MAX_TOPK_COLUMNS - 1)))
        | (word == rank_word(slot, position))
    )


def refuses(check: Callable[[], None]) -> bool:
    """Whether a check of the reference refuses what it looks at."""
    try:
        check()
    except OutputError:
        return True
    return False


def drawn_place(ctx: Context, name: str = "") -> tuple[int, int]:
    """Draw any slot, and any position in it."""
    slot = ctx.integer(f"slot{name}", 0, MAX_TOPK_SEQS - 1)
    return slot, ctx.integer(f"position{name}", 0, MAX_DRAFT_TOKENS - 1)


IsOfRow = Callable[[int, int, int], bool]


def prove_words_apart(ctx: Context, is_own: IsOfRow) -> None:
    """Any two rows, and any word of the message."""
    (slot, position), (other_slot, other_position) = drawn_place(ctx), drawn_place(ctx, "_of_other")
    word = ctx.integer("word", 0, TOPK_MESSAGE_WORDS - 1)
    ctx.assume((slot != other_slot) | (position != other_position))
    ctx.assume(is_own(word, slot, position))
    ctx.prove("two rows share no word", is_own(word, other_slot, other_position) == False)  # noqa: E712
    ctx.prove("a row has no word of the header", (word != FLAG_WORD) & (word != KIND_WORD) & (word != BATCH_WORD))
    ctx.prove("a row has no count's word", word != topk_count_word(other_slot))
    count, last = topk_count_word(slot), topk_count_word(other_slot)
    ctx.prove("each slot has its count", (slot == other_slot) | ((count != last) & (count > BATCH_WORD)))


WriteRow = Callable[[Message, int, int, TopkRow], None]


def prove_row_faithful(ctx: Context, write: WriteRow) -> None:
    """One row, anywhere, of any width."""
    row = drawn_row(ctx, picked(ctx, "columns", range(1, MAX_TOPK_COLUMNS + 1)))
    slot, position = drawn_place(ctx)
    refused = ctx.merged(lambda: refuses(lambda: check_row(slot, position, row)))
    ctx.prove("what no message can carry is refused, and nothing else", refused != row_can_be_carried(row))
    ctx.assume(row_can_be_carried(row))
    message = empty_message(TOPK_MESSAGE_WORDS)
    write(message, slot, position, row)
    ctx.prove("message_faithful", row_is_faithful(read_row(message, slot, position), row))
    other = ctx.integer("other_word", 0, TOPK_MESSAGE_WORDS - 1)
    ctx.prove("no other word is touched", is_of_row(other, slot, position) | (message[other] == 0))


CheckSlot = Callable[[int, int, Sequence[TopkRow]], None]


def prove_counts_refused(ctx: Context, check: CheckSlot) -> None:
    """Any count of a slot, over rows that each can be carried."""
    width = picked(ctx, "width", range(1, MAX_DRAFT_TOKENS + 1))
    rows = [drawn_row(ctx, 1, f"_{position}") for position in range(width)]
    slot, count = ctx.integer("slot", 0, MAX_TOPK_SEQS - 1), ctx.integer("accepted")
    for row in rows:
        ctx.assume(row_can_be_carried(row))
    refused = ctx.merged(lambda: refuses(lambda: check(slot, count, rows)))
    ctx.prove("what no message can carry is refused, and nothing else", refused == ((count < 0) | (count > width)))


WriteSlot = Callable[[Message, int, Sequence[TopkRow]], None]


def prove_slot_faithful(ctx: Context, write: WriteSlot) -> None:
    """The accepted rows of one slot."""
    count = picked(ctx, "accepted", range(MAX_DRAFT_TOKENS + 1))
    rows = [drawn_row(ctx, 1, f"_{position}") for position in range(count)]
    slot = ctx.integer("slot", 0, MAX_TOPK_SEQS - 1)
    message = empty_message(TOPK_MESSAGE_WORDS)
    write(message, slot, rows)
    read = read_slot_rows(message, slot)
    carried = all_hold(message[topk_count_word(slot)] == count, len(read) == count)
    ctx.prove("message_faithful", all_hold(carried, *map(row_is_faithful, read, rows)))
    nothing = TopkRow((0,) * MAX_TOPK_COLUMNS, (0,) * MAX_TOPK_COLUMNS, 0)
    for position in range(len(read), MAX_DRAFT_TOKENS):
        ctx.prove("a row that was not accepted is 0", row_is_faithful(read_row(message, slot, position), nothing))


WriteCompact = Callable[[Message, int, TopkRow], None]


def prove_compact_row_faithful(ctx: Context, write: WriteCompact) -> None:
    """One row of the compact form, among any number of others of the same width."""
    columns = picked(ctx, "columns", range(1, MAX_TOPK_COLUMNS + 1))
    row = drawn_row(ctx, columns)
    batch = ctx.integer("batch", 0, MAX_TOPK_SEQS)
    rows, index = ctx.integer("rows", 1, MAX_TOPK_SEQS * MAX_DRAFT_TOKENS), ctx.integer("row", 0)
    ctx.assume(index < rows)
    words = compact_row_begin(batch, columns, rows)
    message = empty_message(words)
    other = ctx.integer("other_word", 0)
    ctx.assume(other < words)
    begin, end = compact_row_begin(batch, columns, index), compact_row_begin(batch, columns, index + 1)
    write(message, begin, row)
    ctx.prove("message_faithful", row_is_faithful(read_compact_row(message, begin, columns), row))
    ctx.prove("no other word is touched", ((other >= begin) & (other < end)) | (message[other] == 0))
    ctx.prove("a row has no count's word", begin >= COMPACT_COUNTS_BEGIN + batch)


def row_rule(version: str, scope: str, theorem: Any, function: Any, reached: set[str]) -> WorkRule:
    """Return one part of the rule's proof."""
    return WorkRule(
        name=MESSAGE_FAITHFUL.name,
        part=version,
        family=MESSAGE_FAITHFUL.family,
        sentence=MESSAGE_FAITHFUL.sentence,
        statement=row_is_faithful,
        origin="speculate_save_output_with_topk never clears its buffer, bounds no count and reads rows 21 apart.",
        scope=scope,
        theorem=theorem,
        kept_by=(Version(name=version, source="topk_rows.py", function=function),),
        broken_by=(),
        reached=frozenset(reached),
    )


REFUSED = "what no message can carry is refused, and nothing else"
UNTOUCHED = "no other word is touched"
COLUMNS = f"columns 1..{MAX_TOPK_COLUMNS}"

TOPK_ROW_RULES = (
    row_rule(
        "words of the top-k layout",
        "any two rows, any word",
        prove_words_apart,
        is_of_row,
        {
            "two rows share no word",
            "a row has no word of the header",
            "a row has no count's word",
            "each slot has its count",
        },
    ),
    row_rule(
        "one top-k row",
        f"any slot, position and values, {COLUMNS}; a slot by induction over its rows",
        prove_row_faithful,
        write_row,
        {"message_faithful", REFUSED, UNTOUCHED},
    ),
    row_rule(
        "counts of a top-k slot",
        f"any slot and count, width 1..{MAX_DRAFT_TOKENS}",
        prove_counts_refused,
        check_slot_rows,
        {REFUSED},
    ),
    row_rule(
        "one top-k slot",
        f"any slot, 0..{MAX_DRAFT_TOKENS} accepted rows; any batch by induction over its slots",
        prove_slot_faithful,
        write_slot_rows,
        {"message_faithful", "a row that was not accepted is 0"},
    ),
    row_rule(
        "one compact row",
        f"any batch, row and values, {COLUMNS}; any step by induction over its rows",
        prove_compact_row_faithful,
        write_compact_row,
        {"message_faithful", UNTOUCHED, "a row has no count's word"},
    ),
)
