"""What both output messages share: control words, the message's way to the host, and capture in a graph.

One kernel packs on the device; then either one asynchronous copy brings the message to page-locked memory, or, in
the mapped form, the kernel writes it there itself. An event says when it is readable. Nothing blocks before
``read``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import cuda
from numpy.typing import NDArray

from schedproof.arguments import in_range, shown
from schedproof.output.save_output import OutputError
from schedproof_kernels.arrays import ArgumentError
from schedproof_kernels.device import Event, Graph, current
from schedproof_kernels.save_output_kernel import CONTROL_BATCH, REFUSED_TOKEN


class MessagePacker:
    """Owns the buffers of one message and enqueues its kernel; at most one step is under way.

    ``words`` is the length of the message buffer, ``rows`` the rows of every input.
    """

    def __init__(self, words: int, rows: int, control_words: int, mapped: bool, stream: Any) -> None:
        self.rows = rows
        self.device = current()
        self.stream = self.device.stream_or(stream)
        self.mapped = mapped
        self.words = words
        self._host = self.device.host_array(words)
        self._control = self.device.host_array(control_words)
        self._message = self._host.device if mapped else cuda.device_array(words, np.int32)
        self._event: Event | None = None
        self._is_open = True

    def enqueue(self, launch: Callable[[Any, Any, Any], None], stream: Any) -> None:
        """Put the kernel, and the copy where there is one, on a stream."""
        launch(stream, self._control.device, self._message)
        if not self.mapped:
            self.device.copy_to_host(self._host, self._message, self.words, stream)

    def start(self, control: Sequence[int], run: Callable[[], None]) -> None:
        """Wait for the step before, set the control words, run, and mark when the message is readable.

        Raises:
            ArgumentError: for a batch outside the rows, or buffers that are closed.
        """
        if not self._is_open:
            raise ArgumentError("launch: expected open buffers, got closed ones")
        batch = control[CONTROL_BATCH]
        if not in_range(batch, 0, self.rows):
            raise ArgumentError(f"batch_size: expected 0..{self.rows}, got {shown(batch)}")
        self.wait()
        self._control.host[:] = control
        run()
        self._event = self.device.record(self.stream)

    def wait(self) -> None:
        """Wait until the last step's message is readable."""
        if self._event is not None:
            self._event.sync()

    def words_read(self) -> NDArray[np.int32]:
        """The last step's buffer, once readable; overwritten by the next step.

        Raises:
            OutputError: before the first step.
        """
        if self._event is None:
            raise OutputError("message: expected a launched step, got none")
        self.wait()
        return self._host.host

    def close(self) -> None:
        """Wait, then give the page-locked memory back."""
        self.wait()
        self._event = None
        self._is_open = False
        self._host.close()
        self._control.close()


@dataclass(frozen=True, slots=True)
class CapturedStep:
    """A step captured in a graph; its inputs must stay where they are."""

    graph: Graph
    packer: MessagePacker

    def start(self, control: Sequence[int]) -> None:
        """Replay with new control words and whatever the inputs hold now."""
        self.packer.start(control, lambda: self.graph.launch(self.packer.stream))


def check_counts(counts: NDArray[np.int32], width: int) -> None:
    """Name the first slot that the kernel refused.

    Raises:
        OutputError: when there is one; the message must not be sent.
    """
    for slot in np.flatnonzero(counts < 0).tolist():
        if counts[slot] == REFUSED_TOKEN:
            raise OutputError(f"slot {slot}: expected int32 token ids and ranks, got a larger value")
        raise OutputError(f"accept_num[{slot}]: expected 0..{width}, got a value outside")
