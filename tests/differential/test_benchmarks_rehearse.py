"""The GPU benchmark runs from end to end in the simulator, checks its answers and keeps no result."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SIMULATOR = "NUMBA_ENABLE_CUDASIM"
ROWS = ("save-output", "top-k message", "layout", "bf16 dispatch", "fp8 dispatch", "combine")


def benchmark(*options: str, simulated: bool) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != SIMULATOR}
    return subprocess.run(
        [sys.executable, str(BENCHMARKS / "gpu.py"), *options],
        capture_output=True,
        text=True,
        env={**environment, **({SIMULATOR: "1"} if simulated else {})},
        timeout=300,
        check=False,
    )


def test_a_rehearsal_measures_nothing_and_writes_nothing() -> None:
    kept = sorted((BENCHMARKS / "results").glob("*"))
    done = benchmark("--rehearse", "--samples", "1", simulated=True)
    assert done.returncode == 0, done.stderr
    assert "nothing written" in done.stdout
    for row in ROWS:
        assert any(line.startswith(f"{row}, ") and " ours " in line for line in done.stdout.splitlines()), row
    assert " floor " in done.stdout
    assert "failed" not in done.stdout
    assert sorted((BENCHMARKS / "results").glob("*")) == kept


def test_a_rehearsal_is_never_taken_for_a_measurement() -> None:
    done = benchmark(simulated=True)
    assert done.returncode == 2
    assert "--rehearse goes with NUMBA_ENABLE_CUDASIM=1" in done.stderr


@pytest.mark.skipif(SIMULATOR not in os.environ, reason="a GPU is here")
def test_without_a_gpu_it_says_so() -> None:
    done = benchmark(simulated=False)
    assert done.returncode == 2
    assert "no usable GPU or driver" in done.stderr
    assert "Traceback" not in done.stderr
