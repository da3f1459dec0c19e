"""Compare the reference with vLLM's scheduler on drawn workloads; print the smallest step in which they differ.

    python tests/recorded/vllm/compare.py --source FOLDER --examples 500

``FOLDER`` is an unpacked wheel; besides what `record.py` needs, it needs the reference and hypothesis. The exit
code is 1 when there is a difference.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import upstream
from engine import Engine
from features import FEATURES
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

ROOT = Path(__file__).parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "reference")]

from tests.recorded.vllm_steps import RecordedEngine, config_of, planned, recorded  # noqa: E402

from schedproof.engines.vllm.loop import schedule  # noqa: E402

NUM_STEPS = 12
"""Steps of one workload: few, so that it can be made smaller."""


class DifferenceError(AssertionError):
    """The reference plans a step otherwise."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, required=True, help="the unpacked wheel")
    parser.add_argument("--examples", type=int, default=500, help="workloads")
    parser.add_argument("--feature", choices=FEATURES, action="append", help="instead of all")
    arguments = parser.parse_args()
    loaded = upstream.load(arguments.source)
    return compare(loaded, arguments.feature or list(FEATURES), arguments.examples)


def compare(loaded: SimpleNamespace, names: list[str], num_examples: int) -> int:
    """Return 1 when some drawn workload has a step that differs, after printing it."""
    num_steps = 0

    @settings(
        max_examples=num_examples,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(name=st.sampled_from(names), rng=st.randoms(use_true_random=False))
    def agree(name: str, rng: random.Random) -> None:
        nonlocal num_steps
        config, load = FEATURES[name](rng)
        engine = RecordedEngine(config=config_of(asdict(config)))
        for step in Engine(loaded, config, replace(load, num_steps=NUM_STEPS), rng).steps():
            engine.note(step["events"])
            num_steps += 1
            plan = schedule(engine.queues(step["before"]), engine.config)
            found, wanted = planned(plan, engine), recorded(engine, step)
            if found != wanted:
                raise DifferenceError(report(name, asdict(config), step, found, wanted))

    try:
        agree()
    except DifferenceError as difference:
        print(difference)
        return 1
    print(f"{num_examples} workloads, {num_steps} steps, no difference")
    return 0


def report(
    name: str, config: dict[str, Any], step: dict[str, Any], found: dict[str, Any], wanted: dict[str, Any]
) -> str:
    """Return what there is to see of a step that differs."""
    lines = [f"{name}: the reference plans a step otherwise than vLLM", f"config {json.dumps(config)}"]
    lines += [f"{part} {json.dumps(step[part])}" for part in ("events", "before")]
    lines += [f"{key}: vLLM {wanted[key]}, reference {found[key]}" for key in found if found[key] != wanted[key]]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
