"""What arrays are taken, and how others are refused."""

import re
from typing import Any

import numpy as np
import pytest

from schedproof_kernels.arrays import ArgumentError, Described, check, check_disjoint, describe
from schedproof_kernels.jit import SIMULATED

ACCEPTED: dict[str, Any] = {
    "dtypes": ("int32",),
    "shape": (4, None),
    "writable": True,
    "alignment": 16,
    "device": 0,
}


def described(**changes: Any) -> Described:
    fields: dict[str, Any] = {
        "pointer": 4096,
        "shape": (4, 8),
        "strides": (8, 1),
        "dtype": "int32",
        "itemsize": 4,
        "readonly": False,
        "device": 0,
        "owner": None,
    }
    return Described(**{**fields, **changes})


@pytest.mark.parametrize(
    "fine",
    [{}, {"strides": None}, {"shape": (4, 0), "pointer": 3}, {"shape": (4, 1), "strides": (1, 99)}],
    ids=["plain", "no strides", "empty", "length 1"],
)
def test_arrays_that_fit_are_taken(fine: dict[str, Any]) -> None:
    check("x", described(**fine), **ACCEPTED)


def test_host_memory_is_taken_as_an_input_that_may_be_copied() -> None:
    host = described(device=None)
    check("x", host, **{**ACCEPTED, "writable": False})
    for kept in ("writable", "resident"):
        with pytest.raises(ArgumentError, match="x: expected device 0, got host memory"):
            check("x", host, **{**ACCEPTED, "writable": False, kept: True})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dtype": "int64"}, "x: expected dtype int32, got int64"),
        ({"shape": (5, 8)}, "x: expected shape (4, 'any'), got (5, 8)"),
        ({"shape": (4,), "strides": (1,)}, "x: expected shape (4, 'any'), got (4,)"),
        ({"strides": (1, 4)}, "x: expected C-contiguous, got strides (1, 4) for (4, 8)"),
        ({"strides": (-8, 1)}, "x: expected C-contiguous, got strides (-8, 1) for (4, 8)"),
        ({"readonly": True}, "x: expected writable memory, got read-only"),
        ({"pointer": 4104}, "x: expected a start aligned to 16 bytes, got 0x1008"),
        ({"device": 1}, "x: expected device 0, got device 1"),
    ],
)
def test_others_are_refused_by_name(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=f"^{re.escape(message)}$"):
        check("x", described(**change), **ACCEPTED)


def test_shared_memory_is_found_from_either_side() -> None:
    size = described().size
    for pointer, shared in ((4096, True), (4096 + size - 4, True), (4096 + size, False), (4096 - size, False)):
        arrays = {"out": described(), "x": described(pointer=pointer)}
        if shared:
            with pytest.raises(ArgumentError, match="out: expected memory of its own, got memory shared with x"):
                check_disjoint(arrays, ["out"])
        else:
            check_disjoint(arrays, ["out"])


class Exporter:
    """An array of some library that speaks DLPack only."""

    def __init__(self, array: np.ndarray) -> None:
        self._array = array

    def __dlpack__(self, **options: Any) -> Any:
        return self._array.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._array.__dlpack_device__()


@pytest.mark.skipif(not SIMULATED, reason="a GPU takes host memory by copy, through another path")
def test_dlpack_of_host_memory_is_read_in_the_simulator() -> None:
    array = np.arange(6, dtype=np.int32).reshape(2, 3)
    one = describe("x", Exporter(array), 0)
    assert (one.pointer, one.shape, one.dtype) == (array.ctypes.data, (2, 3), "int32")
    with pytest.raises(
        ArgumentError, match="x: expected NumPy or DLPack of host memory in the simulator, got list"
    ):
        describe("x", [1, 2], 0)


@pytest.mark.gpu
def test_device_arrays_are_taken_without_a_copy() -> None:
    from numba import cuda

    from schedproof_kernels.device import current

    array = cuda.to_device(np.arange(6, dtype=np.int32))
    one = describe("x", array, current().stream())
    assert (one.pointer, one.shape, one.device) == (array.__cuda_array_interface__["data"][0], (6,), 0)
