"""What CI compiles each kernel for, and what its proof assumes of a block, is what a launch gives it."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from guarded import guard
from numba import types

from schedproof.dispatch.limits import DispatchSizes
from schedproof_kernels.dispatch import Dispatcher
from schedproof_kernels.jit import Kernel
from schedproof_kernels.layout import LayoutPlan
from schedproof_kernels.payload_kernel import copy_rows, quantise_rows
from schedproof_kernels.save_output import SaveOutput
from schedproof_kernels.topk import SaveTopk

COMPILER = Path(__file__).parents[1] / "unit" / "compile_kernels.py"


def compiled_signatures() -> dict[str, tuple[types.Type, ...]]:
    found = importlib.util.spec_from_file_location("compile_kernels", COMPILER)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    signatures: dict[str, tuple[types.Type, ...]] = module.SIGNATURES
    return signatures


def kind(argument: Any) -> str:
    return "int64" if isinstance(argument, int) else f"{np.dtype(argument.dtype)}[{argument.ndim}]"


def compiled_kind(argument: types.Type) -> str:
    if not isinstance(argument, types.Array):
        return str(argument)
    assert argument.layout == "C"
    return f"{np.dtype(str(argument.dtype))}[{argument.ndim}]"


def use_everything() -> None:
    sizes = DispatchSizes(ranks=1, tokens=2, choices=2, experts=2, hidden=128, capacity=4)
    x, topk_idx = guard(np.zeros((1, 2, 128), np.uint16)).array, np.zeros((1, 2, 2), np.int64)
    weights, combined = np.ones((1, 2, 2), np.float32), guard(np.zeros((1, 2, 128), np.uint16)).array
    for fp8 in (False, True):
        dispatcher = Dispatcher(sizes, fp8=fp8)
        dispatcher.dispatch(x, topk_idx)
    dispatcher.combine(guard(np.zeros((2, 4, 128), np.uint16)).array, weights, combined)
    LayoutPlan(2, 2, 2, 1).layout(topk_idx[0])
    counts = np.zeros(2, np.int32)
    SaveOutput(2, 3).launch(np.zeros((2, 3), np.int64), counts, counts, np.zeros(2, np.int64), batch_size=2)
    for compact in (False, True):
        ids, scores = np.zeros((2, 3, 4), np.int64), np.zeros((2, 3, 4), np.float32)
        SaveTopk(2, 3, 4, compact=compact).launch(ids, scores, ids[:, :, 0].copy(), counts, batch_size=2)


def test_what_is_compiled_is_what_is_launched(monkeypatch: pytest.MonkeyPatch) -> None:
    launched: dict[str, list[str]] = {}
    launch = Kernel.launch

    def record(self: Kernel, grid: Any, block: int, stream: Any, *arguments: Any) -> None:
        launched[self.py_func.__name__] = [kind(argument) for argument in arguments]
        launch(self, grid, block, stream, *arguments)

    monkeypatch.setattr(Kernel, "launch", record)
    use_everything()
    compiled = compiled_signatures()
    assert launched == {name: [compiled_kind(argument) for argument in compiled[name]] for name in compiled}


@pytest.mark.parametrize(
    ("kernel", "block", "message"),
    [
        (copy_rows, 0, "block: expected 1..128 threads, got 0"),
        (copy_rows, 129, "block: expected 1..128 threads, got 129"),
        (quantise_rows, 24, "block: expected 16..128 threads in steps of 16, got 24"),
    ],
)
def test_a_block_that_no_proof_speaks_of_is_refused(kernel: Kernel, block: int, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        kernel.launch((1, 1), block, 0)
