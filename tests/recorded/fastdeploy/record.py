"""Run FastDeploy's scheduler on random workloads and write down every step.

    python tests/recorded/fastdeploy/record.py --source FASTDEPLOY --out DIR --version 7499 --seed 0

``FASTDEPLOY`` is a checkout of the version's commit in the README. The README says what the lines mean.
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
from features import FEATURES, FEATURES_OF_7444, Drawn, with_token_ratio

SCHEMA = "schedproof/fastdeploy-steps/1"
SOURCES = {
    "7499": "gongshaotian/FastDeploy@b19754c5f4bc83b0ea98854027d2313e5789b063",
    "7444": "gongshaotian/FastDeploy@93ac61ec9342dad1ab301679bbfea71f3da13c1f",
}
STEPS_PER_FEATURE = {"7499": 2500, "7444": 1500}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, required=True, help="FastDeploy's source tree")
    parser.add_argument("--out", type=Path, required=True, help="where the files go")
    parser.add_argument("--version", choices=SOURCES, default="7499", help="the pull request")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    loaded = upstream.load(arguments.source)
    arguments.out.mkdir(parents=True, exist_ok=True)
    features = FEATURES if arguments.version == "7499" else FEATURES_OF_7444
    for name, draw in features.items():
        lines = list(recorded_lines(loaded, arguments.version, name, draw, arguments.seed))
        size = write_lines(arguments.out / f"{name}.jsonl.gz", lines)
        num_engines = sum(1 for line in lines if "schema" in line)
        print(f"{name}: {num_engines} engines, {len(lines) - num_engines} steps, {size} bytes")


def recorded_lines(
    loaded: SimpleNamespace, version: str, name: str, draw: Callable[[random.Random], Drawn], seed: int
) -> Iterator[dict[str, Any]]:
    """Yield the headers and steps of as many engines as give the wanted number of steps."""
    found = engine_number = 0
    while found < STEPS_PER_FEATURE[version]:
        rng = random.Random(f"{name}/{seed}/{engine_number}")
        drawn = draw(rng)
        config, load = drawn if version == "7499" else with_token_ratio(rng, drawn)
        yield {
            "schema": SCHEMA,
            "version": version,
            "source": SOURCES[version],
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
