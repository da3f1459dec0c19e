"""How the dispatch family is proved for any sizes: `route`'s loops by induction over tokens and ranks.

A step is the function that the loop calls, for one expert. What the steps leave to be looked at routing by routing,
see `schedproof_spec.theorems.dispatch`, is only how they are strung together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from schedproof.dispatch.dispatch import NO_ROW, Filling, RankShare, row_of_slot
from schedproof_spec.gpu.counting import chosen, implies, unknown_function
from schedproof_spec.prover.context import Context
from schedproof_spec.rules.dispatch import rows_differ, share_is_conserved, stays_in_slice, token_is_conserved
from schedproof_spec.theorems.dispatch import COMBINE_INVERTS, DISPATCH_CONSERVES, DISPATCH_IN_BOUNDS
from schedproof_spec.work_rule import Version, WorkRule

ANY_SIZE = "any capacity, any number of tokens, ranks and experts"

TakeToken = Callable[[Filling, int], int]
CloseRank = Callable[[Filling, int], RankShare]


def any_filling(ctx: Context) -> tuple[Filling, int]:
    """Draw how far an expert is filled, and a capacity."""
    filling = Filling(begin=ctx.integer("begin", 0), routed=ctx.integer("routed", 0))
    return filling, ctx.integer("capacity", 1)


def prove_token_conserved(ctx: Context, take: TakeToken) -> None:
    """One more token of a rank."""
    filling, capacity = any_filling(ctx)
    begin, routed = filling.begin, filling.routed
    row = take(filling, capacity)
    if row == NO_ROW:
        ctx.cover("a token is dropped")
    ctx.prove("dispatch_conserves", token_is_conserved(row, begin, routed, filling, capacity))


def prove_share_conserved(ctx: Context, close: CloseRank) -> None:
    """The end of one rank."""
    filling, capacity = any_filling(ctx)
    begin, routed = filling.begin, filling.routed
    share = close(filling, capacity)
    ctx.prove("dispatch_conserves", share_is_conserved(share, begin, routed, filling, capacity))
    if share.dropped > 0:
        ctx.cover("a token is dropped")


def prove_token_in_slice(ctx: Context, take: TakeToken) -> None:
    """One more token of a rank, before which each rank has filled no more rows than its capacity."""
    filling, capacity = any_filling(ctx)
    rank, ranks = ctx.integer("rank", 0), ctx.integer("ranks", 1)
    ctx.assume(rank < ranks)
    ctx.assume(filling.begin <= rank * capacity)
    begin = filling.begin
    row = take(filling, capacity)
    ctx.prove("dispatch_in_bounds", stays_in_slice(row, begin, rank, ranks, capacity))
    filling.close_rank(capacity)
    ctx.prove("the next rank begins within its bound", filling.begin <= (rank + 1) * capacity)


RowOfSlot = Callable[[Any, Any, int], int]


def prove_rows_differ(ctx: Context, row_of: RowOfSlot) -> None:
    """Any two tokens of any ranks that are kept: slots count the tokens before, rows those of earlier ranks."""
    slots, rows, routed = unknown_function("slots"), unknown_function("rows"), unknown_function("routed")
    capacity = ctx.integer("capacity", 1)

    def kept(rank: int) -> Any:
        return chosen(routed(rank) <= capacity, routed(rank), capacity)

    places = []
    for name in ("one", "other"):
        rank, token = ctx.integer(f"rank_of_{name}", 0), ctx.integer(f"token_of_{name}", 0)
        slot = slots(rank, token)
        ctx.assume(slots(rank, token + 1) == slot + 1)
        ctx.assume((slot >= 0) & (slot < capacity))
        ctx.assume(rows(rank + 1) == rows(rank) + kept(rank))
        ctx.assume(kept(rank) >= slot + 1)
        places.append((rank, token, row_of(rows(rank), slot, capacity)))
    (rank, token, row), (other_rank, other_token, other_row) = places
    for (r, t, _), (later_rank, later_token, _) in ((places[0], places[1]), (places[1], places[0])):
        ctx.assume(implies(t < later_token, slots(r, later_token) >= slots(r, t + 1)))
        ctx.assume(implies(r < later_rank, rows(later_rank) >= rows(r + 1)))
    ctx.assume((rank != other_rank) | (token != other_token))
    ctx.prove("combine_inverts", rows_differ(row, other_row))


def step_rule(part_of: WorkRule, version: str, function: Any, **fields: Any) -> WorkRule:
    """Return one part of a rule's proof."""
    return WorkRule(
        name=part_of.name,
        part=version,
        family=part_of.family,
        sentence=part_of.sentence,
        origin=part_of.origin,
        scope=ANY_SIZE,
        kept_by=(Version(name=version, source="dispatch.py", function=function),),
        broken_by=(),
        **fields,
    )


DISPATCH_STEP_RULES = (
    step_rule(
        DISPATCH_CONSERVES,
        "one token more",
        Filling.take_token,
        statement=token_is_conserved,
        theorem=prove_token_conserved,
        reached=frozenset({"dispatch_conserves", "a token is dropped"}),
    ),
    step_rule(
        DISPATCH_CONSERVES,
        "one rank more",
        Filling.close_rank,
        statement=share_is_conserved,
        theorem=prove_share_conserved,
        reached=frozenset({"dispatch_conserves", "a token is dropped"}),
    ),
    step_rule(
        DISPATCH_IN_BOUNDS,
        "one token or rank more",
        Filling.take_token,
        statement=stays_in_slice,
        theorem=prove_token_in_slice,
        reached=frozenset({"dispatch_in_bounds", "the next rank begins within its bound"}),
    ),
    step_rule(
        COMBINE_INVERTS,
        "rows of two tokens",
        row_of_slot,
        statement=rows_differ,
        theorem=prove_rows_differ,
        reached=frozenset({"combine_inverts"}),
    ),
)
