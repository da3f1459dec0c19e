"""Times the audit of recorded steps, and the same rules in plain Python, in one run.

    python benchmarks/audit.py

Plain Python is ``json.loads`` for each line and one comparison after the other, without the audit's look at types,
order and contradictions.
"""

from __future__ import annotations

import argparse
import io
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from record import write_result
from rich.console import Console
from rich.table import Table

from schedproof import Phase
from schedproof.step_record import RecordedRequest, RecordedStep, step_line
from schedproof_gate.audit.auditing import audit_trace
from schedproof_gate.audit.traces.forms import SCHEDPROOF
from schedproof_gate.deployment.deployment_file import read_deployments
from schedproof_spec import Status

RESULT = Path(__file__).with_name("results") / "audit.json"
PACKAGES = ("schedproof", "msgspec", "numpy")
CONFIG = """\
engine: fastdeploy
policy: reference
args:
  max_num_seqs: 16
  max_num_batched_tokens: 2048
  max_model_len: 8192
  num_gpu_blocks_override: 4000
  speculative_config: {method: mtp, num_speculative_tokens: 3}
"""
LIMIT, SLOTS, TOKENS_PER_SEQ, BLOCK_SIZE, KV_BLOCKS = 2048, 16, 4, 64, 4000
CHUNK, PROMPT = 500, 4000
TARGETS = {"totals": 200_000, "16 requests": 20_000}
"""Steps a second that the audit is to reach."""


def recorded_step(number: int, num_chunks: int, with_requests: bool) -> RecordedStep:
    """Return a step of an engine with every slot in use; each prompt takes eight steps, one after the other."""
    num_decoding = SLOTS - num_chunks
    requests = [
        RecordedRequest(
            request_id=f"chatcmpl-{slot}-{number // 500}",
            phase=Phase.DECODE,
            num_tokens=TOKENS_PER_SEQ,
            num_computed_tokens=PROMPT + 2 * (number % 500),
            need_prefill_tokens=PROMPT,
            num_total_tokens=PROMPT + 1 + 2 * (number % 500),
            num_blocks=80,
        )
        for slot in range(num_decoding)
    ]
    requests += [
        RecordedRequest(
            request_id=f"prompt-{slot}-{number // 8}",
            phase=Phase.PREFILL if number % 8 else Phase.ADMISSION,
            num_tokens=CHUNK,
            num_computed_tokens=number % 8 * CHUNK,
            need_prefill_tokens=PROMPT,
            num_total_tokens=PROMPT,
            num_blocks=64,
        )
        for slot in range(num_chunks)
    ]
    return RecordedStep(
        step=number,
        num_decoding=num_decoding,
        num_decode_tokens=num_decoding * TOKENS_PER_SEQ,
        num_prefill_tokens=num_chunks * CHUNK,
        num_slots_used=SLOTS,
        num_waiting=3,
        num_preempted=0,
        num_free_blocks=KV_BLOCKS - 1200,
        num_owned_blocks=1200,
        budget=LIMIT - num_decoding * TOKENS_PER_SEQ - num_chunks * CHUNK,
        launch_tokens=num_decoding * TOKENS_PER_SEQ + num_chunks * CHUNK,
        requests=tuple(requests) if with_requests else None,
    )


def write_trace(path: Path, num_steps: int, with_requests: bool) -> None:
    with path.open("w", encoding="utf-8") as file:
        for number in range(num_steps):
            file.write(step_line(recorded_step(number, 2, with_requests)))


def plain_python(path: Path) -> int:
    """Return how many rules are broken, by the same rules in plain Python."""
    broken = 0
    ends: dict[str, int] = {}
    for line in path.open(encoding="utf-8"):
        step = json.loads(line)
        tokens = step["num_decode_tokens"] + step["num_prefill_tokens"]
        broken += tokens > LIMIT
        broken += step["budget"] < 0
        broken += step["num_slots_used"] > SLOTS
        launched = step["launch_tokens"]
        broken += launched < tokens or (step["num_prefill_tokens"] == 0 and launched != tokens)
        broken += step["num_free_blocks"] + step["num_owned_blocks"] != KV_BLOCKS
        for request in step.get("requests", ()):
            computed, num_tokens = request["num_computed_tokens"], request["num_tokens"]
            slots = request["num_blocks"] * BLOCK_SIZE
            if request["phase"] == "decode":
                broken += num_tokens != TOKENS_PER_SEQ
                broken += request["num_total_tokens"] - 1 + TOKENS_PER_SEQ > slots
                broken += computed > slots
            else:
                left = request["need_prefill_tokens"] - computed
                broken += not 0 < num_tokens <= left
                broken += computed + num_tokens > slots
                name = request["request_id"]
                broken += request["phase"] == "prefill" and ends.pop(name, computed) != computed
                if num_tokens < left:
                    ends[name] = computed + num_tokens
    return broken


def user_seconds() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime


def timed(works: Sequence[Callable[[], int]], repeat: int) -> list[tuple[int, float]]:
    """Return the result of each and the median of its user CPU seconds; they take turns, so that load hits all."""
    seconds: list[list[float]] = [[] for _ in works]
    results = [0 for _ in works]
    for _ in range(repeat):
        for index, work in enumerate(works):
            begin = user_seconds()
            results[index] = work()
            seconds[index].append(user_seconds() - begin)
    return [(result, statistics.median(times)) for result, times in zip(results, seconds, strict=True)]


def audited(path: Path, config: Path) -> int:
    """Return how many rules the audit held the trace against; all of them must have been kept."""
    (deployment,) = read_deployments(config)
    subject = audit_trace(path, SCHEDPROOF, deployment).subject
    if subject.verdict is not Status.HELD:
        raise SystemExit(f"{path.name}: {subject.verdict}")
    return len(subject.results)


def peak_mib(path: Path, config: Path) -> float:
    tracemalloc.start()
    audited(path, config)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def command_seconds(path: Path, config: Path) -> float:
    """Return the user CPU seconds of the installed command, its start included."""
    begin = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    command = Path(sys.executable).with_name("schedproof")
    subprocess.run([command, "audit", path, "--config", config], check=True, capture_output=True)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - begin


def measure(name: str, num_steps: int, folder: Path, repeat: int) -> dict[str, Any]:
    """Return one row of the result."""
    with_requests = name != "totals"
    config = folder / "config.yaml"
    config.write_text(CONFIG)
    path = folder / "steps.jsonl"
    write_trace(path, num_steps, with_requests)
    works = (lambda: audited(path, config), lambda: plain_python(path))
    (num_rules, ours), (broken, plain) = timed(works, repeat)
    if broken:
        raise SystemExit(f"{name}: plain Python finds {broken} rules broken")
    command = command_seconds(path, config)
    num_bytes = path.stat().st_size
    peak = peak_mib(path, config)
    write_trace(path, num_steps // 10, with_requests)
    return {
        "trace": name,
        "steps": num_steps,
        "bytes_per_step": round(num_bytes / num_steps, 1),
        "rules": num_rules,
        "steps_per_second": round(num_steps / ours),
        "plain_python_steps_per_second": round(num_steps / plain),
        "ratio": round(plain / ours, 2),
        "target_steps_per_second": TARGETS[name],
        "command_user_seconds": round(command, 3),
        "peak_mib": round(peak, 1),
        "peak_mib_of_a_tenth": round(peak_mib(path, config), 1),
    }


def hook_microseconds(repeat: int) -> float:
    """Return the user CPU microseconds in which the FastDeploy hook records a step with 16 requests."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "examples" / "hooks"))
    from types import SimpleNamespace

    import record_fastdeploy
    from step_file import StepFile

    requests = [
        SimpleNamespace(
            request_id=f"chatcmpl-{n}",
            num_computed_tokens=600,
            need_prefill_tokens=500,
            num_total_tokens=601,
            block_tables=list(range(10)),
        )
        for n in range(SLOTS)
    ]
    manager = SimpleNamespace(
        config=SimpleNamespace(scheduler_config=SimpleNamespace(splitwise_role="mixed")),
        running=requests,
        waiting=[],
        available_block_num=lambda: 5,
    )
    with tempfile.TemporaryDirectory() as folder:
        steps = StepFile(str(Path(folder) / "steps.jsonl"), "fastdeploy")
        names = {request.request_id for request in requests}

        def record() -> int:
            for _ in range(5000):
                steps.add(record_fastdeploy.planned_step, manager, [], names, TOKENS_PER_SEQ)
            return steps.num_steps

        ((_, seconds),) = timed([record], repeat)
        steps.file.close()
    return round(seconds / 5000 * 1e6, 1)


def rows_of(sizes: dict[str, int], repeat: int) -> Iterator[dict[str, Any]]:
    for name, num_steps in sizes.items():
        with tempfile.TemporaryDirectory() as folder:
            yield measure(name, num_steps, Path(folder), repeat)


def table_of(rows: list[dict[str, Any]], hook_us: float) -> str:
    """Return the table."""
    table = Table(box=None, pad_edge=False)
    for heading in (
        "a record holds",
        "rules",
        "steps/s",
        "plain Python",
        "ratio",
        "target",
        "peak MiB",
        "of a tenth",
    ):
        table.add_column(heading, justify="left" if heading == "a record holds" else "right")
    for row in rows:
        table.add_row(
            row["trace"],
            str(row["rules"]),
            f"{row['steps_per_second']:,}",
            f"{row['plain_python_steps_per_second']:,}",
            f"{row['ratio']:.1f}",
            f"{row['target_steps_per_second']:,}",
            f"{row['peak_mib']:.1f}",
            f"{row['peak_mib_of_a_tenth']:.1f}",
        )
    buffer = io.StringIO()
    console = Console(file=buffer, width=100, highlight=False)
    console.print(table)
    console.print(f"User CPU time, one core. The FastDeploy hook records a step of 16 requests in {hook_us} us.")
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines())


def main() -> None:
    """Measure both kinds of traces."""
    parser = argparse.ArgumentParser(description="Time the audit of recorded steps.")
    parser.add_argument("--repeat", type=int, default=7, help="runs of each, of which the median counts")
    parser.add_argument("--scale", type=float, default=1.0, help="how many of the usual steps")
    parser.add_argument("--output", type=Path, default=RESULT, help="the JSON result")
    arguments = parser.parse_args()
    sizes = {"totals": int(1_000_000 * arguments.scale), "16 requests": int(100_000 * arguments.scale)}
    rows = list(rows_of(sizes, arguments.repeat))
    hook_us = hook_microseconds(arguments.repeat)
    print(table_of(rows, hook_us))
    figures = {"repeat": arguments.repeat, "hook_us_per_step": hook_us, "rows": rows}
    write_result(arguments.output, "audit", PACKAGES, figures)


if __name__ == "__main__":
    main()
