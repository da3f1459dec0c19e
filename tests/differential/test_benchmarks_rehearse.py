"""The GPU benchmarks run from end to end in the simulator, check their answers and keep no result."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.parametrize("name", ["save_output", "dispatch"])
def test_a_rehearsal_measures_nothing_and_writes_nothing(name: str) -> None:
    kept = sorted((BENCHMARKS / "results").glob("*"))
    done = subprocess.run(
        [sys.executable, "-W", "error", str(BENCHMARKS / f"{name}.py"), "--rehearse", "--samples", "1"],
        capture_output=True,
        text=True,
        env={**os.environ, "NUMBA_ENABLE_CUDASIM": "1"},
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"rows of {name}; nothing written" in done.stdout
    assert " ours " in done.stdout
    assert " floor " in done.stdout
    assert sorted((BENCHMARKS / "results").glob("*")) == kept


def test_a_rehearsal_is_never_taken_for_a_measurement() -> None:
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "dispatch.py")],
        capture_output=True,
        text=True,
        env={**os.environ, "NUMBA_ENABLE_CUDASIM": "1"},
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "--rehearse goes with NUMBA_ENABLE_CUDASIM=1" in done.stderr
