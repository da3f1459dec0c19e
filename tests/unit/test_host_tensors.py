"""Tensors of other libraries in host memory, read as they are read beside a GPU: bfloat16 included."""

import os
import subprocess
import sys

PRODUCER = """
import ctypes
from types import SimpleNamespace
import numpy as np
from schedproof_kernels.arrays import BF16, ArgumentError, check, describe, host_values

class Tensor(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("device", ctypes.c_int * 2), ("ndim", ctypes.c_int),
                ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16),
                ("shape", ctypes.POINTER(ctypes.c_int64)), ("strides", ctypes.c_void_p),
                ("offset", ctypes.c_uint64), ("context", ctypes.c_void_p), ("deleter", ctypes.c_void_p)]

class Exported:
    def __init__(self, values, code):
        self.values = values
        self.shape = (ctypes.c_int64 * values.ndim)(*values.shape)
        self.tensor = Tensor(values.ctypes.data, (1, 0), values.ndim, code, 8 * values.itemsize, 1, self.shape)

    def __dlpack_device__(self):
        return 1, 0

    def __dlpack__(self, **options):
        capsule = ctypes.pythonapi.PyCapsule_New
        capsule.restype, capsule.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
        return capsule(ctypes.addressof(self.tensor), b"dltensor", None)

UNSIGNED, BFLOAT, E4M3FN = 1, 4, 10
stream = SimpleNamespace(handle=-1)
bits = np.arange(6, dtype=np.uint16).reshape(2, 3)
for code in (UNSIGNED, BFLOAT):
    one = describe("x", Exported(bits, code), stream)
    check("x", one, dtypes=BF16, shape=(2, 3))
    assert np.array_equal(host_values(one, np.uint16, (6,)), bits.reshape(-1))
    print(one.dtype, one.shape, one.device)
empty = describe("x", np.zeros((0, 3), np.uint16), stream)
print(host_values(empty, np.uint32, (0,)).shape)
try:
    describe("x", Exported(np.zeros(4, np.uint8), E4M3FN), stream)
except ArgumentError as error:
    print(error)
"""


def test_bfloat16_is_taken_and_fp8_is_told_what_to_do() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_ENABLE_CUDASIM"}
    done = subprocess.run(
        [sys.executable, "-c", PRODUCER], capture_output=True, text=True, env=environment, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    *taken, refused = done.stdout.splitlines()
    assert taken == ["uint16 (2, 3) None", "bfloat16 (2, 3) None", "(0,)"]
    assert refused.startswith("x: expected NumPy, DLPack or the CUDA array interface, got Exported (")
    assert "view fp8 as uint8 bits" in refused
