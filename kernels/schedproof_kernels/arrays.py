"""Arrays of any library as kernel arguments, without copies, after every check.

Accepted are NumPy arrays (copied to the GPU; as outputs only in the simulator), and anything with DLPack or the
CUDA array interface: PyTorch, CuPy, Paddle, Numba. Work of the array's producer is ordered before the given
stream's.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import cuda

from schedproof_kernels.jit import SIMULATED

VECTOR_BYTES = 16
"""Arrays that are moved in vectors start at a multiple of this."""

BF16 = ("bfloat16", "uint16")
E4M3 = ("float8_e4m3fn", "uint8")
"""Names under which raw bits are accepted."""


class ArgumentError(ValueError):
    """An argument that a kernel cannot take: names it, what was expected and what came. Nothing was launched."""


@dataclass(frozen=True, slots=True)
class Described:
    """An array as its producer describes it; strides in elements, ``device`` None for host memory."""

    pointer: int
    shape: tuple[int, ...]
    strides: tuple[int, ...] | None
    dtype: str
    itemsize: int
    readonly: bool
    device: int | None
    owner: Any

    @property
    def size(self) -> int:
        """Bytes from first to last element of a contiguous array."""
        return math.prod(self.shape) * self.itemsize


def _describe_numpy(array: np.ndarray[Any, Any]) -> Described:
    item = array.dtype.itemsize
    strides = tuple(stride // item for stride in array.strides)
    return Described(
        array.__array_interface__["data"][0],
        array.shape,
        strides,
        array.dtype.name,
        item,
        not array.flags.writeable,
        None,
        array,
    )


def describe(name: str, array: Any, stream: Any) -> Described:
    """Read an array's description through whichever interface it has.

    Raises:
        ArgumentError: when it has none, or an element type that no kernel takes.
    """
    if SIMULATED:
        return _describe_numpy(_simulated_numpy(name, array))
    if isinstance(array, np.ndarray):
        return _describe_numpy(array)
    from cuda.core.utils import StridedMemoryView

    try:
        view = StridedMemoryView.from_any_interface(array, stream_ptr=int(stream.handle))
        dtype = view.dtype
    except (BufferError, TypeError, NotImplementedError) as error:
        raise ArgumentError(
            f"{name}: expected NumPy, DLPack or the CUDA array interface, got {type(array).__name__} ({error}); "
            "view fp8 as uint8 bits, and bfloat16 as uint16 bits where ml_dtypes is not installed"
        ) from error
    device = view.device_id if view.is_device_accessible else None
    shape = tuple(view.shape)
    strides = None if view.strides is None else tuple(view.strides)
    return Described(view.ptr, shape, strides, dtype.name, dtype.itemsize, view.readonly, device, (array, view))


def _simulated_numpy(name: str, array: Any) -> np.ndarray[Any, Any]:
    if isinstance(array, np.ndarray):
        return array
    inner = getattr(array, "_ary", None)
    if isinstance(inner, np.ndarray):
        return inner
    reason = ""
    if hasattr(array, "__dlpack__"):
        try:
            return np.from_dlpack(array)
        except (BufferError, RuntimeError, TypeError) as error:
            reason = f" ({error})"
    raise ArgumentError(
        f"{name}: expected NumPy or DLPack of host memory in the simulator, got {type(array).__name__}{reason}"
    )


def _contiguous(described: Described) -> bool:
    if described.strides is None or described.size == 0:
        return True
    expected = 1
    for length, stride in zip(reversed(described.shape), reversed(described.strides), strict=True):
        if length != 1 and stride != expected:
            return False
        expected *= length
    return True


def check(
    name: str,
    described: Described,
    *,
    dtypes: Iterable[str],
    shape: tuple[int | None, ...],
    writable: bool = False,
    resident: bool = False,
    alignment: int = 1,
    device: int | None = None,
) -> None:
    """Refuse an array that a kernel cannot take; ``None`` in ``shape`` stands for any length.

    An input may be in host memory, which is copied, unless it is ``resident``: outputs and captured inputs are not
    copied.

    Raises:
        ArgumentError: for another dtype, shape, stride or device, a read-only output, or a misaligned start.
    """
    names = tuple(dtypes)
    if described.dtype not in names:
        raise ArgumentError(f"{name}: expected dtype {' or '.join(names)}, got {described.dtype}")
    fits = len(described.shape) == len(shape) and all(
        wanted is None or wanted == got for wanted, got in zip(shape, described.shape, strict=True)
    )
    if not fits:
        wanted = tuple("any" if length is None else length for length in shape)
        raise ArgumentError(f"{name}: expected shape {wanted}, got {described.shape}")
    if not _contiguous(described):
        raise ArgumentError(f"{name}: expected C-contiguous, got strides {described.strides} for {described.shape}")
    if writable and described.readonly:
        raise ArgumentError(f"{name}: expected writable memory, got read-only")
    if described.size and described.pointer % alignment:
        raise ArgumentError(f"{name}: expected a start aligned to {alignment} bytes, got {described.pointer:#x}")
    if described.device != device and (described.device is not None or writable or resident):
        came = "host memory" if described.device is None else f"device {described.device}"
        raise ArgumentError(f"{name}: expected device {device}, got {came}")


def check_disjoint(arrays: dict[str, Described], outputs: Iterable[str]) -> None:
    """Refuse an output that shares memory with any other argument.

    Raises:
        ArgumentError: naming both.
    """
    for output in outputs:
        target = arrays[output]
        for name, other in arrays.items():
            if name == output or not target.size or not other.size:
                continue
            if target.pointer < other.pointer + other.size and other.pointer < target.pointer + target.size:
                raise ArgumentError(f"{output}: expected memory of its own, got memory shared with {name}")


def host_values(described: Described, dtype: type[np.generic], shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """The bytes of a checked array in host memory as ``dtype`` and ``shape``; lives as long as the array."""
    if not described.size:
        return np.empty(shape, dtype=dtype)
    memory = (ctypes.c_uint8 * described.size).from_address(described.pointer)
    return np.frombuffer(memoryview(memory), dtype=dtype).reshape(shape)


def as_kernel_argument(described: Described, dtype: type[np.generic], shape: tuple[int, ...], stream: Any) -> Any:
    """The checked array as the kernel sees it: the same bytes as ``dtype`` and ``shape``; host memory is copied."""
    if SIMULATED:
        return described.owner.reshape(-1).view(dtype).reshape(shape)
    if described.device is None:
        return cuda.to_device(host_values(described, dtype, shape), stream=stream)
    interface = {
        "shape": shape,
        "typestr": np.dtype(dtype).str,
        "data": (described.pointer, described.readonly),
        "strides": None,
        "version": 3,
    }
    return cuda.from_cuda_array_interface(interface, owner=described.owner, sync=False)


def device_ordinal() -> int | None:
    """The current device's number, None in the simulator."""
    return None if SIMULATED else int(cuda.get_current_device().id)
