"""Engines that are small enough to count along."""

from __future__ import annotations

from typing import Any

from schedproof import Engine, ServingConfig, SpeculativeConfig, SpeculativeMethod, StepOutcome
from schedproof.engines.fastdeploy.life.places import Place
from schedproof.engines.fastdeploy.rules.output_reserve import OutputReserve

NO_RESERVE = OutputReserve(initial_blocks=0)


def mtp(num_drafts: int) -> SpeculativeConfig:
    return SpeculativeConfig(method=SpeculativeMethod.MTP, num_speculative_tokens=num_drafts)


def small_config(**fields: Any) -> ServingConfig:
    """Four slots, blocks of four tokens, and one new block at a time, on demand."""
    sizes: dict[str, Any] = {
        "max_num_seqs": 4,
        "max_num_batched_tokens": 16,
        "max_model_len": 64,
        "block_size": 4,
        "num_kv_blocks": 64,
        "enc_dec_block_num": 0,
        "prealloc_dec_block_slot_num_threshold": 0,
    }
    return ServingConfig(**(sizes | fields))


def small_engine(**fields: Any) -> Engine:
    """An engine without output reserve."""
    return Engine(small_config(**fields), reserve=NO_RESERVE)


def batch(outcome: StepOutcome, engine: Engine) -> dict[str, int]:
    """The tokens that each request of a step ran."""
    return {entry.request_id: entry.num_tokens for entry in outcome.launch.plan.batch(engine.config)}


def preempted(outcome: StepOutcome) -> list[str]:
    return [request.request_id for request in outcome.launch.plan.preempted]


def queue(engine: Engine, place: Place) -> list[str]:
    return list(engine.places[place])


def counts(engine: Engine, request_id: str) -> tuple[int, int, int]:
    """A request's tokens in all, its computed tokens, and its blocks."""
    request = engine.requests[request_id]
    return request.num_total_tokens, request.num_computed_tokens, request.num_blocks


def run_until_idle(engine: Engine, most_steps: int = 1000) -> list[StepOutcome]:
    outcomes = []
    while engine.has_work:
        outcomes.append(engine.step())
        assert len(outcomes) <= most_steps, "the engine does not come to an end"
    return outcomes
