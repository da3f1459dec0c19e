"""What decides which rules an audit holds a trace against, and what it says beside the verdicts."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest
from recorded_audits import (
    ALL,
    CHUNK,
    CONFIG,
    DECODE,
    EXPERT_PARALLEL,
    STEP,
    audit,
    audit_file,
    results,
)

from schedproof import NEWEST, REFERENCE, Role, ServingConfig
from schedproof.step_record import SCHEMA
from schedproof_gate.audit.auditing import audit_trace
from schedproof_gate.audit.traces.forms import SCHEDPROOF
from schedproof_gate.deployment.deployment import Deployment
from schedproof_gate.deployment.engines import ASSUMED
from schedproof_gate.deployment.fastdeploy import FASTDEPLOY
from schedproof_gate.deployment.settings import Settings, Style
from schedproof_gate.report.report import Report
from schedproof_spec import Status


@pytest.mark.parametrize(("tokens", "status"), [(8, Status.HELD), (12, Status.VIOLATED)])
def test_expert_parallel_decodes_fit_the_dispatch_buffer(tmp_path: Path, tokens: int, status: Status) -> None:
    step = STEP | {"num_decoding": tokens // 4, "num_decode_tokens": tokens, "num_prefill_tokens": 400}
    found = audit(tmp_path, step, config=EXPERT_PARALLEL, policy="original")
    result = results(found)["dispatch_capacity_covers_step"]
    assert result.status is status
    if status is Status.VIOLATED:
        assert result.message == "in step 1, 12 tokens are dispatched, num_max_dispatch_tokens_per_rank is 8"


def test_what_a_policy_plans_for_is_its_own(tmp_path: Path) -> None:
    node = replace(CONFIG, role=Role.DECODE)
    step = STEP | {"num_decoding": 2, "num_decode_tokens": 8, "num_prefill_tokens": 0}
    for policy, status in (("7623", Status.VIOLATED), ("7756", Status.HELD)):
        found = audit(tmp_path, step, config=node, policy=policy)
        assert results(found)["chunk_capacity_covers_step"].status is status


def test_rules_of_fastdeploy_say_nothing_about_another_engine(tmp_path: Path) -> None:
    found = audit(tmp_path, {"schema": SCHEMA, "engine": "vllm"}, ALL)
    assert (found.subject.engine, found.subject.policy) == ("vllm", "")
    assert {"every_decode_served", "chunk_capacity_covers_step"}.isdisjoint(results(found))
    assert {skipped.invariant for skipped in found.subject.not_applicable} == {
        "every_decode_served",
        "chunk_capacity_covers_step",
        "dispatch_capacity_covers_step",
    }


def test_the_trace_says_how_large_the_pool_is(tmp_path: Path) -> None:
    header = {"schema": SCHEMA, "engine": "fastdeploy", "num_kv_blocks": 90}
    found = audit(tmp_path, header, ALL)
    assert results(found)["blocks_conserved"].status is Status.VIOLATED
    assert "the pool has 90 KV blocks, as the trace says" in found.subject.notes


def test_decodes_that_run_other_tokens_than_configured_are_noted(tmp_path: Path) -> None:
    odd = [STEP | {"step": step, "num_decode_tokens": tokens} for step, tokens in ((2, 5), (3, 3))]
    note = (
        "in 2 steps a decode does not run 4 tokens, as the configuration says it does "
        "(line 2: 1 decode with 5 tokens)"
    )
    assert note in audit(tmp_path, STEP, *odd).subject.notes
    assert not any("does not run" in text for text in audit(tmp_path, STEP).subject.notes)


def test_steps_that_are_not_in_the_file_are_noted(tmp_path: Path) -> None:
    found = audit(tmp_path, STEP, STEP | {"step": 2}, STEP | {"step": 9})
    assert any(
        note.startswith("by their numbers 6 steps ran that are not in the file") for note in found.subject.notes
    )
    assert not any("not in the file" in note for note in audit(tmp_path, STEP, STEP | {"step": 2}).subject.notes)


def test_start_up_rules_of_fastdeploy_are_not_asked_of_another_engine(tmp_path: Path) -> None:
    config = replace(CONFIG, max_num_seqs=300)
    assert any("does not start" in note for note in audit(tmp_path, STEP, config=config).subject.notes)
    notes = audit(tmp_path, {"schema": SCHEMA, "engine": "vllm"}, STEP, config=config).subject.notes
    assert not any("does not start" in note or "policy" in note for note in notes)


def test_the_largest_step_is_named(tmp_path: Path) -> None:
    records = [STEP | {"step": n, "num_prefill_tokens": p} for n, p in enumerate((3, 40, 9))]
    found = audit(tmp_path, *records)
    assert "the largest step is 1 (line 2): 44 tokens of 64" in found.subject.notes
    empty = {"step": 7, "num_decoding": 0, "num_decode_tokens": 0, "num_prefill_tokens": 0}
    assert "the largest step is 7 (line 1): 0 tokens of 64" in audit(tmp_path, empty).subject.notes
    assert found.subject.measurements is not None
    assert found.subject.measurements["largest_step"] == {"step": 1, "line": 2, "num_tokens": 44}


def test_without_a_policy_the_newest_is_assumed_and_a_refused_start_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    path.write_text(json.dumps(STEP) + "\n")
    deployment = Deployment(
        source="config.yaml",
        file="config.yaml",
        engine=FASTDEPLOY,
        settings=Settings(source="config.yaml", style=Style.FILE),
        config=replace(CONFIG, max_num_seqs=300),
        policy=None,
        notes=("from the file",),
    )
    subject = audit_trace(path, SCHEDPROOF, deployment).subject
    assert subject.policy == NEWEST.name
    assert subject.notes[0] == "from the file"
    assert ASSUMED in subject.notes
    assert any("does not start with this configuration" in note for note in subject.notes)


@pytest.mark.parametrize("form", ["schedproof", "vllm"])
def test_a_trace_without_steps_is_vacuous_and_says_how_to_get_them(tmp_path: Path, form: str) -> None:
    found = audit(tmp_path, {"schema": SCHEMA}, form=form)
    report = Report(subjects=(found.subject,))
    assert (report.verdict, report.exit_code()) == (Status.VACUOUS, 3)
    assert found.subject.advice.startswith("No step is recorded in the file: ")
    assert found.subject.not_checked == ()


def peak_bytes(path: Path, config: ServingConfig) -> int:
    tracemalloc.start()
    audit_file(path, config)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_the_trace(tmp_path: Path) -> None:
    step = ALL | {"requests": [DECODE, *(CHUNK | {"request_id": f"p{n}", "num_tokens": 2} for n in range(3))]}
    peaks = []
    for num_mib in (1, 10):
        path = tmp_path / f"{num_mib}.jsonl"
        with path.open("w") as file:
            number = 0
            while file.tell() < num_mib << 20:
                file.write(json.dumps(step | {"step": number}) + "\n")
                number += 2
        peaks.append(peak_bytes(path, CONFIG))
    assert peaks[1] < 1.1 * peaks[0]
    assert REFERENCE.problems(CONFIG) == []
