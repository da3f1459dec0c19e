"""A step as an engine recorded it, and its line in a file: the form ``schedproof/step/1``, JSON lines.

A file may begin with a header, which says who recorded it. Every other line is one step, in order. A field that the
recorder does not know is left out; the audit then reports the rules that need it as not checked.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.engines.fastdeploy.loop import StepPlan
from schedproof.engines.fastdeploy.turns import Phase

SCHEMA = "schedproof/step/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceHeader:
    """The first line of a file of recorded steps; another one further down says that the engine started anew."""

    engine: str
    version: str | None = None
    """The engine's version, for people."""
    num_kv_blocks: int | None = None
    """KV blocks of the pool as the engine measured them; None when the configuration sets their number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRequest:
    """One request of a step's batch. Counts are in tokens, at the beginning of the step unless said otherwise."""

    request_id: str
    phase: Phase
    num_tokens: int
    """Tokens that it runs in the step."""
    num_computed_tokens: int | None = None
    """Tokens whose keys and values are in the cache."""
    need_prefill_tokens: int | None = None
    """Tokens to prefill before decoding: the prompt, or everything so far after a preemption."""
    num_total_tokens: int | None = None
    """Prompt plus generated tokens."""
    num_blocks: int | None = None
    """KV blocks in its table while the step runs, new ones included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedStep:
    """One step: what ran, and what the scheduler was left with."""

    step: int
    """Its number; each is larger than the one before."""
    num_decoding: int
    """Sequences that decode in the step."""
    num_decode_tokens: int
    """Tokens that run for them, drafts included."""
    num_prefill_tokens: int
    """Tokens of all chunks of the step."""
    num_slots_used: int | None = None
    """Slots of running requests, and of those that left and whose slot the worker still holds."""
    num_waiting: int | None = None
    num_preempted: int | None = None
    """Requests that were preempted while the step was planned."""
    num_free_blocks: int | None = None
    """KV blocks in no table while the step runs."""
    num_owned_blocks: int | None = None
    """KV blocks in at least one table while the step runs."""
    budget: int | None = None
    """The lowest that the token budget was while the step was planned."""
    launch_tokens: int | None = None
    """Tokens that the step was launched with."""
    timestamp_s: float | None = None
    """Seconds on any clock that does not go backwards."""
    requests: tuple[RecordedRequest, ...] | None = None
    """Every request that runs at least one token in the step."""

    @property
    def num_tokens(self) -> int:
        """Tokens that the step ran."""
        return self.num_decode_tokens + self.num_prefill_tokens


def record_totals(
    step: int,
    plan: StepPlan,
    config: ServingConfig,
    *,
    num_waiting: int | None = None,
    num_free_blocks: int | None = None,
    num_owned_blocks: int | None = None,
    launch_tokens: int | None = None,
    timestamp_s: float | None = None,
) -> RecordedStep:
    """Return the record of a planned step; the counts that a plan does not hold are the caller's."""
    final = plan.final
    return RecordedStep(
        step=step,
        num_decoding=final.num_decoding,
        num_decode_tokens=final.num_decoding * config.tokens_per_seq,
        num_prefill_tokens=final.prefill_tokens,
        num_slots_used=final.num_slots_used,
        num_waiting=num_waiting,
        num_preempted=final.num_preempted,
        num_free_blocks=num_free_blocks,
        num_owned_blocks=num_owned_blocks,
        budget=min(ledger.budget for ledger in plan.ledgers),
        launch_tokens=launch_tokens,
        timestamp_s=timestamp_s,
    )


def record_requests(plan: StepPlan, config: ServingConfig) -> tuple[RecordedRequest, ...]:
    """Return the batch of a planned step, for `RecordedStep.requests`."""
    visited = tuple(
        RecordedRequest(
            request_id=visit.request.request_id,
            phase=visit.phase,
            num_tokens=visit.grant.num_tokens,
            num_computed_tokens=visit.request.num_computed_tokens,
            need_prefill_tokens=visit.request.need_prefill_tokens,
            num_total_tokens=visit.request.num_total_tokens,
            num_blocks=visit.request.num_blocks + visit.grant.num_new_blocks - visit.request.num_free_cached_blocks,
        )
        for visit in plan.visits
        if visit.grant.num_tokens != 0
    )
    unvisited = tuple(
        RecordedRequest(
            request_id=request.request_id,
            phase=Phase.DECODE,
            num_tokens=config.tokens_per_seq,
            num_computed_tokens=request.num_computed_tokens,
            need_prefill_tokens=request.need_prefill_tokens,
            num_total_tokens=request.num_total_tokens,
            num_blocks=request.num_blocks,
        )
        for request in plan.unvisited_decodes
    )
    return visited + unvisited


def header_line(header: TraceHeader) -> str:
    """Return the line of a header, with its end."""
    return _line({"schema": SCHEMA} | _known(header))


def step_line(step: RecordedStep) -> str:
    """Return the line of a step, with its end."""
    fields = _known(step)
    if step.requests is not None:
        fields["requests"] = [_known(request) for request in step.requests]
    return _line(fields)


def _known(record: TraceHeader | RecordedRequest | RecordedStep) -> dict[str, Any]:
    names = type(record).__slots__
    return {name: value for name in names if (value := getattr(record, name)) is not None}


def _line(fields: dict[str, Any]) -> str:
    return json.dumps(fields, separators=(",", ":")) + "\n"
