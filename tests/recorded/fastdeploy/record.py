"""Run FastDeploy's scheduler on random workloads and write down every step.

    python tests/recorded/fastdeploy/record.py --source FASTDEPLOY --out DIR --seed 0

``FASTDEPLOY`` is a checkout of the commit in the README. The README says what the lines mean.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import upstream
from engine import Engine
from features import FEATURES, Drawn

SCHEMA = "schedproof/fastdeploy-steps/1"
VERSION = "7499"
SOURCE = "gongshaotian/FastDeploy@b19754c5f4bc83b0ea98854027d2313e5789b063"
STEPS_PER_FEATURE = 2500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, required=True, help="FastDeploy's source tree")
    parser.add_argument("--out", type=Path, required=True, help="where the files go")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=STEPS_PER_FEATURE, help="steps a file, at least")
    arguments = parser.parse_args()
    loaded = upstream.load(arguments.source)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, draw in FEATURES.items():
        lines = list(recorded_lines(loaded, name, draw, arguments.seed, arguments.steps))
        size = write_lines(arguments.out / f"{name}.jsonl.gz", lines)
        num_engines = sum(1 for line in lines if "schema" in line)
        print(f"{name}: {num_engines} engines, {len(lines) - num_engines} steps, {size} bytes")


def recorded_lines(
    loaded: SimpleNamespace, name: str, draw: Callable[[random.Random], Drawn], seed: int, num_steps: int
) -> Iterator[dict[str, Any]]:
    """Yield the headers and steps of as many engines as give the wanted number of steps."""
    found = engine_number = 0
    while found < num_steps:
        rng = random.Random(f"{name}/{seed}/{engine_number}")
        config, load = draw(rng)
        yield {
            "schema": SCHEMA,
            "version": VERSION,
            "source": SOURCE,
            "seed": seed,
            "config": asdict(config),
        }
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
