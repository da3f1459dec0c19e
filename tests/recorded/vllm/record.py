"""Run vLLM's scheduler on random workloads and write down every step.

    python tests/recorded/vllm/record.py --source FOLDER --out DIR --seed 0

``FOLDER`` is an unpacked wheel of the release in the README, which also says what the lines mean.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import upstream
from engine import Engine
from features import FEATURES, Drawn

SCHEMA = "schedproof/vllm-steps/1"
VERSION = "0.33.0"
STEPS_PER_FEATURE = 2000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, required=True, help="the unpacked wheel")
    parser.add_argument("--out", type=Path, required=True, help="where the files go")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=STEPS_PER_FEATURE, help="steps of a feature, at least")
    parser.add_argument("--feature", choices=FEATURES, action="append", help="instead of all")
    arguments = parser.parse_args()
    loaded = upstream.load(arguments.source)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name in arguments.feature or FEATURES:
        started = time.monotonic()
        lines = list(recorded_lines(loaded, name, FEATURES[name], arguments.seed, arguments.steps))
        size = write_lines(arguments.out / f"{name}.jsonl.gz", lines)
        num_engines = sum(1 for line in lines if "schema" in line)
        seconds = time.monotonic() - started
        print(f"{name}: {num_engines} engines, {len(lines) - num_engines} steps, {size} bytes, {seconds:.0f} s")


def recorded_lines(
    loaded: SimpleNamespace, name: str, draw: Callable[[random.Random], Drawn], seed: int, num_steps: int
) -> Iterator[dict[str, Any]]:
    """Yield the headers and steps of as many engines as give the wanted number of steps."""
    found = engine_number = 0
    while found < num_steps:
        rng = random.Random(f"{name}/{seed}/{engine_number}")
        config, load = draw(rng)
        header = {
            "schema": SCHEMA,
            "version": VERSION,
            "seed": seed,
            "config": asdict(config),
            "workload": asdict(load),
        }
        yield header
        for step in Engine(loaded, config, load, rng).steps():
            yield step
            found += 1
        engine_number += 1


def write_lines(path: Path, lines: list[dict[str, Any]]) -> int:
    """Write lines of JSON, the same bytes for the same lines; returns the size of the file."""
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    with path.open("wb") as raw, gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed:
        packed.write(text.encode())
    return path.stat().st_size


if __name__ == "__main__":
    sys.exit(main())
