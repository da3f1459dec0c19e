"""The hooks of ``examples/hooks/``, in schedulers that have what the engines' own have."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from schedproof import POLICIES, ServingConfig, SpeculativeConfig, SpeculativeMethod
from schedproof_gate.audit.auditing import Audit, audit_trace
from schedproof_gate.audit.traces.forms import SCHEDPROOF
from schedproof_gate.deployment.deployment import Deployment
from schedproof_gate.deployment.fastdeploy import FASTDEPLOY
from schedproof_gate.deployment.settings import Settings, Style
from schedproof_spec import Status

HOOKS = Path(__file__).parents[4] / "examples" / "hooks"
BLOCK_SIZE = 8
DRAFTS = SpeculativeConfig(method=SpeculativeMethod.MTP, num_speculative_tokens=3)


@pytest.fixture
def hooks(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """The modules, as an engine imports them that finds them beside each other."""
    monkeypatch.syspath_prepend(str(HOOKS))
    import record_fastdeploy
    import record_vllm
    import step_file

    modules: list[ModuleType] = [record_fastdeploy, record_vllm, step_file]
    yield SimpleNamespace(fastdeploy=record_fastdeploy, vllm=record_vllm, step_file=step_file)
    for module in modules:
        sys.modules.pop(module.__name__)


def audit(path: Path, limit: int, drafts: SpeculativeConfig | None = DRAFTS, policy: str = "7623") -> Audit:
    config = ServingConfig(
        max_num_seqs=4, max_num_batched_tokens=limit, max_model_len=512, block_size=BLOCK_SIZE, speculation=drafts
    )
    deployment = Deployment(
        source="config.yaml",
        file="config.yaml",
        engine=FASTDEPLOY,
        settings=Settings(source="config.yaml", style=Style.FILE),
        config=config,
        policy=None,
        notes=(),
    )
    return audit_trace(path, SCHEDPROOF, deployment, POLICIES[policy])


def statuses(found: Audit) -> dict[str, Status]:
    return {result.invariant: result.status for result in found.subject.results}


class RequestType(Enum):
    """FastDeploy's."""

    PREFILL = 0
    DECODE = 1
    PREEMPTED = 2


@dataclass(eq=False)
class FastDeployRequest:
    request_id: str
    need_prefill_tokens: int
    num_total_tokens: int
    num_computed_tokens: int = 0
    block_tables: list[int] = field(default_factory=list)
    task_type: RequestType = RequestType.PREFILL
    prefill_start_index: int = 0
    prefill_end_index: int = 0


class ResourceManagerV1:
    """FastDeploy's scheduler in small: decodes first, the rest of the budget for prompts in order."""

    def __init__(self, budget: int, charge: int, role: str = "mixed") -> None:
        self.config = SimpleNamespace(scheduler_config=SimpleNamespace(splitwise_role=role))
        self.budget = budget
        self.charge = charge
        self.running: list[FastDeployRequest] = []
        self.waiting: list[FastDeployRequest] = []
        self.to_be_rescheduled_request_id_set: set[str] = set()
        self.num_free = 1000

    def available_block_num(self) -> int:
        return self.num_free

    def take(self, request: FastDeployRequest, num_slots: int) -> None:
        while len(request.block_tables) * BLOCK_SIZE < num_slots:
            self.num_free -= 1
            request.block_tables.append(self.num_free)

    def schedule(self) -> tuple[list[Any], list[Any]]:
        decoding = [r for r in self.running if r.num_computed_tokens >= r.need_prefill_tokens]
        budget = self.budget - len(decoding) * self.charge
        tasks: list[Any] = []
        for request in decoding:
            self.take(request, request.num_total_tokens + 12)
            tasks.append(SimpleNamespace(request_id=request.request_id, task_type=RequestType.DECODE))
        for request in [r for r in self.running if r not in decoding] + list(self.waiting):
            chunk = min(budget, request.need_prefill_tokens - request.num_computed_tokens)
            if chunk <= 0:
                break
            budget -= chunk
            request.prefill_start_index = request.num_computed_tokens
            request.prefill_end_index = request.num_computed_tokens = request.num_computed_tokens + chunk
            self.take(request, request.num_computed_tokens)
            if request in self.waiting:
                self.waiting.remove(request)
                self.running.append(request)
            tasks.append(request)
        return tasks, []


def run_fastdeploy(manager: ResourceManagerV1, num_steps: int = 12) -> None:
    """Run steps; every decode gains two tokens in each, and a request gains its first one with its prompt's end."""
    manager.waiting = [FastDeployRequest(f"r{n}", need, need) for n, need in enumerate((20, 90, 33))]
    for _ in range(num_steps):
        manager.schedule()
        for request in manager.running:
            if request.num_computed_tokens >= request.need_prefill_tokens:
                is_first = request.num_total_tokens == request.need_prefill_tokens
                request.num_total_tokens += 1 if is_first else 2
                request.num_computed_tokens = request.num_total_tokens - 1


def test_fastdeploy_s_steps_are_recorded_as_they_are_planned(tmp_path: Path, hooks: SimpleNamespace) -> None:
    class Recorded(ResourceManagerV1):
        pass

    steps = hooks.fastdeploy.record_steps(Recorded, str(tmp_path / "steps.jsonl"), tokens_per_seq=4)
    manager = Recorded(budget=40, charge=4)
    run_fastdeploy(manager)
    steps.file.close()
    assert steps.error is None
    found = audit(tmp_path / "steps.jsonl", limit=40)
    assert statuses(found) == dict.fromkeys(
        [
            "no_overshoot",
            "chunk_capacity_covers_step",
            "slots_within_limit",
            "every_decode_served",
            "blocks_cover_tokens",
            "chunk_within_prompt",
        ],
        Status.HELD,
    )
    records = [json.loads(line) for line in (tmp_path / "steps.jsonl").read_text().splitlines()]
    assert records[0] == {"schema": "schedproof/step/1", "engine": "fastdeploy"}
    assert [request["phase"] for request in records[1]["requests"]] == ["admission", "admission"]
    assert [request["phase"] for request in records[2]["requests"]] == ["decode", "prefill"]


def test_a_scheduler_that_does_not_charge_drafts_is_caught(tmp_path: Path, hooks: SimpleNamespace) -> None:
    class Recorded(ResourceManagerV1):
        pass

    steps = hooks.fastdeploy.record_steps(Recorded, str(tmp_path / "steps.jsonl"), tokens_per_seq=4)
    run_fastdeploy(Recorded(budget=40, charge=1))
    steps.file.close()
    (result,) = [
        r for r in audit(tmp_path / "steps.jsonl", limit=40).subject.results if r.invariant == "no_overshoot"
    ]
    assert (result.status, result.line) == (Status.VIOLATED, 3)
    assert result.message.startswith("in step 1, 43 tokens run, 3 more than max_num_batched_tokens 40")


@pytest.mark.parametrize(("role", "phases"), [("prefill", {"admission", "prefill"}), ("decode", {"decode"})])
def test_a_node_records_what_its_role_runs(
    tmp_path: Path, hooks: SimpleNamespace, role: str, phases: set[str]
) -> None:
    class Recorded(ResourceManagerV1):
        pass

    steps = hooks.fastdeploy.record_steps(Recorded, str(tmp_path / "steps.jsonl"), tokens_per_seq=4)
    run_fastdeploy(Recorded(budget=40, charge=4, role=role))
    steps.file.close()
    records = [json.loads(line) for line in (tmp_path / "steps.jsonl").read_text().splitlines()][1:]
    assert {request["phase"] for record in records for request in record["requests"]} == phases


def test_a_preempted_request_begins_anew(tmp_path: Path, hooks: SimpleNamespace) -> None:
    class Recorded(ResourceManagerV1):
        pass

    steps = hooks.fastdeploy.record_steps(Recorded, str(tmp_path / "steps.jsonl"), tokens_per_seq=4)
    manager = Recorded(budget=40, charge=4)
    manager.waiting = [FastDeployRequest("r", 90, 90)]
    manager.schedule()
    (request,) = manager.running
    manager.running.remove(request)
    request.num_computed_tokens, request.block_tables = 0, []
    manager.waiting.append(request)
    manager.schedule()
    steps.file.close()
    assert statuses(audit(tmp_path / "steps.jsonl", limit=40))["chunk_within_prompt"] is Status.HELD


def test_an_error_ends_the_recording_and_not_the_engine(
    tmp_path: Path, hooks: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    class Recorded(ResourceManagerV1):
        pass

    steps = hooks.fastdeploy.record_steps(Recorded, str(tmp_path / "steps.jsonl"), tokens_per_seq=4)
    manager = Recorded(budget=40, charge=4)
    manager.config = None  # type: ignore[assignment]
    run_fastdeploy(manager)
    steps.file.close()
    assert len(manager.running) == 3
    assert isinstance(steps.error, AttributeError)
    assert capsys.readouterr().out.count("\n") == 1


def test_steps_are_buffered_and_flushed_when_time_has_passed(
    tmp_path: Path, hooks: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "steps.jsonl"
    clock = [0.0]
    monkeypatch.setattr(hooks.step_file.time, "monotonic", lambda: clock[0])
    steps = hooks.step_file.StepFile(str(path), "engine")
    for _ in range(3):
        steps.add(lambda: {"num_decoding": 0})
    assert path.read_text() == ""
    clock[0] = hooks.step_file.FLUSH_SECONDS
    steps.add(lambda: None)
    assert path.read_text() == ""
    steps.add(lambda: {"num_decoding": 0})
    assert [json.loads(line).get("step") for line in path.read_text().splitlines()] == [None, 0, 1, 2, 3]
    steps.file.close()


@dataclass(eq=False)
class VllmRequest:
    request_id: str
    num_prompt_tokens: int
    num_tokens: int
    num_computed_tokens: int = 0


class Scheduler:
    """vLLM's V1 scheduler in small: running requests in order, then waiting ones, one budget for all."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.running: list[VllmRequest] = []
        self.waiting: list[VllmRequest] = []
        self.requests: dict[str, VllmRequest] = {}
        pool = SimpleNamespace(get_num_free_blocks=lambda: 77)
        self.kv_cache_manager = SimpleNamespace(block_pool=pool)

    def add(self, *requests: VllmRequest) -> None:
        self.waiting += requests
        self.requests |= {request.request_id: request for request in requests}

    def schedule(self, throttle: bool = False) -> SimpleNamespace:
        budget = self.budget
        scheduled: dict[str, int] = {}
        for request in [*self.running, *self.waiting]:
            num_tokens = min(budget, request.num_tokens - request.num_computed_tokens)
            if num_tokens == 0:
                break
            if request in self.waiting:
                self.waiting.remove(request)
                self.running.append(request)
            scheduled[request.request_id] = num_tokens
            request.num_computed_tokens += num_tokens
            budget -= num_tokens
        return SimpleNamespace(
            num_scheduled_tokens=scheduled,
            total_num_scheduled_tokens=sum(scheduled.values()),
            preempted_req_ids=None,
        )


def test_vllm_s_steps_are_recorded_as_they_are_scheduled(tmp_path: Path, hooks: SimpleNamespace) -> None:
    class Recorded(Scheduler):
        pass

    path = tmp_path / "steps.jsonl"
    steps = hooks.vllm.record_steps(Recorded, str(path))
    scheduler = Recorded(budget=16)
    scheduler.add(VllmRequest("a", 10, 10), VllmRequest("b", 30, 30))
    for number in range(8):
        output = scheduler.schedule(throttle=number % 2 == 0)
        for request_id in output.num_scheduled_tokens:
            request = scheduler.requests[request_id]
            if request.num_computed_tokens >= request.num_tokens:
                request.num_tokens += 1
    scheduler.running.clear()
    assert scheduler.schedule().num_scheduled_tokens == {}
    steps.file.close()
    assert steps.error is None
    records = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(r["request_id"], r["phase"], r["num_tokens"]) for r in records[1]["requests"]] == [
        ("a", "admission", 10),
        ("b", "admission", 6),
    ]
    assert [(r["request_id"], r["phase"], r["num_tokens"]) for r in records[2]["requests"]] == [
        ("a", "decode", 1),
        ("b", "prefill", 15),
    ]
    assert len(records) == 9
    found = audit(path, limit=16, drafts=None)
    assert statuses(found) == dict.fromkeys(
        ["no_overshoot", "slots_within_limit", "chunk_within_prompt"], Status.HELD
    )
    assert found.subject.engine == "vllm"
    assert statuses(audit(path, limit=15, drafts=None))["no_overshoot"] is Status.VIOLATED
