"""Without a GPU, or without Numba, kernels say what is missing and what to install."""

import ctypes
import os
import subprocess
import sys

import pytest


def driver_is_here() -> bool:
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


def run(script: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_ENABLE_CUDASIM"}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(driver_is_here(), reason="a CUDA driver is installed")
def test_no_gpu_is_one_clear_error() -> None:
    answer = run(
        "from schedproof_kernels.device import DeviceError, current\n"
        "from schedproof_kernels.save_output import SaveOutput\n"
        "for use in (current, lambda: SaveOutput(4, 2)):\n"
        "    try:\n"
        "        use()\n"
        "    except DeviceError as error:\n"
        "        print(error)\n"
    )
    lines = answer.splitlines()
    assert len(lines) == 2
    assert all("install schedproof[cuda]" in line for line in lines)


def test_no_numba_names_the_extra() -> None:
    answer = run(
        "import sys\n"
        "sys.modules['numba'] = None\n"
        "try:\n"
        "    import schedproof_kernels\n"
        "except ImportError as error:\n"
        "    print(error)\n"
    )
    assert "install schedproof[cuda]" in answer
