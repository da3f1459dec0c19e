"""Replays a request trace through every policy, beside a bare loop that runs the same steps without an engine.

    python benchmarks/replay.py AzureLLMInferenceTrace_code.csv

The bare loop is what one writes to see the arithmetic: lists of counts, no KV blocks, no objects, no checks. It has
to come to the same steps and tokens, which is asserted; what it leaves out is what the ratio pays for.
"""

from __future__ import annotations

import argparse
import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from record import write_result
from rich.console import Console
from rich.table import Table

from schedproof import POLICIES, Policy, ServingConfig, SpeculativeConfig, SpeculativeMethod
from schedproof_gate.replay.acceptance import ACCEPTANCE_RATE, Acceptance
from schedproof_gate.replay.plan import ReplayPlan, replay_policy
from schedproof_gate.replay.step_time import StepTime
from schedproof_gate.replay.workloads.formats import Workload, recognised_format

RESULT = Path(__file__).with_name("results") / "replay.json"

CONFIG = ServingConfig(
    max_num_seqs=128,
    max_num_batched_tokens=1024,
    max_model_len=32768,
    num_kv_blocks=8192,
    speculation=SpeculativeConfig(method=SpeculativeMethod.MTP, num_speculative_tokens=5),
)
"""The deployment of ``examples/mixed-mtp.yaml``, with a pool that is never short of blocks."""


def bare_loop(plan: ReplayPlan, policy: Policy) -> tuple[int, int]:
    """Return the steps and tokens of a replay, by the policy's budget rule alone."""
    config, step_us = plan.config, plan.step_time.step_us
    tokens_per_seq, charge = config.tokens_per_seq, policy.decode_charge(config)
    acceptance = Acceptance(plan.acceptance_rate, tokens_per_seq - 1, plan.seed)
    arrivals = deque(
        (at_us, arrival.request_id, arrival.num_prompt_tokens, arrival.max_new_tokens)
        for at_us, arrival in plan.workload.arrivals()
    )
    waiting: deque[list[Any]] = deque()
    running: list[list[Any]] = []
    now_us = num_steps = num_tokens = 0
    while arrivals or waiting or running:
        if not waiting and not running:
            now_us = max(now_us, arrivals[0][0])
        while arrivals and arrivals[0][0] <= now_us:
            _, request_id, prompt, output = arrivals.popleft()
            waiting.append([request_id, prompt, output])
        decoding = [request for request in running if request[1] == 0]
        budget = policy.initial_budget(config, len(decoding))
        prefill = 0
        for request in running:
            if not policy.keeps_visiting(budget):
                break
            if request[1] == 0:
                budget -= charge
            else:
                chunk = min(request[1], max(budget, 0))
                request[1] -= chunk
                budget -= chunk
                prefill += chunk
        while waiting and budget > 0 and len(running) < config.max_num_seqs:
            request = waiting.popleft()
            chunk = min(request[1], budget)
            request[1] -= chunk
            budget -= chunk
            prefill += chunk
            running.append(request)
        tokens = len(decoding) * tokens_per_seq + prefill
        num_steps += 1
        num_tokens += tokens
        now_us += step_us(tokens)
        decodes = {request[0] for request in decoding}
        for request in running:
            if request[0] in decodes:
                request[2] -= min(acceptance.accepted_drafts(request[0]) + 1, request[2])
            elif request[1] == 0:
                request[2] -= 1
        running = [request for request in running if request[1] > 0 or request[2] > 0]
    return num_steps, num_tokens


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return a result and its CPU seconds."""
    begin = time.process_time()
    result = work()
    return result, time.process_time() - begin


def measured(plan: ReplayPlan, policy: Policy) -> dict[str, Any]:
    """Return one policy's row."""
    run, ours = timed(lambda: replay_policy(plan, policy, lambda num_done: None))
    (num_steps, num_tokens), bare = timed(lambda: bare_loop(plan, policy))
    if (run.num_steps, run.sum_tokens) != (num_steps, num_tokens) or run.num_unfinished or run.num_preemptions:
        raise SystemExit(
            f"{policy.name}: {run.num_steps} steps of {run.sum_tokens} tokens in the replay, "
            f"{num_steps} of {num_tokens} in the bare loop"
        )
    return {
        "policy": policy.name,
        "steps": num_steps,
        "tokens": num_tokens,
        "steps_over_limit": run.num_over_limit,
        "replay_cpu_seconds": round(ours, 3),
        "bare_loop_cpu_seconds": round(bare, 3),
        "replay_over_bare_loop": round(ours / bare, 1),
        "replay_steps_per_second": round(num_steps / ours),
    }


def shown(rows: Iterable[dict[str, Any]]) -> None:
    """Print the rows."""
    table = Table(box=None)
    table.add_column("policy")
    for heading in ("steps", "replay s", "bare loop s", "replay / bare", "steps / s"):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(
            row["policy"],
            f"{row['steps']:,}",
            f"{row['replay_cpu_seconds']:.2f}",
            f"{row['bare_loop_cpu_seconds']:.2f}",
            f"{row['replay_over_bare_loop']:.1f}",
            f"{row['replay_steps_per_second']:,}",
        )
    Console(width=100).print(table)


def main() -> None:
    """Replay, print, and keep the result of a whole run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trace", type=Path)
    parser.add_argument("--limit", type=int, help="the first requests only; nothing is written")
    arguments = parser.parse_args()
    plan = ReplayPlan(
        workload=Workload(path=arguments.trace, format=recognised_format(arguments.trace), limit=arguments.limit),
        config=CONFIG,
        step_time=StepTime(),
        acceptance_rate=ACCEPTANCE_RATE,
        seed=0,
    )
    rows = [measured(plan, policy) for policy in POLICIES.values()]
    shown(rows)
    if arguments.limit is not None:
        print(f"{len(rows)} rows of replay; nothing written")
        return
    num_requests = sum(1 for _ in plan.workload.arrivals())
    figures = {"trace": arguments.trace.name, "requests": num_requests, "rows": rows}
    write_result(RESULT, "replay", ("schedproof", "numpy", "z3-solver"), figures)


if __name__ == "__main__":
    main()
