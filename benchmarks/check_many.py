"""Checks a folder of deployments in one call, beside a process for each file.

    python benchmarks/check_many.py

Half of the deployments hold and half break a rule; no two have the same sizes. A process for each file is what a
loop in a CI job does: `for file in deploy/*; do schedproof check $file; done`. It is timed on one of ten, and both
have to come to the same verdicts, or the benchmark fails. Before that, three deployments are checked alone.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from record import write_result
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
RESULT = Path(__file__).with_name("results") / "check_many.json"

ALONE = {
    "held mixed node": {"max_num_seqs": 64, "max_num_batched_tokens": 8192, "max_model_len": 32768},
    "held decode node": ROOT / "examples" / "pd-decode-mtp.sh",
    "bad mixed node": ROOT / "examples" / "mixed-mtp.yaml",
}
PEER_EVERY = 10


@dataclass(frozen=True, slots=True)
class Cost:
    """What a command cost, in seconds."""

    wall: float
    cpu: float


def speculating(num_drafts: int, method: str = "mtp") -> dict[str, Any]:
    """Return the flag for speculative decoding."""
    return {"speculative_config": {"method": method, "num_speculative_tokens": num_drafts}}


def good() -> Iterator[dict[str, Any]]:
    """Yield deployments of the newest version that hold: mixed nodes, prefill and decode nodes of pairs."""
    for seqs in itertools.count(16, 3):
        sizes = {"max_num_seqs": seqs, "max_model_len": 32768}
        drafts = speculating(1 + seqs % 3)
        yield {"engine": "fastdeploy", "args": {**sizes, "max_num_batched_tokens": 8192}}
        yield {
            "engine": "fastdeploy",
            "args": {**sizes, "max_num_batched_tokens": 4096, **drafts},
        }
        yield {
            "engine": "fastdeploy",
            "args": {**sizes, "splitwise_role": "decode", "router": "r:9000", **drafts},
        }
        yield {"engine": "fastdeploy", "args": {**sizes, "max_num_batched_tokens": 16384}}


def bad() -> Iterator[dict[str, Any]]:
    """Yield deployments of versions whose budget overshoots under speculative decoding."""
    for seqs in itertools.count(96, 1):
        sizes = {"max_num_seqs": seqs, "max_model_len": 32768, "max_num_batched_tokens": 1024}
        yield {"engine": "fastdeploy", "policy": 7438, "args": {**sizes, **speculating(5)}}
        yield {"engine": "fastdeploy", "policy": "7623-draft", "args": {**sizes, **speculating(3, "ngram")}}


def write_deployments(folder: Path, number: int) -> None:
    """Write so many deployments, good and bad in turn."""
    pairs = itertools.islice(zip(good(), bad(), strict=False), number // 2)
    for index, deployment in enumerate(itertools.chain.from_iterable(pairs)):
        (folder / f"service-{index:03}.yaml").write_text(yaml.safe_dump(deployment, sort_keys=False))


def check(*words: str) -> tuple[dict[str, str], Cost]:
    """Run the command; return the verdict of each deployment and the cost, with that of its processes."""
    command = [str(Path(sys.executable).with_name("schedproof")), "check", *words, "--format", "json"]
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wall, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 1):
        raise SystemExit(done.stderr)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {each["source"]: verdict_of(each) for each in json.loads(done.stdout)["subjects"]}, Cost(wall, cpu)


def verdict_of(subject: dict[str, Any]) -> str:
    """Return every verdict and repair of a deployment, as text to compare."""
    return json.dumps([(each["invariant"], each["status"], each["repair"]) for each in subject["results"]])


def is_bad(verdict: str) -> bool:
    """Return whether something is violated."""
    return "violated" in verdict


def main() -> None:
    """Measure, print and write the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--number", type=int, default=200, help="deployments in the folder")
    parser.add_argument("--jobs", type=int, default=2, help="processes of the one call")
    parser.add_argument("--runs", type=int, default=3, help="runs of each deployment that is checked alone")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        alone = {title: alone_cost(folder, given, options.runs) for title, given in ALONE.items()}
        deployments = folder / "deploy"
        deployments.mkdir()
        write_deployments(deployments, options.number)
        verdicts, many = check(str(deployments), "--jobs", str(options.jobs))
        sample = sorted(verdicts)[:: 2 * PEER_EVERY] + sorted(verdicts)[1 :: 2 * PEER_EVERY]
        peer = []
        for file in sample:
            single, cost = check(file)
            if single[file] != verdicts[file]:
                raise SystemExit(f"{file}: one call and a process of its own disagree")
            peer.append(cost.cpu)
    num_bad = sum(map(is_bad, verdicts.values()))
    figures = {
        "num_deployments": len(verdicts),
        "num_bad": num_bad,
        "jobs": options.jobs,
        "cores": os.cpu_count(),
        "alone_cpu_s": {title: round(seconds, 2) for title, seconds in alone.items()},
        "one_call_wall_s": round(many.wall, 1),
        "one_call_cpu_s_per_file": round(many.cpu / len(verdicts), 2),
        "process_per_file_cpu_s_per_file": round(statistics.mean(peer), 2),
        "ratio": round(statistics.mean(peer) / (many.cpu / len(verdicts)), 1),
    }
    table = Table("", "CPU s", box=None)
    for title, seconds in alone.items():
        table.add_row(title, f"{seconds:.2f}")
    table.add_row(f"{len(verdicts)} deployments, {num_bad} bad, per file", f"{many.cpu / len(verdicts):.2f}")
    table.add_row(f"a process for each of {len(peer)} files, per file", f"{statistics.mean(peer):.2f}")
    Console().print(table)
    Console().print(f"one call: {many.wall:.0f} s with --jobs {options.jobs}; {figures['ratio']} times as cheap")
    write_result(RESULT, "check_many", ["schedproof", "z3-solver"], figures)


def alone_cost(folder: Path, given: Path | dict[str, int], runs: int) -> float:
    """Return the CPU seconds of a call on one deployment, the median of some runs."""
    path = given
    if isinstance(given, dict):
        path = folder / "alone.yaml"
        path.write_text(yaml.safe_dump({"engine": "fastdeploy", "args": given}))
    return statistics.median(check(str(path))[1].cpu for _ in range(runs))


if __name__ == "__main__":
    main()
