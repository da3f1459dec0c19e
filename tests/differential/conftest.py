"""Chooses where kernels run, before Numba is imported: on the GPU when there is one, else in the simulator."""

import ctypes
import os
import sys

import pytest

SIMULATOR = "NUMBA_ENABLE_CUDASIM"


def gpu_count() -> int:
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int()
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value


HAS_GPU = gpu_count() > 0

if not HAS_GPU:
    os.environ.setdefault(SIMULATOR, "1")
    if "numba.cuda" in sys.modules:
        from numba.cuda.core import config

        if not config.ENABLE_CUDASIM:
            raise pytest.UsageError(f"numba.cuda was imported before the simulator was chosen; set {SIMULATOR}=1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("gpu") and not HAS_GPU:
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))
