"""Save-output on the GPU: a step's accepted tokens as the fixed message, without a blocking copy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schedproof.output.message_layout import HEADER_WORDS, MESSAGE_WORDS
from schedproof.output.save_output import BATCH_WORD, check_batch, check_message_id, check_width, signed_id
from schedproof_kernels.arrays import as_kernel_argument, check, describe, device_ordinal
from schedproof_kernels.jit import SIMULATED
from schedproof_kernels.message_packer import CapturedStep, MessagePacker, check_counts
from schedproof_kernels.save_output_kernel import CONTROL_WORDS, THREADS, pack_save_output

SIMULATED_GRID = ((2,), 16)
"""Few threads: each one costs the simulator a Python thread."""


def launch_grid() -> tuple[tuple[int, ...], int]:
    """Blocks and threads: a word a thread."""
    if SIMULATED:
        return SIMULATED_GRID
    return (-(-MESSAGE_WORDS // THREADS),), THREADS


@dataclass(frozen=True, slots=True)
class SaveOutputGraph:
    """A captured step; see :meth:`SaveOutput.capture`."""

    captured: CapturedStep
    message_id: int

    def replay(self, batch_size: int, *, not_need_stop: bool = True, skip_prefill: bool = False) -> None:
        """Enqueue the step with what the captured inputs hold now. Raises ArgumentError for a bad batch."""
        self.captured.start(_control(self.message_id, batch_size, not_need_stop, skip_prefill))


def _control(message_id: int, batch_size: int, not_need_stop: bool, skip_prefill: bool) -> tuple[int, int, int]:
    return signed_id(message_id, not_need_stop), batch_size, int(skip_prefill)


class SaveOutput:
    """Packs steps of up to ``rows`` slots and ``width`` tokens a slot.

    Every input has ``rows`` rows; ``batch_size`` of them are live. ``mapped`` lets the kernel write to host memory
    itself instead of copying afterwards.

    Raises:
        OutputError: for rows, a width or a message id outside the message's limits.
        DeviceError: when there is no GPU.
    """

    def __init__(
        self, rows: int, width: int, *, message_id: int = 1, mapped: bool = False, stream: Any = None
    ) -> None:
        check_batch(rows, "rows")
        check_width(width, "width")
        check_message_id(message_id)
        self.width = width
        self.message_id = message_id
        self.packer = MessagePacker(MESSAGE_WORDS, rows, CONTROL_WORDS, mapped, stream)

    def close(self) -> None:
        """Wait for the last step, then give the page-locked memory back; nothing can be launched afterwards."""
        self.packer.close()

    def launch(
        self,
        accept_tokens: Any,
        accept_num: Any,
        seq_lens_decoder: Any,
        prompt_lens: Any,
        *,
        batch_size: int,
        not_need_stop: bool = True,
        skip_prefill: bool = False,
    ) -> None:
        """Enqueue one step: int64[rows, width], int32[rows], int32[rows], int64[rows].

        Raises:
            ArgumentError: for an array or batch that does not fit; nothing is launched.
        """
        launch = self._bind(accept_tokens, accept_num, seq_lens_decoder, prompt_lens)
        control = _control(self.message_id, batch_size, not_need_stop, skip_prefill)
        self.packer.start(control, lambda: self.packer.enqueue(launch, self.packer.stream))

    def capture(
        self, accept_tokens: Any, accept_num: Any, seq_lens_decoder: Any, prompt_lens: Any
    ) -> SaveOutputGraph:
        """Capture a step over these device arrays; each replay reads what they hold then.

        The kernel runs once beforehand, so that it is compiled. Raises ArgumentError as :meth:`launch`.
        """
        launch = self._bind(accept_tokens, accept_num, seq_lens_decoder, prompt_lens, resident=True)
        control = _control(self.message_id, 0, True, False)
        self.packer.start(control, lambda: self.packer.enqueue(launch, self.packer.stream))
        self.packer.wait()
        graph = self.packer.device.capture(self.packer.stream, lambda stream: self.packer.enqueue(launch, stream))
        return SaveOutputGraph(CapturedStep(graph, self.packer), self.message_id)

    def read(self) -> NDArray[np.int32]:
        """Wait for the last step and return a copy of its int32[MESSAGE_WORDS] message.

        Raises:
            OutputError: naming the slot whose count or token the reference would have refused.
        """
        message = self.packer.words_read().copy()
        batch = int(message[BATCH_WORD])
        check_counts(message[HEADER_WORDS : HEADER_WORDS + batch], self.width)
        return message

    def _bind(
        self,
        accept_tokens: Any,
        accept_num: Any,
        seq_lens_decoder: Any,
        prompt_lens: Any,
        *,
        resident: bool = False,
    ) -> Callable[[Any, Any, Any], None]:
        rows, stream = self.packer.rows, self.packer.stream
        arguments = []
        for name, array, dtype, shape in (
            ("accept_tokens", accept_tokens, np.int64, (rows, self.width)),
            ("accept_num", accept_num, np.int32, (rows,)),
            ("seq_lens_decoder", seq_lens_decoder, np.int32, (rows,)),
            ("prompt_lens", prompt_lens, np.int64, (rows,)),
        ):
            described = describe(name, array, stream)
            check(
                name,
                described,
                dtypes=(np.dtype(dtype).name,),
                shape=shape,
                resident=resident,
                device=device_ordinal(),
            )
            arguments.append(as_kernel_argument(described, dtype, shape, stream))
        grid, block = launch_grid()

        def launch(stream: Any, control: Any, message: Any) -> None:
            pack_save_output.launch(grid, block, stream, *arguments, control, message)

        return launch
