"""message_in_bounds for the top-k message that states its columns: where its values lie, whatever their number.

FastDeploy's layout since PR 7884 keeps the rule for up to 21 columns, as many as its rows are apart, and no more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from schedproof.output.message_layout import MAX_DRAFT_TOKENS
from schedproof.output.save_output import INT32_MAX
from schedproof.output.topk_columns import check_queue_holds
from schedproof.output.topk_columns_layout import (
    MAX_MESSAGE_COLUMNS,
    columns_id_word,
    columns_message_bytes,
    columns_message_words,
    columns_rank_word,
    columns_score_word,
)
from schedproof.output.topk_layout import (
    MAX_TOPK_COLUMNS,
    MAX_TOPK_SEQS,
    TOPK_MESSAGE_WORDS,
    id_word,
    rank_word,
    score_word,
)
from schedproof_spec.prover.context import Context
from schedproof_spec.rules.output_topk import ValueWords, is_inside, queue_holds, share_no_word
from schedproof_spec.theorems.output_topk_rows import refuses
from schedproof_spec.work_rule import Version, WorkRule

ANY_COLUMNS = (1, MAX_MESSAGE_COLUMNS)
UP_TO_21 = (1, MAX_TOPK_COLUMNS)
WIDER = (MAX_TOPK_COLUMNS + 1, MAX_MESSAGE_COLUMNS)

Place = tuple[int, int, int]
"""Slot, position in it, column of that row."""


WordsOf = Callable[[int, int, Place], ValueWords]
"""Columns, batch and place → words."""


def own_words(columns: int, batch: int, place: Place) -> ValueWords:
    """Return the reference's words."""
    return ValueWords(
        columns_id_word(columns, *place),
        columns_score_word(columns, *place),
        columns_rank_word(columns, *place[:2]),
        columns_message_words(columns, batch),
    )


def fixed_words(columns: int, batch: int, place: Place) -> ValueWords:
    """Return upstream's words, which are where they are whatever the columns."""
    return ValueWords(
        id_word(*place),
        score_word(*place),
        rank_word(*place[:2]),
        TOPK_MESSAGE_WORDS,
    )


def drawn_batch(ctx: Context) -> int:
    """Draw any batch that a message holds."""
    batch: int = ctx.integer("batch", 0, MAX_TOPK_SEQS)
    return batch


def drawn_place(ctx: Context, columns: int, batch: int, name: str = "") -> Place:
    """Draw any slot of the batch, any position in it and any column."""
    slot, column = ctx.integer(f"slot{name}", 0), ctx.integer(f"column{name}", 0)
    position = ctx.integer(f"position{name}", 0, MAX_DRAFT_TOKENS - 1)
    ctx.assume(slot < batch)
    ctx.assume(column < columns)
    return slot, position, column


def prove_inside(ctx: Context, words_of: WordsOf, columns_of: tuple[int, int]) -> None:
    """Any value of any message with so many columns."""
    columns, batch = ctx.integer("columns", *columns_of), drawn_batch(ctx)
    words = words_of(columns, batch, drawn_place(ctx, columns, batch))
    if batch == MAX_TOPK_SEQS:
        ctx.cover("a full batch")
    ctx.prove("message_in_bounds", is_inside(words))
    ctx.prove(SIZE_FITS, columns_message_bytes(columns, batch) <= INT32_MAX)


def prove_apart(ctx: Context, words_of: WordsOf, columns_of: tuple[int, int]) -> None:
    """Any two columns of any rows of a message with so many columns."""
    columns, batch = ctx.integer("columns", *columns_of), drawn_batch(ctx)
    one, other = drawn_place(ctx, columns, batch), drawn_place(ctx, columns, batch, "_of_other")
    another_row = (one[0] != other[0]) | (one[1] != other[1])
    ctx.assume(another_row | (one[2] != other[2]))
    words, other_words = words_of(columns, batch, one), words_of(columns, batch, other)
    ctx.prove("message_in_bounds", share_no_word(words, other_words))
    if another_row:
        ctx.prove("two rows have two ranks", words.rank != other_words.rank)
    else:
        ctx.cover("two columns of one row")


CheckQueue = Callable[[int, int, int], None]


def prove_queue_asked(ctx: Context, check: CheckQueue) -> None:
    """Any sizes, and any limit of a queue."""
    columns, batch = ctx.integer("columns", *ANY_COLUMNS), drawn_batch(ctx)
    limit = ctx.integer("limit_bytes", 0)
    refused = ctx.merged(lambda: refuses(lambda: check(columns, batch, limit)))
    ctx.prove("message_in_bounds", refused != queue_holds(columns, batch, limit))
    ctx.cover("a queue is too small" if refused else "a queue holds the message")


SIZE_FITS = "a message's size in bytes is an int32"
OWN = Version(name="words of a message with its columns", source="topk_columns_layout.py", function=own_words)


def fixed(name: str) -> Version:
    """Return upstream's layout, under the name of what is shown of it."""
    return Version(name=name, source="PR 7884, top-k", function=fixed_words)


def bounds_rule(part: str, statement: Any, theorem: Any, scope: str, **fields: Any) -> WorkRule:
    """Return one part of the rule's proof."""
    return WorkRule(
        name="message_in_bounds",
        part=part,
        family="output",
        sentence="Each value of a message has a word of its own, inside a message that its queue holds.",
        statement=statement,
        origin=(
            "Since PR 7884 nothing in the senders bounds a message's columns, and its rows stay 21 apart: "
            "column 22 of a row is the next row's first."
        ),
        scope=scope,
        theorem=theorem,
        **{"kept_by": (OWN,), "broken_by": (), **fields},
    )


def of_columns(theorem: Any, columns_of: tuple[int, int]) -> Callable[[Context, WordsOf], None]:
    """Return a theorem about messages of so many columns."""
    return lambda ctx, words_of: theorem(ctx, words_of, columns_of)


ONE_VALUE = frozenset({"message_in_bounds", SIZE_FITS, "a full batch"})
TWO_VALUES = frozenset({"message_in_bounds", "two rows have two ranks", "two columns of one row"})
NARROW = f"any batch and place, columns 1..{MAX_TOPK_COLUMNS}"
WIDE = f"any batch and place, columns {MAX_TOPK_COLUMNS + 1}..{MAX_MESSAGE_COLUMNS}"

TOPK_BOUNDS_RULES = (
    bounds_rule(
        "one value",
        is_inside,
        of_columns(prove_inside, UP_TO_21),
        f"one value, {NARROW}",
        kept_by=(OWN, fixed("words 21 columns apart")),
        reached=ONE_VALUE,
    ),
    bounds_rule(
        "one value of many columns",
        is_inside,
        of_columns(prove_inside, WIDER),
        f"one value, {WIDE}",
        broken_by=(fixed("columns past the buffer"),),
        reached=ONE_VALUE,
    ),
    bounds_rule(
        "two values",
        share_no_word,
        of_columns(prove_apart, UP_TO_21),
        f"any two values, {NARROW}",
        kept_by=(OWN, fixed("words of their own 21 columns apart")),
        reached=TWO_VALUES,
    ),
    bounds_rule(
        "two values of many columns",
        share_no_word,
        of_columns(prove_apart, WIDER),
        f"any two values, {WIDE}",
        broken_by=(fixed("columns over the next row"),),
        reached=TWO_VALUES,
    ),
    bounds_rule(
        "the queue",
        queue_holds,
        prove_queue_asked,
        f"any batch, columns 1..{MAX_MESSAGE_COLUMNS}, any limit of a queue",
        kept_by=(Version(name="check_queue_holds", source="topk_columns.py", function=check_queue_holds),),
        reached=frozenset({"message_in_bounds", "a queue is too small", "a queue holds the message"}),
    ),
)
