"""The arrays that a dispatch writes: what a caller passes, and how the kernels see the same bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from schedproof.dispatch.limits import DispatchSizes
from schedproof_kernels.arrays import BF16, E4M3

WORD_BYTES = 4
BF16_BYTES = 2
E4M3_BYTES = 1


@dataclass(frozen=True, slots=True)
class DispatchBuffers:
    """What a dispatch writes, named as DeepEP names it; device arrays of any library.

    ``packed_recv_x`` uint16 bfloat16 bits or uint8 e4m3 bits [local_experts, ranks * capacity, hidden], ``scales``
    float32 [local_experts, ranks * capacity, hidden / 128] for fp8 and None for bfloat16; the others as
    :class:`schedproof.dispatch.dispatch.Routing`. Rows past an expert's count are left as they were.
    """

    packed_recv_x: Any
    scales: Any
    packed_recv_count: Any
    packed_recv_src_info: Any
    packed_recv_layout_range: Any
    dropped: Any
    row_of_choice: Any


@dataclass(frozen=True, slots=True)
class WrittenArray:
    """One of the buffers: the element types and shape that are accepted, and those that the kernels use."""

    name: str
    dtypes: tuple[str, ...]
    """Names under which the element type is accepted; the last is NumPy's."""
    shape: tuple[int, ...]
    seen_as: type[np.generic]
    seen_shape: tuple[int, ...]


def written_arrays(sizes: DispatchSizes, local_experts: int, *, fp8: bool) -> tuple[WrittenArray, ...]:
    """Return what a dispatch to so many experts writes, ``scales`` only where it rounds to fp8."""
    rows, ranks = sizes.rows_per_expert, sizes.ranks
    value_bytes = E4M3_BYTES if fp8 else BF16_BYTES
    words = local_experts * rows * sizes.hidden // (WORD_BYTES // value_bytes)
    payload = (local_experts, rows, sizes.hidden)
    choices = (ranks, sizes.tokens, sizes.choices)
    by_rank = (local_experts, ranks)
    written = (
        WrittenArray("packed_recv_x", E4M3 if fp8 else BF16, payload, np.uint32, (words,)),
        WrittenArray("packed_recv_count", ("int32",), (local_experts,), np.int32, (local_experts,)),
        WrittenArray("packed_recv_src_info", ("int32",), (local_experts, rows), np.int32, (local_experts, rows)),
        WrittenArray("packed_recv_layout_range", ("int64",), by_rank, np.int32, (*by_rank, 2)),
        WrittenArray("dropped", ("int32",), by_rank, np.int32, by_rank),
        WrittenArray("row_of_choice", ("int32",), choices, np.int32, (ranks * sizes.tokens, sizes.choices)),
    )
    if not fp8:
        return written
    scales = local_experts * rows * sizes.scales
    return (
        *written,
        WrittenArray("scales", ("float32",), (local_experts, rows, sizes.scales), np.float32, (scales,)),
    )
