"""Expert dispatch: which token goes to which expert, at which row, and what arrives there.

A token is sent to an expert once, however often its choices name it. Ids outside ``0..experts-1`` are ignored. Rows
of an expert are compact and ordered by source rank, then token. A source rank fills at most ``capacity`` rows of an
expert; tokens beyond are dropped and counted, never written.

Source: DeepEP ``low_latency_dispatch`` and ``get_dispatch_layout`` (2026-07), whose row order differs from run to
run, which counts a repeated expert twice and has no overflow path.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schedproof.dispatch.limits import SCALE_GROUP, DispatchError, DispatchSizes, check_array, check_sizes
from schedproof.dispatch.low_precision import E4M3_MAX, bf16_to_float32, float32_to_e4m3

NO_ROW = -1
"""In ``row_of_choice``: the choice is no expert, or its token was dropped there."""

MIN_AMAX = 1e-4
"""Smallest magnitude that a scale group is stretched from, so that a group of zeros has a finite scale."""

BEGIN_SHIFT = 32
"""``layout_range`` holds the count in its low 32 bits and the begin above."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How one rank's tokens spread: DeepEP's ``get_dispatch_layout``.

    ``num_tokens_per_rank`` int32[ranks] and ``num_tokens_per_expert`` int32[experts] count tokens;
    ``is_token_in_rank`` bool[tokens, ranks].
    """

    num_tokens_per_rank: NDArray[np.int32]
    num_tokens_per_expert: NDArray[np.int32]
    is_token_in_rank: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Routing:
    """Where every choice goes.

    ``packed_recv_count`` int32[experts] rows that arrive; ``packed_recv_src_info``
    int32[experts, ranks * capacity] token index at its source, -1 past the count; ``packed_recv_layout_range``
    int64[experts, ranks] count in the low 32 bits, begin in the high; ``dropped`` int32[experts, ranks] tokens
    beyond capacity; ``row_of_choice`` int32[ranks, tokens, choices] row in the flat
    ``experts * ranks * capacity`` rows, or NO_ROW.
    """

    packed_recv_count: NDArray[np.int32]
    packed_recv_src_info: NDArray[np.int32]
    packed_recv_layout_range: NDArray[np.int64]
    dropped: NDArray[np.int32]
    row_of_choice: NDArray[np.int32]


def experts_of(choices: Sequence[int], experts: int) -> tuple[int, ...]:
    """The distinct experts that a token goes to, in the order that it names them."""
    return tuple(dict.fromkeys(choice for choice in choices if 0 <= choice < experts))


def admitted(routed: int, capacity: int) -> int:
    """Tokens of one source rank that an expert takes, out of those routed to it."""
    return min(routed, capacity)


def row_of_slot(begin: int, slot: int, capacity: int) -> int:
    """The row of a source rank's next token in an expert, NO_ROW beyond capacity.

    ``begin`` rows are filled by earlier ranks, ``slot`` tokens of this rank were routed to the expert before.
    """
    return begin + slot if slot < capacity else NO_ROW


@dataclass(slots=True)
class Filling:
    """How far one expert's rows are filled while source ranks send their tokens, one rank after the other."""

    begin: int = 0
    """Rows that earlier ranks fill."""
    routed: int = 0
    """Tokens of the current rank that name the expert, so far."""

    def take_token(self, capacity: int) -> int:
        """The row of the rank's next token, NO_ROW beyond capacity; it is counted either way."""
        row = row_of_slot(self.begin, self.routed, capacity)
        self.routed += 1
        return row

    def close_rank(self, capacity: int) -> RankShare:
        """What the rank has in the expert; the next rank's rows follow."""
        count = admitted(self.routed, capacity)
        share = RankShare(self.begin, count, self.routed - count)
        self.begin += count
        self.routed = 0
        return share


@dataclass(frozen=True, slots=True)
class RankShare:
    """What one source rank has in one expert: rows ``begin..begin+count-1``, and how many tokens were dropped."""

    begin: int
    count: int
    dropped: int


def layout_range(begin: int, count: int) -> int:
    """One entry of ``packed_recv_layout_range``."""
    return (begin << BEGIN_SHIFT) | count


def layout(topk_idx: NDArray[np.int64], experts: int, ranks: int) -> Layout:
    """Count one rank's int64[tokens, choices] choices by expert and by the rank that holds the expert.

    Raises:
        DispatchError: for another dtype or dimension, or experts that the ranks cannot share evenly.
    """
    check_array("topk_idx", topk_idx, np.int64, (None, None))
    tokens, choices = topk_idx.shape
    DispatchSizes(ranks, tokens, choices, experts, SCALE_GROUP, 4)
    per_rank = experts // ranks
    per_expert = np.zeros(experts, dtype=np.int32)
    in_rank = np.zeros((tokens, ranks), dtype=np.bool_)
    for token, row in enumerate(topk_idx.tolist()):
        for expert in experts_of(row, experts):
            per_expert[expert] += 1
            in_rank[token, expert // per_rank] = True
    return Layout(in_rank.sum(axis=0, dtype=np.int32), per_expert, in_rank)


def route(topk_idx: NDArray[np.int64], sizes: DispatchSizes) -> Routing:
    """Give every choice of int64[ranks, tokens, choices] its row.

    Raises:
        DispatchError: for another dtype or shape.
    """
    check_sizes(sizes)
    shape = (sizes.ranks, sizes.tokens, sizes.choices)
    check_array("topk_idx", topk_idx, np.int64, shape)
    rows = sizes.rows_per_expert
    source = np.full((sizes.experts, rows), NO_ROW, dtype=np.int32)
    ranges = np.zeros((sizes.experts, sizes.ranks), dtype=np.int64)
    dropped = np.zeros((sizes.experts, sizes.ranks), dtype=np.int32)
    row_of_choice = np.full(shape, NO_ROW, dtype=np.int32)
    fillings = [Filling() for _ in range(sizes.experts)]
    for rank in range(sizes.ranks):
        for token, choices in enumerate(topk_idx[rank].tolist()):
            for expert in experts_of(choices, sizes.experts):
                row = fillings[expert].take_token(sizes.capacity)
                if row == NO_ROW:
                    continue
                source[expert, row] = token
                for choice, named in enumerate(choices):
                    if named == expert:
                        row_of_choice[rank, token, choice] = expert * rows + row
        for expert, filling in enumerate(fillings):
            share = filling.close_rank(sizes.capacity)
            ranges[expert, rank] = layout_range(share.begin, share.count)
            dropped[expert, rank] = share.dropped
    counts = np.array([filling.begin for filling in fillings], dtype=np.int32)
    return Routing(counts, source, ranges, dropped, row_of_choice)


def check_values(x: NDArray[np.uint16], routing: Routing) -> None:
    """Refuse token values that are not those of a routing. Raises DispatchError."""
    ranks, tokens, _ = routing.row_of_choice.shape
    check_array("x", x, np.uint16, (ranks, tokens, None))


def pack_bf16(x: NDArray[np.uint16], routing: Routing) -> NDArray[np.uint16]:
    """``packed_recv_x`` uint16[experts, ranks * capacity, hidden], bfloat16 bits; rows past the count are 0.

    ``x`` is uint16[ranks, tokens, hidden], bfloat16 bits.

    Raises:
        DispatchError: for another dtype or shape.
    """
    check_values(x, routing)
    experts, rows = routing.packed_recv_src_info.shape
    packed = np.zeros((experts * rows, x.shape[2]), dtype=np.uint16)
    for choice in range(routing.row_of_choice.shape[2]):
        row = routing.row_of_choice[:, :, choice]
        packed[row[row != NO_ROW]] = x[row != NO_ROW]
    return packed.reshape(experts, rows, x.shape[2])


def quantise(x: NDArray[np.uint16]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Round bfloat16 bits [..., hidden] to e4m3 bits and one float32 scale per SCALE_GROUP values.

    Per group, in float32 with every operation rounded: ``amax = max(MIN_AMAX, max |x|)``, value
    ``x * (448 / amax)``, scale ``amax / 448``. A NaN makes its whole group NaN, the scale with unspecified bits.

    Raises:
        DispatchError: for another dtype, or a hidden size that is no multiple of SCALE_GROUP.
    """
    check_array("x", x, np.uint16, (None,) * max(np.ndim(x), 1))
    if x.shape[-1] % SCALE_GROUP:
        raise DispatchError(f"x: expected a multiple of {SCALE_GROUP} values a token, got {x.shape[-1]}")
    groups = bf16_to_float32(x).reshape(*x.shape[:-1], x.shape[-1] // SCALE_GROUP, SCALE_GROUP)
    largest = np.float32(E4M3_MAX)
    with np.errstate(all="ignore"):
        amax = np.maximum(np.abs(groups).max(axis=-1, initial=np.float32(0)), np.float32(MIN_AMAX))
        values = groups * (largest / amax)[..., np.newaxis]
        scales = amax / largest
    return float32_to_e4m3(values).reshape(x.shape), scales


def pack_fp8(x: NDArray[np.uint16], routing: Routing) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """``packed_recv_x`` uint8[experts, ranks * capacity, hidden], e4m3 bits, and its float32 scales.

    Scales are [experts, ranks * capacity, hidden / SCALE_GROUP]; rows past the count are 0 in both.

    Raises:
        DispatchError: for another dtype or shape.
    """
    check_values(x, routing)
    experts, rows = routing.packed_recv_src_info.shape
    values, scales = quantise(x)
    packed = np.zeros((experts * rows, x.shape[2]), dtype=np.uint8)
    packed_scales = np.zeros((experts * rows, scales.shape[2]), dtype=np.float32)
    for choice in range(routing.row_of_choice.shape[2]):
        row = routing.row_of_choice[:, :, choice]
        used = row != NO_ROW
        packed[row[used]] = values[used]
        packed_scales[row[used]] = scales[used]
    return packed.reshape(experts, rows, x.shape[2]), packed_scales.reshape(experts, rows, scales.shape[2])
