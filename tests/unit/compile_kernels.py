"""Compile every kernel for sm_90 and print its registers, spills and wide accesses as JSON; needs no GPU."""

import json
import re
from importlib import import_module

from cuda.core import Linker, LinkerOptions, ObjectCode
from numba import cuda, types

from schedproof_kernels.jit import Kernel, device_source

MODULES = ("save_output_kernel", "topk_kernel", "routing_kernel", "payload_kernel")


def array(dtype: types.Type, dimensions: int) -> types.Type:
    return types.Array(dtype, dimensions, "C")


INT = types.int64
WORDS = array(types.uint32, 1)
INT32 = {dimensions: array(types.int32, dimensions) for dimensions in (1, 2, 3)}
INT64 = {dimensions: array(types.int64, dimensions) for dimensions in (2, 3)}
TOPK = (INT64[3], INT32[3], INT64[2], INT32[1], INT32[1], INT32[1])

SIGNATURES = {
    "pack_save_output": (INT64[2], INT32[1], INT32[1], array(types.int64, 1), INT32[1], INT32[1]),
    "pack_topk_fixed": TOPK,
    "pack_topk_compact": TOPK,
    "count_chunks": (INT64[3], INT, INT32[3]),
    "count_layout_chunks": (INT64[3], INT, INT32[3], array(types.boolean, 2)),
    "sum_chunks": (INT32[3], INT32[2]),
    "place_chunks": (
        INT64[3],
        INT,
        INT,
        INT32[3],
        INT32[2],
        INT32[1],
        INT32[2],
        INT32[3],
        INT32[2],
        INT32[3],
    ),
    "copy_rows": (WORDS, INT32[2], INT, WORDS),
    "quantise_rows": (WORDS, INT32[2], INT, WORDS, array(types.float32, 1)),
    "combine_rows": (WORDS, INT32[2], array(types.float32, 2), INT, WORDS),
}


def all_kernels() -> dict[str, Kernel]:
    modules = [import_module(f"schedproof_kernels.{name}") for name in MODULES]
    return {
        value.py_func.__name__: value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, Kernel)
    }


def compile_kernel(name: str, kernel: Kernel) -> dict[str, int]:
    ptx, _ = cuda.compile_ptx(
        device_source(kernel.py_func), SIGNATURES[name], cc=(9, 0), launch_bounds=(kernel.threads,)
    )
    linker = Linker(ObjectCode.from_ptx(ptx.encode()), options=LinkerOptions(arch="sm_90", verbose=True))
    linker.link("cubin")
    log = linker.get_info_log()
    spills = re.findall(r"(\d+) bytes spill (?:stores|loads)", log)
    registers = re.findall(r"Used (\d+) registers", log)
    stack = re.findall(r"(\d+) bytes stack frame", log)
    if not spills or not registers or not stack:
        raise SystemExit(f"{name}: the linker reported no registers, stack or spills:\n{log}")
    return {
        "registers": max(map(int, registers)),
        "spill_bytes": sum(map(int, spills)),
        "stack_bytes": max(map(int, stack)),
        "vector_loads": len(re.findall(r"ld\.global\S*\.v[24]\.u32", ptx)),
        "vector_stores": len(re.findall(r"st\.global\S*\.v[24]\.u32", ptx)),
    }


if __name__ == "__main__":
    kernels = all_kernels()
    if kernels.keys() != SIGNATURES.keys():
        raise SystemExit(f"kernels without a signature, or the reverse: {kernels.keys() ^ SIGNATURES.keys()}")
    report = {name: compile_kernel(name, kernel) for name, kernel in kernels.items()}
    print(json.dumps({"arch": "sm_90", "expected": len(SIGNATURES), "kernels": report}, indent=1))
