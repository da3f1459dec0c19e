"""Every kernel compiles for sm_90 without a GPU, within its registers and without spilling."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TOOLKIT = ("numba.cuda", "cuda.core", "nvidia.cu13")
COMPILER = Path(__file__).with_name("compile_kernels.py")
MOST_REGISTERS = 128


def missing_toolkit() -> list[str]:
    missing = []
    for name in TOOLKIT:
        try:
            if importlib.util.find_spec(name) is None:
                missing.append(name)
        except ModuleNotFoundError:
            missing.append(name)
    return missing


@pytest.mark.skipif(
    bool(missing_toolkit()), reason=f"the toolkit wheels of schedproof[cuda] lack {missing_toolkit()}"
)
def test_every_kernel_compiles_without_spills(request: pytest.FixtureRequest) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_ENABLE_CUDASIM"}
    run = subprocess.run(
        [sys.executable, str(COMPILER)], capture_output=True, text=True, env=environment, timeout=300, check=False
    )
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout)
    assert len(report["kernels"]) == report["expected"]
    for name, used in report["kernels"].items():
        request.node.user_properties.append(("compiled kernel", (name, used["registers"], used["spill_bytes"])))
        assert used["spill_bytes"] == 0, name
        assert used["stack_bytes"] == 0, name
        assert 0 < used["registers"] <= MOST_REGISTERS, name
    for name in ("copy_rows", "quantise_rows", "combine_rows"):
        assert report["kernels"][name]["vector_loads"] > 0, name
        assert report["kernels"][name]["vector_stores"] > 0, name
