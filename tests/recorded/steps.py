"""Recorded steps of FastDeploy's own scheduler, as the reference's queues and plans; see fastdeploy/README.md."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from schedproof import (
    MultimodalItem,
    Queues,
    Request,
    Role,
    ServingConfig,
    SpeculativeConfig,
    SpeculativeMethod,
    StepPlan,
)
from schedproof.engines.fastdeploy.config import MultimodalInput
from schedproof.engines.fastdeploy.rules.output_reserve import OutputReserve
from schedproof.engines.fastdeploy.rules.token_ratio import RatioReserve, TokenRatio
from schedproof.engines.fastdeploy.turns import Abort, Passing, Phase, Preemption, Skip, Turn

FOLDER = Path(__file__).parent / "fastdeploy"
FEATURES = sorted(str(path.relative_to(FOLDER)).removesuffix(".jsonl.gz") for path in FOLDER.rglob("*.jsonl.gz"))
"""Each file by its name, below the folder of its version; those of PR 7499 are in none."""
INPUTS = {None: MultimodalInput.PATCHES, "patch_map": MultimodalInput.PATCHES, "images": MultimodalInput.IMAGES}


@dataclass(slots=True)
class RecordedEngine:
    """What a file has said so far of the engine at hand."""

    config: ServingConfig
    version: str
    initial_blocks: int
    """Blocks that are reserved for each request from a preemption on."""
    reserve: OutputReserve | TokenRatio | None
    """None where the recorded decay is no whole number of steps a block."""
    most_output: dict[int, int] = field(default_factory=dict)
    num_prompt_tokens: dict[int, int] = field(default_factory=dict)
    items: dict[int, tuple[MultimodalItem, ...]] = field(default_factory=dict)
    aborts: set[int] = field(default_factory=set)
    """Requests whose abort has not taken effect yet."""

    def note(self, events: list[list[Any]]) -> None:
        """Take in what happened between two steps."""
        for kind, request_id, *rest in events:
            if kind in ("arrive", "preallocate"):
                self.num_prompt_tokens[request_id], self.most_output[request_id] = rest[:2]
                items = rest[2] if kind == "arrive" else []
                self.items[request_id] = tuple(MultimodalItem(start=start, end=end) for start, end in items)
            elif kind == "abort":
                self.aborts.add(request_id)
            elif kind in ("finish", "hand_over"):
                self.aborts.discard(request_id)

    def request(self, fields: list[Any], waits: bool) -> Request:
        """Return a request as the reference sees it."""
        request_id, status, computed, need, total, num_blocks = fields
        resumes = waits and status == "preempted"
        need = total if resumes else need
        return Request(
            request_id=str(request_id),
            need_prefill_tokens=need,
            num_computed_tokens=computed,
            num_total_tokens=total,
            num_blocks=num_blocks,
            items=self.items[request_id],
            num_resumed_tokens=max(need - self.num_prompt_tokens[request_id], 0),
            holds_slot=resumes,
            max_output_tokens=self.most_output[request_id],
            is_aborted=request_id in self.aborts,
        )

    def queues(self, before: dict[str, Any]) -> Queues:
        """Return what the scheduler found."""
        waiting = tuple(self.request(fields, waits=True) for fields in before["waiting"])
        num_leaving = len(before["to_be_rescheduled"]) + len(before["to_be_aborted"])
        return Queues(
            running=tuple(self.request(fields, waits=False) for fields in before["running"]),
            waiting=waiting,
            num_free_blocks=before["free"],
            num_held_slots=num_leaving + sum(request.holds_slot for request in waiting),
            num_reserved_blocks_per_seq=blocks_per_seq(before),
            num_reserved_blocks_after_preemption=self.initial_blocks,
            ratio_reserve=self.ratio_reserve(before),
        )

    def ratio_reserve(self, before: dict[str, Any]) -> RatioReserve | None:
        """Return how far the ratio has decayed, where output is reserved by it."""
        if not isinstance(self.reserve, TokenRatio):
            return None
        return RatioReserve(settings=self.reserve, ratio=before["new_token_ratio"])


def blocks_per_seq(before: dict[str, Any]) -> int:
    """Return the blocks that are reserved for each running request."""
    return 0 if before.get("relaxed", True) else int(before["reserve"])


def engines_and_steps(feature: str) -> Iterator[tuple[RecordedEngine, dict[str, Any]]]:
    """Yield every step of a file with its engine, which knows the events up to it."""
    with gzip.open(FOLDER / f"{feature}.jsonl.gz", "rt", encoding="utf-8") as lines:
        engine = None
        for line in lines:
            found = json.loads(line)
            if "schema" in found:
                engine = opened(found)
                continue
            assert engine is not None
            engine.note(found["events"])
            yield engine, found
            for request_id, what, *_ in found["batch"]:
                if what == "abort":
                    engine.aborts.discard(request_id)


def opened(header: dict[str, Any]) -> RecordedEngine:
    """Return the engine that a header announces."""
    values = dict(header["config"])
    speculation, reserve = values.pop("speculation"), values.pop("reserve")
    config = ServingConfig(**configured(values, speculation))
    return RecordedEngine(
        config=config,
        version=header["version"],
        initial_blocks=reserve.get("initial", 0),
        reserve=reserve_of(reserve),
    )


def reserve_of(found: dict[str, Any]) -> OutputReserve | TokenRatio | None:
    """Return the settings of the reserve; None where its decay is no whole number of steps a block."""
    if "initial_ratio" in found:
        return TokenRatio(
            initial=found["initial_ratio"],
            minimum=found["minimum_ratio"],
            decay=found["decay"],
            most_tokens=found["most_tokens"],
        )
    steps = round(1 / found["decay"]) if found["decay"] else 0
    if steps == 0 or abs(steps * found["decay"] - 1) >= 1e-9:
        return None
    return OutputReserve(initial_blocks=found["initial"], steps_per_block=steps, minimum_blocks=found["minimum"])


def configured(values: dict[str, Any], speculation: dict[str, Any] | None) -> dict[str, Any]:
    """Return the fields of a configuration."""
    fields = {name: value for name, value in values.items() if name != "multimodal"}
    fields["role"] = Role(values["role"])
    fields["speculation"] = None if speculation is None else speculation_of(**speculation)
    fields["multimodal_input"] = INPUTS[values["multimodal"]]
    return fields


def speculation_of(method: str | None, num_speculative_tokens: int) -> SpeculativeConfig:
    """Return the speculative configuration; a null method is an object without one."""
    return SpeculativeConfig(
        method=SpeculativeMethod.NONE if method is None else SpeculativeMethod(method),
        num_speculative_tokens=num_speculative_tokens,
    )


def batch_of(plan: StepPlan) -> list[list[Any]]:
    """Return the turns of a plan as the file lists them, without the tokens of decodes."""
    return [line_of(turn) for turn in plan.turns if not isinstance(turn, Passing)]


def asks_past_a_held_slot(plan: StepPlan, batch: list[list[Any]]) -> bool:
    """Return whether the recorded step differs from the plan in the one way that the model leaves out.

    FastDeploy takes a waiting request that gets no chunk out of the queue while the step goes on, and then counts
    no slot for it though it may hold one: it asks more requests, none of which got a chunk in the recorded steps.
    (PR 7444 and before, deterministic mode and images.)
    """
    planned = batch_of(plan)
    more = batch[len(planned) :]
    has_skipped_a_slot = any(request.holds_slot for request in plan.skipped)
    return (
        has_skipped_a_slot
        and batch[: len(planned)] == planned
        and all(line[1:] == ["prefill", 0, 0] for line in more)
    )


def line_of(turn: Turn) -> list[Any]:
    """Return one turn as the file lists it."""
    request_id = int(turn.request.request_id)
    if isinstance(turn, Preemption):
        return [request_id, "preempted", 0, -turn.request.num_blocks]
    if isinstance(turn, Abort):
        return [request_id, "abort", 0, -turn.request.num_blocks]
    if isinstance(turn, Skip | Passing):
        return [request_id, "prefill", 0, 0]
    if turn.phase is Phase.DECODE:
        return [request_id, "decode", None, turn.grant.num_new_blocks]
    return [request_id, "prefill", turn.grant.num_tokens, turn.grant.num_new_blocks]
