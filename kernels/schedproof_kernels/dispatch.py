"""Expert dispatch and combine on the GPU: all ranks of a step as slices of one device, or one rank's experts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numba import cuda

from schedproof.arguments import is_whole
from schedproof.dispatch.limits import DispatchError, DispatchSizes, check_sizes
from schedproof_kernels.arrays import (
    BF16,
    VECTOR_BYTES,
    ArgumentError,
    Described,
    as_kernel_argument,
    check,
    check_disjoint,
    describe,
    device_ordinal,
)
from schedproof_kernels.device import Graph, current
from schedproof_kernels.dispatch_buffers import DispatchBuffers, written_arrays
from schedproof_kernels.jit import SIMULATED
from schedproof_kernels.payload_kernel import (
    GROUP_VECTORS,
    THREADS,
    VECTOR_VALUES,
    combine_rows,
    copy_rows,
    quantise_rows,
)
from schedproof_kernels.routing_kernel import THREADS as ROUTING_THREADS
from schedproof_kernels.routing_kernel import TOKENS_PER_CHUNK, count_chunks, place_chunks, sum_chunks

SIMULATED_THREADS = 2 * GROUP_VECTORS
"""Few, and for the smallest rows more than there are vectors."""


def chunks_of(tokens: int) -> int:
    """Chunks that a rank's tokens are cut into; one at least, so that an empty step is reported too."""
    return max(-(-tokens // TOKENS_PER_CHUNK), 1)


def routing_block(columns: int) -> int:
    """Threads of a routing block."""
    return min(columns, 8) if SIMULATED else ROUTING_THREADS


def payload_grid(tokens: int, vectors: int) -> tuple[tuple[int, int], int]:
    """Blocks and threads for ``tokens`` rows of ``vectors``."""
    block = SIMULATED_THREADS if SIMULATED else THREADS
    return (tokens, -(-vectors // block)), block


def checked_experts(experts: Any, num_experts: int) -> tuple[int, int]:
    """The begin and end of a range of experts.

    Raises:
        DispatchError: for anything but a range within all experts that is not empty.
    """
    if isinstance(experts, Sequence) and len(experts) == 2 and all(map(is_whole, experts)):
        begin, end = experts
        if 0 <= begin < end <= num_experts:
            return int(begin), int(end)
    raise DispatchError(f"experts: expected (begin, end) within 0..{num_experts}, got {experts!r}")


class Dispatcher:
    """Dispatches and combines steps of one set of sizes.

    ``experts`` restricts it to the experts ``begin..end-1`` of one rank; ``fp8`` rounds what it sends. ``buffers``
    are the caller's, or are made here.

    Raises:
        DispatchError: for experts outside the sizes.
        ArgumentError: for buffers that do not fit or share memory.
        DeviceError: when there is no GPU.
    """

    def __init__(
        self,
        sizes: DispatchSizes,
        *,
        fp8: bool = False,
        experts: tuple[int, int] | None = None,
        buffers: DispatchBuffers | None = None,
        stream: Any = None,
    ) -> None:
        check_sizes(sizes)
        begin, end = (0, sizes.experts) if experts is None else checked_experts(experts, sizes.experts)
        self.sizes = sizes
        self.fp8 = fp8
        self.first_expert = begin
        self.local_experts = end - begin
        self.device = current()
        self.stream = self.device.stream_or(stream)
        self._vectors = sizes.hidden // VECTOR_VALUES
        self._written = written_arrays(sizes, self.local_experts, fp8=fp8)
        self.buffers = self._allocate() if buffers is None else buffers
        self._described, self._arguments = self._check_buffers()
        self._is_routed = False
        chunks = chunks_of(sizes.tokens)
        self._chunk_counts = cuda.device_array((sizes.ranks, chunks, self.local_experts), np.int32)
        self._totals = cuda.device_array((sizes.ranks, self.local_experts), np.int32)

    def dispatch(self, x: Any, topk_idx: Any) -> DispatchBuffers:
        """Enqueue a dispatch of bfloat16[ranks, tokens, hidden] by int64[ranks, tokens, choices].

        Raises:
            ArgumentError: for an array that does not fit or shares memory with an output; nothing is launched.
        """
        self._bind_dispatch(x, topk_idx)(self.stream)
        self._is_routed = True
        return self.buffers

    def combine(self, y: Any, topk_weights: Any, combined: Any) -> Any:
        """Enqueue the weighted sum of ``y``, shaped as bfloat16 ``packed_recv_x``, into ``combined``.

        ``topk_weights`` float32[ranks, tokens, choices], ``combined`` bfloat16[ranks, tokens, hidden]. Rows come
        from the last dispatch. Returns ``combined``.

        Raises:
            ArgumentError: for an array that does not fit or shares memory with the output, or before the first
                dispatch; nothing is launched.
        """
        self._bind_combine(y, topk_weights, combined)(self.stream)
        return combined

    def capture_dispatch(self, x: Any, topk_idx: Any) -> Graph:
        """A graph that dispatches what these arrays hold when it is launched; runs once beforehand.

        Raises ArgumentError as :meth:`dispatch`.
        """
        graph = self._capture(self._bind_dispatch(x, topk_idx, resident=True))
        self._is_routed = True
        return graph

    def capture_payload(self, x: Any) -> Graph:
        """A graph that moves what this array holds to the rows of the last dispatch; runs once beforehand.

        Raises ArgumentError as :meth:`dispatch`, or before the first dispatch.
        """
        self._check_routed()
        return self._capture(self._bind_payload(x, resident=True))

    def capture_combine(self, y: Any, topk_weights: Any, combined: Any) -> Graph:
        """A graph that combines what these arrays hold when it is launched; runs once beforehand.

        Raises ArgumentError as :meth:`combine`.
        """
        return self._capture(self._bind_combine(y, topk_weights, combined, resident=True))

    def _capture(self, enqueue: Callable[[Any], None]) -> Graph:
        enqueue(self.stream)
        self.device.record(self.stream).sync()
        return self.device.capture(self.stream, enqueue)

    def _check_routed(self) -> None:
        """Refuse to move rows by a routing that is not there: the memory may hold any row."""
        if not self._is_routed:
            raise ArgumentError("row_of_choice: expected the rows of a dispatch, got none yet")

    def _allocate(self) -> DispatchBuffers:
        arrays = {
            written.name: cuda.device_array(written.shape, np.dtype(written.dtypes[-1]))
            for written in self._written
        }
        return DispatchBuffers(**{"scales": None, **arrays})

    def _check_buffers(self) -> tuple[dict[str, Described], dict[str, Any]]:
        if not isinstance(self.buffers, DispatchBuffers):
            raise ArgumentError(f"buffers: expected DispatchBuffers, got {type(self.buffers).__name__}")
        if not self.fp8 and self.buffers.scales is not None:
            raise ArgumentError("scales: expected None for bfloat16, got an array")
        described, arguments = {}, {}
        for written in self._written:
            one = self._accept(
                written.name, getattr(self.buffers, written.name), written.dtypes, written.shape, writable=True
            )
            described[written.name] = one
            arguments[written.name] = as_kernel_argument(one, written.seen_as, written.seen_shape, self.stream)
        check_disjoint(described, described)
        return described, arguments

    def _accept(
        self,
        name: str,
        array: Any,
        dtypes: tuple[str, ...],
        shape: tuple[int, ...],
        *,
        writable: bool = False,
        resident: bool = False,
    ) -> Described:
        described = describe(name, array, self.stream)
        vectors = name in ("packed_recv_x", "x", "y", "combined")
        check(
            name,
            described,
            dtypes=dtypes,
            shape=shape,
            writable=writable,
            resident=resident,
            alignment=VECTOR_BYTES if vectors else 1,
            device=device_ordinal(),
        )
        return described

    def _words(self, described: Described) -> Any:
        return as_kernel_argument(described, np.uint32, (described.size // 4,), self.stream)

    def _bind_routing(self, topk_idx: Any, *, resident: bool = False) -> Callable[[Any], None]:
        sizes, wrote = self.sizes, self._arguments
        chosen = (sizes.ranks, sizes.tokens, sizes.choices)
        described = self._accept("topk_idx", topk_idx, ("int64",), chosen, resident=resident)
        check_disjoint({**self._described, "topk_idx": described}, self._described)
        idx = as_kernel_argument(described, np.int64, chosen, self.stream)
        row_of_choice = as_kernel_argument(self._described["row_of_choice"], np.int32, chosen, self.stream)
        grid = (chunks_of(sizes.tokens), sizes.ranks)
        block = routing_block(self.local_experts)
        columns = (-(-self.local_experts // block), sizes.ranks)

        def enqueue(stream: Any) -> None:
            count_chunks.launch(grid, block, stream, idx, self.first_expert, self._chunk_counts)
            sum_chunks.launch(columns, block, stream, self._chunk_counts, self._totals)
            place_chunks.launch(
                grid,
                block,
                stream,
                idx,
                self.first_expert,
                sizes.capacity,
                self._chunk_counts,
                self._totals,
                wrote["packed_recv_count"],
                wrote["packed_recv_src_info"],
                wrote["packed_recv_layout_range"],
                wrote["dropped"],
                row_of_choice,
            )

        return enqueue

    def _bind_payload(self, x: Any, *, resident: bool = False) -> Callable[[Any], None]:
        sizes, wrote = self.sizes, self._arguments
        described = self._accept("x", x, BF16, (sizes.ranks, sizes.tokens, sizes.hidden), resident=resident)
        check_disjoint({**self._described, "x": described}, self._described)
        tokens = sizes.ranks * sizes.tokens
        grid, block = payload_grid(tokens, self._vectors)
        rows = (self._words(described), wrote["row_of_choice"], self._vectors, wrote["packed_recv_x"])

        def enqueue(stream: Any) -> None:
            if tokens == 0:
                return
            if self.fp8:
                quantise_rows.launch(grid, block, stream, *rows, wrote["scales"])
            else:
                copy_rows.launch(grid, block, stream, *rows)

        return enqueue

    def _bind_dispatch(self, x: Any, topk_idx: Any, *, resident: bool = False) -> Callable[[Any], None]:
        payload, routing = self._bind_payload(x, resident=resident), self._bind_routing(topk_idx, resident=resident)

        def enqueue(stream: Any) -> None:
            routing(stream)
            payload(stream)

        return enqueue

    def _bind_combine(
        self, y: Any, topk_weights: Any, combined: Any, *, resident: bool = False
    ) -> Callable[[Any], None]:
        self._check_routed()
        sizes = self.sizes
        chosen = (sizes.ranks, sizes.tokens, sizes.choices)
        arrays = {
            "y": self._accept(
                "y", y, BF16, (self.local_experts, sizes.rows_per_expert, sizes.hidden), resident=resident
            ),
            "topk_weights": self._accept("topk_weights", topk_weights, ("float32",), chosen, resident=resident),
            "combined": self._accept(
                "combined", combined, BF16, (sizes.ranks, sizes.tokens, sizes.hidden), writable=True
            ),
            "row_of_choice": self._described["row_of_choice"],
        }
        check_disjoint(arrays, ("combined",))
        tokens = sizes.ranks * sizes.tokens
        weights = as_kernel_argument(arrays["topk_weights"], np.float32, (tokens, sizes.choices), self.stream)
        words, target = self._words(arrays["y"]), self._words(arrays["combined"])
        rows = self._arguments["row_of_choice"]

        def enqueue(stream: Any) -> None:
            if tokens:
                grid, block = payload_grid(tokens, self._vectors)
                combine_rows.launch(grid, block, stream, words, rows, weights, self._vectors, target)

        return enqueue
