"""Streams, events, graphs and host memory that the GPU sees, through cuda-python.

:func:`current` gives the GPU, or in the simulator a stand-in of the same shape that runs everything at once.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numba import cuda
from numpy.typing import NDArray

from schedproof_kernels import INSTALL_HINT
from schedproof_kernels.jit import SIMULATED


class DeviceError(RuntimeError):
    """There is no GPU to use, or the driver refused a call; says what is missing and what to install."""


class Event(Protocol):
    """A point in a stream's work."""

    def sync(self) -> None:
        """Wait until the stream has reached it."""


class HostArray:
    """int32 words in page-locked host memory that kernels can read and write in place.

    ``host`` is the NumPy view, ``device`` the array to give to a kernel.
    """

    def __init__(self, host: NDArray[np.int32], device: Any, release: Callable[[], None]) -> None:
        self.host = host
        self.device = device
        self._release = release

    def close(self) -> None:
        """Give the memory back; nothing may use it afterwards."""
        self._release()
        self._release = _nothing


class Graph(Protocol):
    """Captured work that can be launched again and again."""

    def launch(self, stream: Any) -> None:
        """Enqueue the captured work."""


class Device(Protocol):
    """What the entry points need of a GPU."""

    def stream(self) -> Any:
        """A new stream."""

    def stream_or(self, given: Any) -> Any:
        """The stream that a caller gave, of any library, or a new one for None.

        Raises:
            DeviceError: when it is no stream.
        """

    def record(self, stream: Any) -> Event:
        """An event behind all work enqueued so far."""

    def host_array(self, words: int) -> HostArray:
        """Zeroed page-locked, mapped memory."""

    def copy_to_host(self, target: HostArray, source: Any, words: int, stream: Any) -> None:
        """Enqueue a copy of a device array's first ``words`` int32 words; does not wait."""

    def capture(self, stream: Any, enqueue: Callable[[Any], None]) -> Graph:
        """The work that ``enqueue`` puts on the stream it is given, as a graph; nothing runs."""


def _nothing() -> None:
    pass


class Gpu:
    """The current CUDA device.

    Raises:
        DeviceError: when there is no GPU, driver or toolkit package.
    """

    def __init__(self) -> None:
        try:
            from cuda.bindings import driver
            from cuda.core import Device as CoreDevice
        except ImportError as error:
            raise DeviceError(f"no cuda-python ({error}): {INSTALL_HINT}") from error
        try:
            self._device = CoreDevice()
            self._device.set_current()
        except Exception as error:
            raise DeviceError(f"no usable GPU or driver ({error}); for all else, {INSTALL_HINT}") from error
        self._driver = driver

    def _call(self, name: str, *arguments: Any) -> Any:
        status, *values = getattr(self._driver, name)(*arguments)
        if status != self._driver.CUresult.CUDA_SUCCESS:
            raise DeviceError(f"{name}: {status.name}")
        return values[0] if values else None

    def stream(self) -> Any:
        """A new stream."""
        return self._device.create_stream()

    def stream_or(self, given: Any) -> Any:
        """The stream that a caller gave, of any library with ``__cuda_stream__``, or a new one for None."""
        if given is None:
            return self.stream()
        if not hasattr(given, "__cuda_stream__"):
            raise DeviceError(f"stream: expected an object with __cuda_stream__, got {type(given).__name__}")
        return given if hasattr(given, "record") and hasattr(given, "handle") else self._device.create_stream(given)

    def record(self, stream: Any) -> Event:
        """An event behind all work enqueued so far."""
        event: Event = stream.record()
        return event

    def host_array(self, words: int) -> HostArray:
        """Zeroed page-locked, mapped memory."""
        size = words * ctypes.sizeof(ctypes.c_int32)
        flags = self._driver.CU_MEMHOSTALLOC_DEVICEMAP | self._driver.CU_MEMHOSTALLOC_PORTABLE
        pointer = int(self._call("cuMemHostAlloc", size, flags))
        mapped = int(self._call("cuMemHostGetDevicePointer", pointer, 0))
        host = np.ctypeslib.as_array((ctypes.c_int32 * words).from_address(pointer))
        host[:] = 0
        interface = {"shape": (words,), "typestr": "<i4", "data": (mapped, False), "strides": None, "version": 3}
        device = cuda.from_cuda_array_interface(interface, owner=None, sync=False)
        return HostArray(host, device, lambda: self._call("cuMemFreeHost", pointer))

    def copy_to_host(self, target: HostArray, source: Any, words: int, stream: Any) -> None:
        """Enqueue a copy of a device array's first ``words`` int32 words; does not wait."""
        pointer = int(source.__cuda_array_interface__["data"][0])
        self._call(
            "cuMemcpyDtoHAsync", target.host.ctypes.data, pointer, words * target.host.itemsize, stream.handle
        )

    def capture(self, stream: Any, enqueue: Callable[[Any], None]) -> Graph:
        """The work that ``enqueue`` puts on the stream it is given, as a graph; nothing runs."""
        builder = stream.create_graph_builder()
        builder.begin_building("thread_local")
        try:
            enqueue(builder.stream)
        finally:
            builder.end_building()
        return _Captured(builder.complete(), enqueue)


class _Captured:
    """A graph that keeps the arrays it works on alive, by the closure that enqueued them."""

    def __init__(self, graph: Any, enqueue: Callable[[Any], None]) -> None:
        self._graph = graph
        self._kept = enqueue

    def launch(self, stream: Any) -> None:
        """Enqueue the captured work."""
        self._graph.launch(stream)


class _Done:
    def sync(self) -> None:
        """Nothing is ever pending in the simulator."""


class _Replay:
    def __init__(self, enqueue: Callable[[Any], None]) -> None:
        self._enqueue = enqueue

    def launch(self, stream: Any) -> None:
        """Run the captured work."""
        self._enqueue(stream)


class Simulated:
    """The simulator as a device: one stream, and every piece of work done when it is enqueued."""

    def stream(self) -> Any:
        """The only stream."""
        return 0

    def stream_or(self, given: Any) -> Any:
        """The only stream, whatever is given."""
        return self.stream()

    def record(self, stream: Any) -> Event:
        """An event that has passed."""
        return _Done()

    def host_array(self, words: int) -> HostArray:
        """Ordinary memory, seen by both sides."""
        host = np.zeros(words, dtype=np.int32)
        return HostArray(host, host, _nothing)

    def copy_to_host(self, target: HostArray, source: Any, words: int, stream: Any) -> None:
        """Copy now."""
        target.host[:words] = source[:words]

    def capture(self, stream: Any, enqueue: Callable[[Any], None]) -> Graph:
        """The work itself, to be called again."""
        return _Replay(enqueue)


_CURRENT: list[Device] = []


def current() -> Device:
    """The device that kernels run on, opened at the first call.

    Raises:
        DeviceError: when there is none and this is not the simulator.
    """
    if not _CURRENT:
        _CURRENT.append(Simulated() if SIMULATED else Gpu())
    return _CURRENT[0]
