"""The top-k message on the GPU, fixed or compact, without a blocking copy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schedproof.output.save_output import check_message_id, check_width, signed_id
from schedproof.output.save_output_topk import check_columns, check_kind, check_topk_batch
from schedproof.output.topk_layout import (
    BATCH_WORD,
    COMPACT_COUNTS_BEGIN,
    COUNTS_BEGIN,
    KIND_TARGET,
    TOPK_MESSAGE_WORDS,
    compact_row_begin,
)
from schedproof_kernels.arrays import as_kernel_argument, check, describe, device_ordinal
from schedproof_kernels.jit import SIMULATED
from schedproof_kernels.message_packer import CapturedStep, MessagePacker, check_counts
from schedproof_kernels.topk_kernel import (
    COMPACT_THREADS,
    CONTROL_WORDS,
    THREADS,
    pack_topk_compact,
    pack_topk_fixed,
)

SIMULATED_THREADS = 16


@dataclass(frozen=True, slots=True)
class TopkGraph:
    """A captured step; see :meth:`SaveTopk.capture`."""

    captured: CapturedStep
    message_id: int

    def replay(self, batch_size: int, *, kind: int = KIND_TARGET, not_need_stop: bool = True) -> None:
        """Enqueue the step with what the captured inputs hold now.

        Raises ArgumentError for a bad batch, OutputError for a bad kind.
        """
        check_kind(kind)
        self.captured.start((signed_id(self.message_id, not_need_stop), batch_size, kind))


class SaveTopk:
    """Packs steps of up to ``rows`` slots, ``width`` tokens a slot, ``columns`` ids a token.

    Every input has ``rows`` rows; ``batch_size`` of them are live. The compact form carries accepted rows only.

    Raises:
        OutputError: for a size or message id outside the message's limits.
        DeviceError: when there is no GPU.
    """

    def __init__(
        self,
        rows: int,
        width: int,
        columns: int,
        *,
        message_id: int = 1,
        compact: bool = False,
        mapped: bool = False,
        stream: Any = None,
    ) -> None:
        check_topk_batch(rows, "rows")
        check_width(width, "width")
        check_columns(columns, "columns")
        check_message_id(message_id)
        self.width = width
        self.columns = columns
        self.message_id = message_id
        self.compact = compact
        words = compact_row_begin(rows, columns, rows * width) if compact else TOPK_MESSAGE_WORDS
        self.packer = MessagePacker(words, rows, CONTROL_WORDS, mapped, stream)

    def close(self) -> None:
        """Wait for the last step, then give the page-locked memory back; nothing can be launched afterwards."""
        self.packer.close()

    def launch(
        self,
        ids: Any,
        scores: Any,
        ranks: Any,
        accept_num: Any,
        *,
        batch_size: int,
        kind: int = KIND_TARGET,
        not_need_stop: bool = True,
    ) -> None:
        """Enqueue one step: int64[rows, width, columns], float32[same], int64[rows, width], int32[rows].

        Raises:
            ArgumentError: for an array or batch that does not fit; nothing is launched.
            OutputError: for a kind that is neither target nor draft.
        """
        check_kind(kind)
        launch = self._bind(ids, scores, ranks, accept_num)
        control = (signed_id(self.message_id, not_need_stop), batch_size, kind)
        self.packer.start(control, lambda: self.packer.enqueue(launch, self.packer.stream))

    def capture(self, ids: Any, scores: Any, ranks: Any, accept_num: Any) -> TopkGraph:
        """Capture a step over these device arrays; each replay reads what they hold then.

        The kernel runs once beforehand, so that it is compiled. Raises ArgumentError as :meth:`launch`.
        """
        launch = self._bind(ids, scores, ranks, accept_num, resident=True)
        control = (signed_id(self.message_id, True), 0, KIND_TARGET)
        self.packer.start(control, lambda: self.packer.enqueue(launch, self.packer.stream))
        self.packer.wait()
        graph = self.packer.device.capture(self.packer.stream, lambda stream: self.packer.enqueue(launch, stream))
        return TopkGraph(CapturedStep(graph, self.packer), self.message_id)

    def read(self) -> NDArray[np.int32]:
        """Wait for the last step and return a copy of its message, the compact one cut to its length.

        Raises:
            OutputError: naming the slot whose count, id or rank the reference would have refused.
        """
        words = self.packer.words_read()
        batch = int(words[BATCH_WORD])
        begin = COMPACT_COUNTS_BEGIN if self.compact else COUNTS_BEGIN
        counts = words[begin : begin + batch]
        check_counts(counts, self.width)
        length = compact_row_begin(batch, self.columns, int(counts.sum())) if self.compact else words.size
        return words[:length].copy()

    def _bind(
        self, ids: Any, scores: Any, ranks: Any, accept_num: Any, *, resident: bool = False
    ) -> Callable[[Any, Any, Any], None]:
        rows, stream = self.packer.rows, self.packer.stream
        full = (rows, self.width, self.columns)
        arguments = []
        for name, array, dtype, seen_as, shape in (
            ("ids", ids, "int64", np.int64, full),
            ("scores", scores, "float32", np.int32, full),
            ("ranks", ranks, "int64", np.int64, full[:2]),
            ("accept_num", accept_num, "int32", np.int32, full[:1]),
        ):
            described = describe(name, array, stream)
            check(name, described, dtypes=(dtype,), shape=shape, resident=resident, device=device_ordinal())
            arguments.append(as_kernel_argument(described, seen_as, shape, stream))
        kernel = pack_topk_compact if self.compact else pack_topk_fixed
        grid, block = self._grid()

        def launch(stream: Any, control: Any, message: Any) -> None:
            kernel.launch(grid, block, stream, *arguments, control, message)

        return launch

    def _grid(self) -> tuple[tuple[int, ...], int]:
        if self.compact:
            return (max(self.packer.rows, 1),), 2 if SIMULATED else COMPACT_THREADS
        if SIMULATED:
            return (1,), SIMULATED_THREADS
        return (-(-TOPK_MESSAGE_WORDS // THREADS),), THREADS
