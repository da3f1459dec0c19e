"""What every GPU benchmark shares: timing on the device and from the host, and the JSON result."""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numba import cuda
from record import versions

from schedproof_kernels.device import Device, Graph, current
from schedproof_kernels.jit import SIMULATED, kernel

RESULTS = Path(__file__).with_name("results")
PACKAGES = ("schedproof", "numba", "numba-cuda", "cuda-core", "cuda-bindings", "numpy", "torch", "triton")
WARM_UP = 1 if SIMULATED else 10
HOLD_MILLISECONDS = 20
"""The stream is held while work is queued behind it, so that launching is not what is measured."""

ROTATED_BYTES = 3 * 64 * 2**20
"""Working sets rotate through at least this much memory, three times the L2 of an H200."""


@kernel(32)
def empty() -> None:
    """The least that a launch can do."""


@kernel(1)
def hold(milliseconds: int) -> None:
    """Keep the stream busy."""
    for _ in range(milliseconds):
        cuda.nanosleep(1_000_000)


def summary(microseconds: Sequence[float]) -> dict[str, float]:
    """Median and 99th percentile."""
    return {
        "median_us": round(float(np.median(microseconds)), 3),
        "p99_us": round(float(np.percentile(microseconds, 99)), 3),
        "samples": len(microseconds),
    }


class Bench:
    """One stream, and the rows measured on it."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.device: Device = current()
        self.stream = self.device.stream()
        self.samples: int = arguments.samples
        self.rows: list[dict[str, Any]] = []

    def on_device(self, graphs: Sequence[Graph]) -> dict[str, float]:
        """Time between events around each launch, the graphs taking turns."""
        for turn in range(WARM_UP):
            graphs[turn % len(graphs)].launch(self.stream)
        self.device.record(self.stream).sync()
        if SIMULATED:
            return self.from_host(lambda turn: graphs[turn % len(graphs)].launch(self.stream))
        from cuda.core import EventOptions

        options = EventOptions(timing_enabled=True)
        elapsed = []
        while len(elapsed) < self.samples:
            hold.launch((1,), 1, self.stream, HOLD_MILLISECONDS)
            events = []
            for turn in range(min(100, self.samples - len(elapsed))):
                begin = self.stream.record(options=options)
                graphs[turn % len(graphs)].launch(self.stream)
                events.append((begin, self.stream.record(options=options)))
            events[-1][1].sync()
            elapsed += [(end - begin) * 1000 for begin, end in events]
        return summary(elapsed)

    def from_host(self, run: Callable[[int], object]) -> dict[str, float]:
        """Time from the call until it returns; ``run`` waits for what it measures."""
        for turn in range(WARM_UP):
            run(turn)
        elapsed = []
        for turn in range(self.samples):
            begin = time.perf_counter_ns()
            run(turn)
            elapsed.append((time.perf_counter_ns() - begin) / 1000)
        return summary(elapsed)

    def add_peer(self, row: str, what: str, measured: Callable[[], dict[str, float]], **facts: Any) -> None:
        """Keep a peer's measurement, or why there is none: a peer that fails does not stop the others."""
        try:
            timing = measured()
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            self.rows.append({"row": row, "what": what, "role": "peer", "failed": reason})
            print(f"{row:28} peer   {what:44} failed: {reason}")
        else:
            self.add(row, what, "peer", timing, **facts)

    def add(self, row: str, what: str, role: str, timing: dict[str, float], **facts: Any) -> None:
        """Keep one measurement: ``role`` is ours, peer or floor."""
        self.rows.append({"row": row, "what": what, "role": role, **timing, **facts})
        print(f"{row:28} {role:6} {what:44} {timing['median_us']:10.2f} {timing['p99_us']:10.2f} us")

    def empty_graph(self) -> Graph:
        """A graph of the empty kernel."""
        empty.launch((1,), 32, self.stream)
        return self.device.capture(self.stream, lambda stream: empty.launch((1,), 32, stream))


def copies_for(size: int) -> int:
    """Working sets of ``size`` bytes to rotate through."""
    return 1 if SIMULATED else max(2, -(-ROTATED_BYTES // size))


def parse(description: str) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--samples", type=int, default=1000, help="measurements of each row")
    parser.add_argument(
        "--rehearse", action="store_true", help="tiny sizes in the simulator; prints, and writes no result"
    )
    arguments = parser.parse_args()
    if arguments.rehearse != SIMULATED:
        parser.error("--rehearse goes with NUMBA_ENABLE_CUDASIM=1, and a measurement without it")
    return arguments


def _gpu() -> dict[str, Any]:
    from cuda.bindings import driver

    name = cuda.get_current_device().name
    _, version = driver.cuDriverGetVersion()
    return {"name": name.decode() if isinstance(name, bytes) else name, "driver": version}


def write(bench: Bench, name: str, tests: str) -> None:
    """Write one JSON result; a rehearsal is printed and not kept."""
    if SIMULATED:
        print(f"rehearsed {len(bench.rows)} rows; nothing written")
        return
    now = datetime.now(UTC)
    result = {
        "benchmark": name,
        "date": now.isoformat(timespec="seconds"),
        "gpu": _gpu(),
        "versions": {"python": platform.python_version(), **versions(PACKAGES)},
        "tests": tests,
        "rows": bench.rows,
    }
    RESULTS.mkdir(exist_ok=True)
    target = RESULTS / f"{name}_{now:%Y%m%d_%H%M%S}.json"
    target.write_text(json.dumps(result, indent=1) + "\n")
    print(f"wrote {target}")
