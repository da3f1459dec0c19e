"""Arrays on the device with poison inside and canaries around, and the sizes that the tests use there."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import numpy as np
from hypothesis import HealthCheck, settings
from numba import cuda

from schedproof_kernels.jit import SIMULATED

GUARD_BYTES = 256
CANARY = 0xA5
POISON = 0x5A

EXAMPLES = settings(
    max_examples=40 if SIMULATED else 150, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
FEW_EXAMPLES = settings(EXAMPLES, max_examples=10 if SIMULATED else 60)


class Guarded:
    """A device array whose bytes are poisoned, or hold ``values``, between two runs of canaries."""

    def __init__(self, shape: tuple[int, ...], dtype: Any, values: np.ndarray | None = None) -> None:
        self.dtype = np.dtype(dtype)
        self.shape = shape
        self.size = math.prod(shape) * self.dtype.itemsize
        raw = np.full(GUARD_BYTES + self.size + GUARD_BYTES, CANARY, dtype=np.uint8)
        raw[GUARD_BYTES : GUARD_BYTES + self.size] = POISON
        if values is not None:
            raw[GUARD_BYTES : GUARD_BYTES + self.size] = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
        if SIMULATED:
            raw = aligned(raw)
            self._raw = raw
            self.array = self._inner(raw).view(self.dtype).reshape(shape)
        else:
            self._raw = cuda.to_device(raw)
            cuda.synchronize()
            start = self._raw.__cuda_array_interface__["data"][0] + GUARD_BYTES
            interface = {"shape": shape, "typestr": self.dtype.str, "data": (start, False), "version": 3}
            self.array = cuda.from_cuda_array_interface(interface, owner=self._raw, sync=False)

    def _inner(self, raw: Any) -> Any:
        return raw[GUARD_BYTES : GUARD_BYTES + self.size]

    def values(self) -> np.ndarray:
        """What the array holds, after checking that nothing was written around it."""
        raw = self._raw if SIMULATED else self._raw.copy_to_host()
        outside = np.concatenate([raw[:GUARD_BYTES], raw[GUARD_BYTES + self.size :]])
        assert (outside == CANARY).all(), "a write left its buffer"
        return self._inner(raw).copy().view(self.dtype).reshape(self.shape)

    def overwrite(self, values: np.ndarray) -> None:
        """Put other values where the array is."""
        if SIMULATED:
            self.array[...] = values
        else:
            self.array.copy_to_device(np.ascontiguousarray(values))
            cuda.synchronize()


def aligned(raw: np.ndarray) -> np.ndarray:
    """The same bytes at an address that vectors may start from."""
    spare = np.empty(raw.size + GUARD_BYTES, dtype=np.uint8)
    offset = -spare.ctypes.data % GUARD_BYTES
    target = spare[offset : offset + raw.size]
    target[:] = raw
    return target


def guard(values: np.ndarray) -> Guarded:
    return Guarded(values.shape, values.dtype, values)


def poison(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """What an untouched array of :class:`Guarded` holds."""
    return np.full(math.prod(shape) * np.dtype(dtype).itemsize, POISON, np.uint8).view(dtype).reshape(shape)


@contextmanager
def guarded_allocations() -> Iterator[None]:
    """Poison and guard what entry points allocate for themselves, too; checked at the end."""
    made: list[Guarded] = []

    def allocate(shape: Any, dtype: Any) -> Any:
        made.append(Guarded(shape if isinstance(shape, tuple) else (shape,), dtype))
        return made[-1].array

    with mock.patch.object(cuda, "device_array", allocate):
        yield
    assert made
    for one in made:
        one.values()


def on_host(array: Any) -> np.ndarray:
    """What an array holds, wherever it is."""
    return array if isinstance(array, np.ndarray) else array.copy_to_host()
