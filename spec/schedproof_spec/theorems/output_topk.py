"""message_faithful for the message with top-k logprobs: two steps, packed and read by the real functions.

The packers work on whole arrays, so these states are run one by one, up to the bound that each entry names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from schedproof.output.before_7172 import pack_topk_over_stale
from schedproof.output.message_layout import MAX_DRAFT_TOKENS
from schedproof.output.save_output import OutputError
from schedproof.output.save_output_topk import TopkOutput, pack_topk, unpack_topk
from schedproof.output.topk_layout import KIND_TARGET, MAX_TOPK_COLUMNS, TOPK_MESSAGE_WORDS, UNUSED_ID
from schedproof.output.topk_rows import TopkRow
from schedproof_spec.prover.context import Context
from schedproof_spec.rules.output_topk import Rows, rows_are_those_sent
from schedproof_spec.theorems.output import MESSAGE_FAITHFUL
from schedproof_spec.work_rule import Version, WorkRule, picked


@dataclass(slots=True)
class Buffer:
    """The memory that upstream packs every step into."""

    words: list[int] = field(default_factory=lambda: [0] * TOPK_MESSAGE_WORDS)


def ids_of(count: int, columns: int) -> NDArray[np.int64]:
    """Return rows of token ids, all of them different and none 0."""
    return np.arange(1, count * columns + 1, dtype=np.int64).reshape(1, count, columns)


def by_reference(buffer: Buffer, count: int, columns: int) -> NDArray[np.int32]:
    """Run `pack_topk` on one slot."""
    width = max(count, 1) if count <= MAX_DRAFT_TOKENS else MAX_DRAFT_TOKENS
    ids = ids_of(width, columns)
    scores = np.zeros(ids.shape, dtype=np.float32)
    ranks = np.ones((1, width), dtype=np.int64)
    return pack_topk(TopkOutput(ids, scores, ranks, np.array([count], dtype=np.int32)))


def by_upstream(buffer: Buffer, count: int, columns: int) -> NDArray[np.int32]:
    """Run upstream's packer on one slot, over what the step before left."""
    ids = ids_of(count, columns).ravel().tolist()
    scores = [0] * len(ids)
    words = pack_topk_over_stale(buffer.words, ids, scores, [1] * count, columns, [count], kind=KIND_TARGET)
    return np.array(words, dtype=np.int32)


def taken_from(message: NDArray[np.int32]) -> Rows | None:
    """Return the rows of the only slot that the reader takes out; None if it refuses the message."""
    try:
        (rows,) = unpack_topk(message).rows
    except OutputError:
        return None
    return rows


def rows_sent(count: int, columns: int) -> Rows:
    """Return the rows of `ids_of` as the fixed form carries them."""
    missing = MAX_TOPK_COLUMNS - columns
    return tuple(
        TopkRow((*ids, *[UNUSED_ID] * missing), (0,) * MAX_TOPK_COLUMNS, 1)
        for ids in ids_of(count, columns)[0].tolist()
    )


def told(what: str, numbers: Sequence[int]) -> str:
    """Return which numbers are tried."""
    return f"{what} {' or '.join(map(str, numbers))}"


PackTopk = Callable[[Buffer, int, int], NDArray[np.int32]]


def topk_rule(version: str, before: Sequence[int], counts: Sequence[int], columns: Sequence[int]) -> WorkRule:
    """Return the entry for one way in which upstream breaks the rule, and the states in which it is looked for."""

    def prove_rows_faithful(ctx: Context, pack: PackTopk) -> None:
        """A step after another one."""
        buffer = Buffer()
        pack(buffer, picked(ctx, "accepted_before", before), MAX_TOPK_COLUMNS)
        count, used = picked(ctx, "accepted", counts), picked(ctx, "columns", columns)
        try:
            message = pack(buffer, count, used)
        except OutputError:
            ctx.prove("only what no message can carry is refused", count > MAX_DRAFT_TOKENS)
            return
        ctx.prove("message_faithful", rows_are_those_sent(taken_from(message), rows_sent(count, used)))

    reached = {"message_faithful"}
    if max(counts) > MAX_DRAFT_TOKENS:
        reached.add("only what no message can carry is refused")
    return WorkRule(
        name=MESSAGE_FAITHFUL.name,
        part=version,
        family=MESSAGE_FAITHFUL.family,
        sentence=MESSAGE_FAITHFUL.sentence,
        statement=rows_are_those_sent,
        origin="speculate_save_output_with_topk never clears its buffer, bounds no count and reads rows 21 apart.",
        scope=f"one slot packed after another: {told('accepted', before)}, then {told('accepted', counts)}, "
        f"{told('columns', columns)}",
        theorem=prove_rows_faithful,
        kept_by=(Version(name="pack_topk", source="save_output_topk.py", function=by_reference),),
        broken_by=(Version(name=version, source="PR 7172, top-k", function=by_upstream),),
        reached=frozenset(reached),
    )


TOPK_RULES = (
    topk_rule("stale rows", (0, 1), (0, 1), (MAX_TOPK_COLUMNS,)),
    topk_rule("unbounded counts", (0,), (0, MAX_DRAFT_TOKENS, MAX_DRAFT_TOKENS + 1), (MAX_TOPK_COLUMNS,)),
    topk_rule("rows 21 apart", (0,), (0, 1, 2), (1, MAX_TOPK_COLUMNS)),
)
