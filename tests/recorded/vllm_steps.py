"""Recorded steps of vLLM's own scheduler, as the reference's queues and plans; see vllm/README.md."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from schedproof.engines.vllm.config import SchedulingPolicy, ServingConfig
from schedproof.engines.vllm.defaults import watermark_blocks
from schedproof.engines.vllm.encoder import NO_CACHE, EncoderCache
from schedproof.engines.vllm.life.engine import Engine
from schedproof.engines.vllm.loop import StepPlan
from schedproof.engines.vllm.queues import Queues
from schedproof.engines.vllm.request import EncoderItem, Request, encoder_items
from schedproof.engines.vllm.speculation import SpeculativeConfig, SpeculativeMethod
from schedproof.request import MultimodalItem

FOLDER = Path(__file__).parent / "vllm"
FEATURES = sorted(path.name.removesuffix(".jsonl.gz") for path in FOLDER.glob("*.jsonl.gz"))


@dataclass(slots=True)
class RecordedEngine:
    """What a file has said so far of the engine at hand."""

    config: ServingConfig
    arrivals: dict[int, list[Any]] = field(default_factory=dict)
    """Prompt tokens, most output tokens, priority, time of arrival, and where there are any, items."""

    def note(self, events: list[list[Any]]) -> None:
        """Take in what happened between two steps."""
        for kind, *rest in events:
            if kind == "arrive":
                self.arrivals[rest[0]] = rest[1:]

    def request(self, fields: list[int]) -> Request:
        """Return a request as the reference sees it."""
        request_id, known, computed, drafts, placeholders, blocks, is_chunk, under_way, stale = fields
        num_prompt, num_output, priority, arrival, *_ = self.arrivals[request_id]
        return Request(
            request_id=str(request_id),
            num_prompt_tokens=num_prompt,
            max_output_tokens=num_output,
            num_tokens=known,
            num_computed_tokens=computed,
            num_drafts=drafts,
            num_placeholders=placeholders,
            num_blocks=blocks,
            is_prefill_chunk=bool(is_chunk),
            num_tokens_under_way=under_way,
            num_stale_tokens=stale,
            items=self.items(request_id),
            priority=priority,
            arrival=arrival,
        )

    def items(self, request_id: int) -> tuple[EncoderItem, ...]:
        """Return the items of a request's prompt."""
        found = self.arrivals[request_id][4:]
        return encoder_items(str(request_id), items_of(found[0])) if found else ()

    def cached(self, numbers: list[int]) -> EncoderItem:
        """Return an item that the encoder cache holds."""
        request_id, index = numbers
        return self.items(request_id)[index]

    def cache(self, found: dict[str, Any] | None) -> EncoderCache:
        """Return the encoder cache; the order of what is used does not matter."""
        if found is None:
            return NO_CACHE
        return EncoderCache(
            num_free=found["free"],
            used=tuple(self.cached(numbers) for numbers in found["used"]),
            unused=tuple(self.cached(numbers) for numbers in found["unused"]),
        )

    def queues(self, before: dict[str, Any]) -> Queues:
        """Return what the scheduler found."""
        hits = {request_id: found for request_id, *found in before.get("hits", ())}
        shared = dict(before.get("shared", ()))
        return Queues(
            running=tuple(
                replace(self.request(fields), num_shared_blocks=shared.get(fields[0], 0))
                for fields in before["running"]
            ),
            waiting=tuple(
                with_hit(self.request(fields), *hits.get(fields[0], (0, 0))) for fields in before["waiting"]
            ),
            num_free_blocks=before["free"],
            cache=self.cache(before.get("encoder")),
        )


def with_hit(request: Request, num_tokens: int, num_free_blocks: int) -> Request:
    """Return a waiting request with what the prefix cache has of it."""
    return replace(request, num_cached_tokens=num_tokens, num_free_cached_blocks=num_free_blocks)


def engines_and_steps(path: Path) -> Iterator[tuple[RecordedEngine, dict[str, Any]]]:
    """Yield every step of a file with its engine, which knows the events up to it."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        engine = None
        for line in lines:
            found = json.loads(line)
            if "schema" in found:
                engine = RecordedEngine(config=config_of(found["config"]))
                continue
            assert engine is not None
            engine.note(found["events"])
            yield engine, found


def lives_and_steps(path: Path) -> Iterator[tuple[RecordedEngine, Engine, dict[str, Any]]]:
    """Yield every step of a file with an engine of the reference that went through the same events."""
    at_hand, life = None, None
    for engine, step in engines_and_steps(path):
        if engine is not at_hand:
            at_hand, life = engine, Engine(engine.config)
        assert life is not None
        live_through(life, step["events"])
        yield engine, life, step


def live_through(life: Engine, events: list[list[Any]]) -> None:
    """Let an engine of the reference go through what happened between two steps."""
    drafts = next((dict(rest[0]) for kind, *rest in events if kind == "drafts"), {})
    for kind, *rest in events:
        if kind == "arrive":
            request_id, num_prompt, num_output, priority, arrival, *items = rest
            life.add_request(
                str(request_id),
                num_prompt,
                num_output,
                items=items_of(items[0]) if items else (),
                priority=priority,
                arrival=arrival,
            )
        elif kind == "abort":
            life.abort(str(rest[0]))
        elif kind == "results":
            accepted = dict(rest[0])
            life.complete(lambda name, _, found=accepted: found[int(name)], lambda name: drafts[int(name)])


def planned(plan: StepPlan, engine: RecordedEngine) -> dict[str, Any]:
    """Return what the reference makes of a step."""
    return {
        "batch": batch_of(plan, engine.config.block_size),
        "preempted": ids(plan.preempted),
        "budgets": [plan.final.token_budget, plan.final.input_budget],
        "running": ids(plan.running),
        "free": plan.final.num_free_blocks,
        "cache": in_order(plan.cache),
    }


def recorded(engine: RecordedEngine, step: dict[str, Any]) -> dict[str, Any]:
    """Return what vLLM made of it."""
    return {
        "batch": step["batch"],
        "preempted": step["preempted"],
        "budgets": step["budgets"],
        "running": step["after"]["running"],
        "free": step["after"]["free"],
        "cache": in_order(engine.cache(step["after"].get("encoder"))),
    }


def ids(requests: tuple[Request, ...]) -> list[int]:
    """Return the numbers of requests."""
    return [int(request.request_id) for request in requests]


def items_of(places: list[list[int]]) -> tuple[MultimodalItem, ...]:
    """Return items by their places in a prompt."""
    return tuple(MultimodalItem(start=start, end=end) for start, end in places)


def in_order(cache: EncoderCache) -> EncoderCache:
    """Return an encoder cache in which the order of what is used says nothing."""
    return replace(cache, used=tuple(sorted(cache.used, key=lambda item: (int(item.request_id), item.index))))


def without_order(queues: Queues) -> Queues:
    """Return what the scheduler finds, with an encoder cache as `in_order` has it."""
    return replace(queues, cache=in_order(queues.cache))


def config_of(values: dict[str, Any]) -> ServingConfig:
    """Return the configuration that a header announces."""
    fields = dict(values)
    fields["watermark_blocks"] = watermark_blocks(fields.pop("watermark"), fields["num_gpu_blocks"])
    speculation = fields.pop("speculation")
    if speculation is not None:
        method = SpeculativeMethod(speculation["method"])
        fields["speculation"] = SpeculativeConfig(**speculation | {"method": method})
    return ServingConfig(**fields | {"policy": SchedulingPolicy(fields["policy"])})


def batch_of(plan: StepPlan, block_size: int) -> list[list[int]]:
    """Return the batch of a plan as the file lists it."""
    return [
        [
            int(entry.request.request_id),
            entry.grant.num_tokens,
            entry.grant.num_drafts,
            entry.grant.num_new_blocks + entry.request.num_cached_tokens // block_size,
            *(item.index for item in entry.grant.items),
        ]
        for entry in plan.batch
    ]
