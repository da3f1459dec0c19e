"""Everything that needs a GPU, in one command: the tests on it, then every measurement, in one result.

On a GPU: ``python benchmarks/gpu.py``. Anywhere, tiny and untimed: ``NUMBA_ENABLE_CUDASIM=1 python
benchmarks/gpu.py --rehearse --samples 2``.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import dispatch
import save_output
from measure import Bench, parse, write

from schedproof_kernels.device import DeviceError, current
from schedproof_kernels.jit import SIMULATED

ROOT = Path(__file__).parents[1]


def run_tests() -> str:
    """Run the differential tests on the device and return their last line; what is wrong is not measured."""
    words = [sys.executable, "-m", "pytest", "tests/differential", "-n", "0", "-q", "-rs"]
    done = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    print(done.stdout)
    if done.returncode != 0:
        sys.exit("the tests fail on this device, so nothing is measured")
    return done.stdout.splitlines()[-1].strip("= ")


def main() -> None:
    arguments = parse("the tests on the GPU, then save-output, top-k message, layout, dispatch and combine")
    try:
        current()
    except DeviceError as error:
        print(f"{error}; NUMBA_ENABLE_CUDASIM=1 with --rehearse runs without a GPU", file=sys.stderr)
        sys.exit(2)
    tests = "" if SIMULATED else run_tests()
    bench = Bench(arguments)
    save_output.measure(bench)
    dispatch.measure(bench)
    write(bench, "gpu", tests)


if __name__ == "__main__":
    main()
