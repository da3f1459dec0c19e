"""How the dispatch family is proved of whole routings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from schedproof.dispatch import deepep as deepep_dispatch
from schedproof.dispatch.combine import combine
from schedproof.dispatch.dispatch import NO_ROW, pack_bf16, route
from schedproof.dispatch.limits import SCALE_GROUP, DispatchSizes
from schedproof_spec.prover.context import Context
from schedproof_spec.rules.dispatch import (
    Routed,
    combine_returns_tokens,
    rows_are_in_slice,
    tokens_are_conserved,
)
from schedproof_spec.work_rule import Version, WorkRule, picked

RANKS = 4
CAPACITY = 1
MAX_TOKENS = 2
MAX_CHOICES = 2
BOUND = (
    f"run one by one: {RANKS} ranks, every routing of 1..{MAX_TOKENS} tokens of one rank with 1..{MAX_CHOICES} "
    f"choices at capacity {CAPACITY}"
)
"""What the rules are proved of as a whole; `schedproof_spec.theorems.dispatch_steps` has every size by steps."""

NAMES = (-1, 0, RANKS)
"""No expert, an expert, and an id past the last one."""

BF16_ONE = 0x3F80


RouteTokens = Callable[[list[list[int]]], Routed]
"""Route the choices of one source rank's tokens."""


def route_by_reference(choices: list[list[int]]) -> Routed:
    """Run `route`, `pack_bf16` and `combine`; the other ranks' tokens name nobody."""
    tokens, named = len(choices), len(choices[0])
    sizes = DispatchSizes(RANKS, tokens, named, RANKS, SCALE_GROUP, CAPACITY)
    topk_idx = np.full((RANKS, tokens, named), NO_ROW, dtype=np.int64)
    topk_idx[0] = choices
    routing = route(topk_idx, sizes)
    x = np.zeros((RANKS, tokens, SCALE_GROUP), dtype=np.uint16)
    x[0] = np.array([BF16_ONE + token for token in range(tokens)], dtype=np.uint16)[:, np.newaxis]
    rows = routing.row_of_choice
    first = np.cumsum(rows != NO_ROW, axis=2) == 1
    weights = ((rows != NO_ROW) & first).astype(np.float32)
    combined = combine(pack_bf16(x, routing), rows, weights)
    source = routing.packed_recv_src_info[0].tolist()
    return Routed(
        arrived=tuple((token, row) for row, token in enumerate(source) if token != NO_ROW),
        dropped=int(routing.dropped[0, 0]),
        returned=tuple(int(bits) for bits in combined[0, :, 0]),
    )


def route_by_deepep(choices: list[list[int]]) -> Routed:
    """DeepEP's slots; more tokens than its capacity end the process, so that all count as reported."""
    if len(choices) > CAPACITY:
        return Routed(arrived=(), dropped=sum(0 in names for names in choices), returned=(0,) * len(choices))
    arrived: list[tuple[int, int]] = []
    for token in range(len(choices)):
        slots = deepep_dispatch.slots(choices[: token + 1], 0)
        arrived += [(token, slot) for slot in slots[len(arrived) :]]
    return Routed(arrived=tuple(arrived), dropped=0, returned=(0,) * len(choices))


REFERENCE = Version(name="route", source="dispatch.py", function=route_by_reference)
DEEPEP = Version(name="unbounded slots", source="DeepEP of 2026-07", function=route_by_deepep)


def any_routing(ctx: Context) -> list[list[int]]:
    """Draw the choices of one or two tokens."""
    tokens = picked(ctx, "tokens", range(1, MAX_TOKENS + 1))
    choices = picked(ctx, "choices", range(1, MAX_CHOICES + 1))
    return [[picked(ctx, f"choice_{t}_{c}", NAMES) for c in range(choices)] for t in range(tokens)]


def prove_dispatch_conserves(ctx: Context, run: RouteTokens) -> None:
    """Every routing within the bound."""
    choices = any_routing(ctx)
    routed = run(choices)
    ctx.prove("dispatch_conserves", tokens_are_conserved(choices, routed))
    cover_ends(ctx, routed)


def prove_dispatch_in_bounds(ctx: Context, run: RouteTokens) -> None:
    """Every routing within the bound."""
    routed = run(any_routing(ctx))
    ctx.prove("dispatch_in_bounds", rows_are_in_slice(routed, CAPACITY))
    cover_ends(ctx, routed)


def prove_combine_inverts(ctx: Context, run: RouteTokens) -> None:
    """Every routing within the bound."""
    choices = any_routing(ctx)
    routed = run(choices)
    sent = tuple(BF16_ONE + token for token in range(len(choices)))
    ctx.prove("combine_inverts", combine_returns_tokens(routed, sent))
    cover_ends(ctx, routed)


def cover_ends(ctx: Context, routed: Routed) -> None:
    """Routings with an arrival, and with a token beyond the capacity."""
    if routed.arrived:
        ctx.cover("a token arrives")
    if routed.dropped:
        ctx.cover("a token is dropped")


ENDS = frozenset({"a token arrives", "a token is dropped"})


def dispatch_rule(name: str, sentence: str, statement: Callable[..., Any], theorem: Any, **fields: Any) -> WorkRule:
    """Return an entry of this family."""
    return WorkRule(
        name=name,
        part="whole routings",
        family="dispatch",
        sentence=sentence,
        statement=statement,
        scope=BOUND,
        theorem=theorem,
        kept_by=(REFERENCE,),
        reached=ENDS | {name},
        **fields,
    )


DISPATCH_CONSERVES = dispatch_rule(
    "dispatch_conserves",
    "Every routed token arrives once at each expert that it names, or is counted as dropped there.",
    tokens_are_conserved,
    prove_dispatch_conserves,
    origin="DeepEP counts a token twice where its choices name an expert twice, and has no way to drop one.",
    broken_by=(DEEPEP,),
)
DISPATCH_IN_BOUNDS = dispatch_rule(
    "dispatch_in_bounds",
    "No write leaves the slice of its source rank.",
    rows_are_in_slice,
    prove_dispatch_in_bounds,
    origin="In DeepEP's low-latency dispatch a repeated expert's slot can reach the next rank's slice.",
    broken_by=(DEEPEP,),
)
COMBINE_INVERTS = dispatch_rule(
    "combine_inverts",
    "Combine returns to each token what dispatch sent of it.",
    combine_returns_tokens,
    prove_combine_inverts,
    origin="A row that two tokens share gives one of them the other's result.",
    broken_by=(),
)
DISPATCH_RULES = (DISPATCH_CONSERVES, DISPATCH_IN_BOUNDS, COMBINE_INVERTS)
