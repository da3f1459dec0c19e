"""DeepEP's dispatch layout on the GPU: tokens by rank, tokens by expert, and which token goes to which rank."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import cuda

from schedproof.dispatch.limits import SCALE_GROUP, DispatchSizes
from schedproof_kernels.arrays import as_kernel_argument, check, describe, device_ordinal
from schedproof_kernels.device import Graph, current
from schedproof_kernels.dispatch import chunks_of, routing_block
from schedproof_kernels.routing_kernel import count_layout_chunks, sum_chunks


@dataclass(frozen=True, slots=True)
class LayoutBuffers:
    """What a layout writes, as device arrays of the shapes of :class:`schedproof.dispatch.dispatch.Layout`."""

    num_tokens_per_rank: Any
    num_tokens_per_expert: Any
    is_token_in_rank: Any


class LayoutPlan:
    """Counts steps of ``tokens`` tokens with ``choices`` choices among ``experts`` experts on ``ranks`` ranks.

    Raises:
        DispatchError: for a size outside the limits.
        DeviceError: when there is no GPU.
    """

    def __init__(self, tokens: int, choices: int, experts: int, ranks: int, *, stream: Any = None) -> None:
        DispatchSizes(ranks, tokens, choices, experts, SCALE_GROUP, 4)
        self.experts = experts
        self.shape = (1, tokens, choices)
        self.device = current()
        self.stream = self.device.stream_or(stream)
        columns = experts + ranks
        self._chunk_counts = cuda.device_array((1, chunks_of(tokens), columns), np.int32)
        self._totals = cuda.device_array((1, columns), np.int32)
        self._in_rank = cuda.device_array((tokens, ranks), np.bool_)
        counts = self._totals[0]
        self.buffers = LayoutBuffers(counts[experts:], counts[:experts], self._in_rank)

    def layout(self, topk_idx: Any) -> LayoutBuffers:
        """Enqueue the layout of int64[tokens, choices].

        Raises:
            ArgumentError: for another dtype, shape, stride or device; nothing is launched.
        """
        self._bind(topk_idx)(self.stream)
        return self.buffers

    def capture(self, topk_idx: Any) -> Graph:
        """A graph of the layout of what this array holds when it is launched; runs once beforehand.

        Raises ArgumentError as :meth:`layout`.
        """
        enqueue = self._bind(topk_idx, resident=True)
        enqueue(self.stream)
        self.device.record(self.stream).sync()
        return self.device.capture(self.stream, enqueue)

    def _bind(self, topk_idx: Any, *, resident: bool = False) -> Callable[[Any], None]:
        described = describe("topk_idx", topk_idx, self.stream)
        check(
            "topk_idx",
            described,
            dtypes=("int64",),
            shape=self.shape[1:],
            resident=resident,
            device=device_ordinal(),
        )
        idx = as_kernel_argument(described, np.int64, self.shape, self.stream)
        columns = self._totals.shape[1]
        block = routing_block(columns)

        def enqueue(stream: Any) -> None:
            chunks = (self._chunk_counts.shape[1],)
            count_layout_chunks.launch(chunks, block, stream, idx, self.experts, self._chunk_counts, self._in_rank)
            sum_chunks.launch((-(-columns // block), 1), block, stream, self._chunk_counts, self._totals)

        return enqueue
