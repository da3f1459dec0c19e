"""Runs of the reference engine, recorded as an engine would record them: exact steps, or the lines of a log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from hypothesis import assume
from hypothesis import strategies as st

from schedproof import Engine, Phase, Policy, ServingConfig, SpeculativeConfig, SpeculativeMethod
from schedproof.engines.fastdeploy.life.outcome import Launch
from schedproof.engines.fastdeploy.life.places import Place
from schedproof.step_record import (
    RecordedStep,
    TraceHeader,
    header_line,
    record_requests,
    record_totals,
    step_line,
)
from schedproof_gate.audit.auditing import Audit, audit_trace
from schedproof_gate.audit.traces.forms import FORMS
from schedproof_gate.deployment.deployment import Deployment
from schedproof_gate.deployment.fastdeploy import FASTDEPLOY
from schedproof_gate.deployment.settings import Settings, Style
from schedproof_spec import Status

MAX_STEPS = 60
NUM_KV_BLOCKS = 400


def deployment_of(config: ServingConfig) -> Deployment:
    return Deployment(
        source="deployment",
        file="deployment",
        engine=FASTDEPLOY,
        settings=Settings(source="deployment", style=Style.FILE),
        config=config,
        policy=None,
        notes=(),
    )


@st.composite
def text_configs(draw: st.DrawFn, policy: Policy) -> ServingConfig:
    """Draw a mixed node that serves text, with limits that meet."""
    num_drafts = draw(st.integers(0, 3))
    config = ServingConfig(
        max_num_seqs=draw(st.integers(1, 6)),
        max_num_batched_tokens=draw(st.integers(16, 24) | st.integers(16, 80)),
        max_model_len=256,
        block_size=draw(st.sampled_from([4, 8, 16])),
        num_kv_blocks=NUM_KV_BLOCKS,
        speculation=None
        if num_drafts == 0
        else SpeculativeConfig(method=SpeculativeMethod.MTP, num_speculative_tokens=num_drafts),
    )
    assume(not policy.problems(config))
    return config


@st.composite
def launches(draw: st.DrawFn, config: ServingConfig, policy: Policy) -> list[tuple[Launch, RecordedStep, int]]:
    """Draw a run: each step as it was launched and as it is recorded, and the requests that run after planning."""
    engine = Engine(config, policy)
    for number in range(draw(st.integers(1, 8))):
        engine.add_request(f"r{number}", draw(st.integers(1, 120)), draw(st.integers(1, 12)))
    found = []
    while engine.has_work and len(found) < MAX_STEPS:
        launch = engine.schedule()
        num_free = engine.pool.num_free_blocks
        record = record_totals(
            len(found),
            launch.plan,
            config,
            num_waiting=len(engine.places[Place.WAITING]),
            num_free_blocks=num_free,
            num_owned_blocks=NUM_KV_BLOCKS - num_free,
            launch_tokens=launch.launch_tokens,
            timestamp_s=len(found) / 4,
        )
        record = replace(record, requests=record_requests(launch.plan, config))
        found.append((launch, record, len(engine.places[Place.RUNNING])))
        accepted = draw(st.integers(0, config.tokens_per_seq - 1))
        engine.complete(lambda request_id, accepted=accepted: accepted)
        engine.acknowledge()
    return found


def write_steps(path: Path, steps: Iterable[RecordedStep], engine: str = "") -> None:
    text = header_line(TraceHeader(engine=engine)) + "".join(map(step_line, steps))
    path.write_text(text, encoding="utf-8")


def audited(path: Path, config: ServingConfig, policy: Policy, form: str = "schedproof") -> Audit:
    return audit_trace(path, FORMS[form], deployment_of(config), policy)


def statuses(audit: Audit) -> dict[str, Status]:
    return {result.invariant: result.status for result in audit.subject.results}


def fastdeploy_lines(run: Iterable[tuple[Launch, RecordedStep, int]], decode_interval: int) -> Iterator[str]:
    """Yield what FastDeploy's ``SchedulerMetricsLogger`` writes about a run."""
    num_decode_batches = 0
    for launch, record, num_running in run:
        chunks = [
            visit for visit in launch.plan.visits if visit.phase is not Phase.DECODE and visit.grant.num_tokens
        ]
        tail = f"#running-req: {num_running}, #queue-req: {record.num_waiting}, "
        if chunks:
            num_tokens = sum(visit.grant.num_tokens for visit in chunks)
            yield (
                f"INFO Prefill batch, dp_rank: 0, #new-seq: {len(chunks)}, #new-token: {num_tokens}, "
                f"#cached-token: 0, token usage: 0.10, #free-block: {record.num_free_blocks}, {tail}"
            )
        if any(visit.phase is Phase.DECODE and visit.grant.num_new_blocks for visit in launch.plan.visits):
            num_decode_batches += 1
            if num_decode_batches % decode_interval == 0:
                yield f"INFO Decode batch, dp_rank: 0, #token: 10, cuda graph: True, {tail}"


@st.composite
def sglang_runs(draw: st.DrawFn, tokens_per_seq: int, mixes: bool) -> tuple[list[str], list[int]]:
    """Draw a run of an engine that prefills first, as SGLang logs it, and the tokens of every one of its steps."""
    interval = draw(st.integers(1, 5))
    lines, tokens = ["INFO server is ready"], []
    running = num_decode_batches = 0
    for _ in range(draw(st.integers(1, 40))):
        if draw(st.booleans()):
            new_seqs, new_tokens = draw(st.integers(1, 4)), draw(st.integers(1, 60))
            lines.append(
                f"[2026-09-02 08:14:20 TP0] Prefill batch, #new-seq: {new_seqs}, #new-token: {new_tokens}, "
                f"#cached-token: 3, token usage: 0.02, #running-req: {running}, #queue-req: 1, "
            )
            tokens.append(new_tokens + (running if mixes else 0))
            running += new_seqs
        elif running:
            num_decode_batches += 1
            tokens.append(running * tokens_per_seq)
            if num_decode_batches % interval == 0:
                accepts = "accept len: 1.50, " if tokens_per_seq > 1 else ""
                lines.append(
                    f"[2026-09-02 08:14:20 TP0] Decode batch, #running-req: {running}, #token: 90, {accepts}"
                    "token usage: 0.02, cuda graph: True, gen throughput (token/s): 88.12, #queue-req: 0, "
                )
            running -= draw(st.integers(0, running))
    return lines, tokens


Edit = Callable[[RecordedStep, ServingConfig], RecordedStep | None]
"""Changes a step so that it breaks one rule; None where it cannot."""


def overshoot(step: RecordedStep, config: ServingConfig) -> RecordedStep | None:
    prefill = config.max_num_batched_tokens - step.num_decode_tokens + 1
    return replace(step, num_prefill_tokens=prefill, launch_tokens=config.max_num_batched_tokens + 1, requests=None)


def overdraw(step: RecordedStep, config: ServingConfig) -> RecordedStep | None:
    return replace(step, budget=-1)


def overfill_slots(step: RecordedStep, config: ServingConfig) -> RecordedStep | None:
    return replace(step, num_slots_used=config.max_num_seqs + 1)


def underlaunch(step: RecordedStep, config: ServingConfig) -> RecordedStep | None:
    return replace(step, launch_tokens=step.num_tokens - 1) if step.num_tokens else None


def leak_block(step: RecordedStep, config: ServingConfig) -> RecordedStep | None:
    assert step.num_free_blocks is not None
    return replace(step, num_free_blocks=step.num_free_blocks - 1)


def starve_decode(step: RecordedStep, config: ServingConfig) -> RecordedStep | None:
    requests = list(step.requests or ())
    for index, request in enumerate(requests):
        if request.phase is Phase.DECODE:
            assert request.num_total_tokens is not None
            last_slot = request.num_total_tokens - 1 + config.tokens_per_seq
            requests[index] = replace(request, num_blocks=(last_slot - 1) // config.block_size)
            return replace(step, requests=tuple(requests))
    return None


def shift_chunk(step: RecordedStep, config: ServingConfig) -> RecordedStep | None:
    requests = list(step.requests or ())
    for index, request in enumerate(requests):
        if request.phase is Phase.PREFILL:
            assert request.num_computed_tokens is not None
            requests[index] = replace(request, num_computed_tokens=request.num_computed_tokens - 1)
            return replace(step, requests=tuple(requests))
    return None


PLANTED: dict[str, Edit] = {
    "no_overshoot": overshoot,
    "budget_nonnegative": overdraw,
    "slots_within_limit": overfill_slots,
    "launch_covers_step": underlaunch,
    "blocks_conserved": leak_block,
    "every_decode_served": starve_decode,
    "chunk_within_prompt": shift_chunk,
}
"""The rule that each edit breaks."""
