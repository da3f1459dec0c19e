"""What an audit says of recorded steps: violated, held, open, not checked; and which lines show it."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from schedproof import NEWEST, POLICIES, REFERENCE, Role, ServingConfig, SpeculativeConfig, SpeculativeMethod
from schedproof.step_record import SCHEMA
from schedproof_gate.audit.auditing import Audit, audit_trace
from schedproof_gate.audit.excerpt import write_excerpt
from schedproof_gate.audit.traces import blocks
from schedproof_gate.audit.traces.forms import FORMS, SCHEDPROOF
from schedproof_gate.deployment import Deployment
from schedproof_gate.fastdeploy import FASTDEPLOY
from schedproof_gate.report import Report, Result
from schedproof_gate.settings import Settings, Style
from schedproof_spec import Status

CONFIG = ServingConfig(
    max_num_seqs=4,
    max_num_batched_tokens=64,
    max_model_len=512,
    block_size=8,
    num_kv_blocks=100,
    speculation=SpeculativeConfig(method=SpeculativeMethod.MTP, num_speculative_tokens=3),
)
STEP = {"step": 1, "num_decoding": 1, "num_decode_tokens": 4, "num_prefill_tokens": 6}
DECODE = {"request_id": "d", "phase": "decode", "num_tokens": 4, "num_total_tokens": 20, "num_blocks": 3}
CHUNK = {
    "request_id": "p",
    "phase": "prefill",
    "num_tokens": 6,
    "num_computed_tokens": 10,
    "need_prefill_tokens": 30,
    "num_blocks": 2,
}
ALL = {
    "step": 1,
    "num_decoding": 1,
    "num_decode_tokens": 4,
    "num_prefill_tokens": 6,
    "num_slots_used": 4,
    "num_free_blocks": 95,
    "num_owned_blocks": 5,
    "budget": 0,
    "launch_tokens": 10,
    "requests": [DECODE, CHUNK],
}
BLOCKS = (64, 300, 400, 1 << 20)
"""Bytes that are read at a time: a part of a line, one line, two, all."""

EXPERT_PARALLEL = replace(
    CONFIG, expert_parallel_size=8, num_experts=64, num_max_dispatch_tokens_per_rank=8, max_num_batched_tokens=512
)


def audit(
    folder: Path,
    *records: dict[str, Any],
    config: ServingConfig = CONFIG,
    policy: str = "reference",
    form: str = "",
) -> Audit:
    path = folder / "trace"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return audit_file(path, config, policy, form)


def audit_file(path: Path, config: ServingConfig, policy: str = "reference", form: str = "") -> Audit:
    settings = Settings(source="config.yaml", style=Style.FILE)
    deployment = Deployment(
        source="config.yaml", engine=FASTDEPLOY, settings=settings, config=config, policy=None, notes=()
    )
    return audit_trace(path, FORMS[form or "schedproof"], deployment, POLICIES[policy])


def results(found: Audit) -> dict[str, Result]:
    return {result.invariant: result for result in found.subject.results}


def chunk(step: int, computed: int, tokens: int, **fields: Any) -> dict[str, Any]:
    request = CHUNK | {"num_computed_tokens": computed, "num_tokens": tokens, "num_blocks": 9} | fields
    return {
        "step": step,
        "num_decoding": 0,
        "num_decode_tokens": 0,
        "num_prefill_tokens": tokens,
        "requests": [request],
    }


def test_a_step_that_says_everything_is_held_against_every_rule(tmp_path: Path) -> None:
    found = audit(tmp_path, ALL)
    assert {name: result.status for name, result in results(found).items()} == dict.fromkeys(
        [
            "budget_nonnegative",
            "no_overshoot",
            "chunk_capacity_covers_step",
            "slots_within_limit",
            "launch_covers_step",
            "blocks_conserved",
            "every_decode_served",
            "blocks_cover_tokens",
            "chunk_within_prompt",
        ],
        Status.HELD,
    )
    assert results(found)["blocks_cover_tokens"].scope == "1 request"
    assert Report(subjects=(found.subject,)).exit_code() == 0


def test_a_step_that_says_the_least_is_not_held_to_keep_the_rest(tmp_path: Path) -> None:
    found = audit(tmp_path, STEP)
    assert set(results(found)) == {"no_overshoot", "chunk_capacity_covers_step"}
    assert {skipped.invariant: skipped.reason for skipped in found.subject.not_checked} == {
        "budget_nonnegative": "no step says budget",
        "slots_within_limit": "no step says num_slots_used",
        "launch_covers_step": "no step says launch_tokens",
        "blocks_conserved": "no step says num_free_blocks and num_owned_blocks",
        "every_decode_served": "no step lists its requests",
        "blocks_cover_tokens": "no step lists its requests",
        "chunk_within_prompt": "no step lists its requests",
    }
    bare = [
        {"request_id": "d", "phase": "decode", "num_tokens": 4},
        {"request_id": "p", "phase": "prefill", "num_tokens": 6},
    ]
    reasons = {skipped.reason for skipped in audit(tmp_path, STEP | {"requests": bare}).subject.not_checked}
    assert "no decode with num_total_tokens and num_blocks is listed" in reasons
    assert "no chunk with num_computed_tokens and need_prefill_tokens is listed" in reasons


def test_only_the_steps_that_say_a_count_are_held_against_it(tmp_path: Path) -> None:
    found = audit(tmp_path, STEP, STEP | {"step": 2, "budget": 3}, STEP | {"step": 3})
    assert results(found)["budget_nonnegative"].scope == "1 recorded step"
    assert results(found)["no_overshoot"].scope == "3 recorded steps"


@pytest.mark.parametrize(
    ("rule", "fields", "message"),
    [
        ("budget_nonnegative", {"budget": -1}, "the budget is -1"),
        ("no_overshoot", {"num_prefill_tokens": 61}, "65 tokens run, 1 more than max_num_batched_tokens 64"),
        ("chunk_capacity_covers_step", {"num_prefill_tokens": 61}, "65 tokens run, max_chunk_tokens is 64"),
        ("slots_within_limit", {"num_slots_used": 5}, "5 sequences have a slot, max_num_seqs is 4"),
        ("launch_covers_step", {"launch_tokens": 9}, "9 tokens are launched, 10 run"),
        (
            "launch_covers_step",
            {"num_prefill_tokens": 0, "launch_tokens": 5},
            "5 tokens are launched, 4 run",
        ),
        (
            "blocks_conserved",
            {"num_free_blocks": 90, "num_owned_blocks": 9},
            "90 KV blocks are free and 9 in tables, the pool has 100",
        ),
        ("blocks_conserved", {"num_free_blocks": 101}, "101 KV blocks are free, the pool has 100"),
    ],
)
def test_each_rule_about_a_step_can_be_broken(
    tmp_path: Path, rule: str, fields: dict[str, Any], message: str
) -> None:
    found = audit(tmp_path, STEP, STEP | {"step": 2} | fields, STEP | {"step": 3} | fields)
    result = results(found)[rule]
    assert (result.status, result.line) == (Status.VIOLATED, 2)
    assert result.message == f"in step 2, {message} (the first of 2 steps)"
    assert result.witness is not None
    assert (result.witness["first_line"], result.witness["line"], result.witness["step"]) == (2, 2, 2)
    assert Report(subjects=(found.subject,)).exit_code() == 1


def test_a_launch_may_be_larger_beside_a_chunk(tmp_path: Path) -> None:
    assert results(audit(tmp_path, STEP | {"launch_tokens": 11}))["launch_covers_step"].status is Status.HELD


def test_a_step_with_both_counts_of_blocks_is_counted_once(tmp_path: Path) -> None:
    found = audit(tmp_path, STEP | {"num_free_blocks": 101, "num_owned_blocks": 5})
    assert results(found)["blocks_conserved"].scope == "1 recorded step"


def test_free_blocks_alone_refute_and_never_prove(tmp_path: Path) -> None:
    found = audit(tmp_path, STEP | {"num_free_blocks": 100})
    assert "blocks_conserved" not in results(found)
    assert "blocks_conserved" in {skipped.invariant for skipped in found.subject.not_checked}


@pytest.mark.parametrize(
    ("rule", "request_fields", "message"),
    [
        ("every_decode_served", DECODE | {"num_blocks": 2}, "it writes up to KV slot 23, its 2 blocks have 16"),
        ("every_decode_served", DECODE | {"num_tokens": 3}, "it runs 3 tokens, a decode runs 4"),
        (
            "blocks_cover_tokens",
            DECODE | {"num_computed_tokens": 25},
            "it holds up to 25 tokens and its chunk, its blocks have 24 slots",
        ),
        (
            "blocks_cover_tokens",
            CHUNK | {"num_blocks": 1},
            "it holds up to 10 tokens and its chunk, its blocks have 8 slots",
        ),
        (
            "blocks_cover_tokens",
            CHUNK | {"num_tokens": 7},
            "it holds up to 10 tokens and its chunk, its blocks have 16 slots",
        ),
        (
            "chunk_within_prompt",
            CHUNK | {"phase": "admission", "num_tokens": 0},
            "its chunk has 0 tokens, 20 are left of its prompt",
        ),
        (
            "chunk_within_prompt",
            CHUNK | {"num_tokens": 21, "num_blocks": 9},
            "its chunk has 21 tokens, 20 are left of its prompt",
        ),
    ],
)
def test_each_rule_about_a_request_can_be_broken(
    tmp_path: Path, rule: str, request_fields: dict[str, Any], message: str
) -> None:
    is_decode = request_fields["phase"] == "decode"
    tokens = request_fields["num_tokens"]
    step = {
        "step": 4,
        "num_decoding": int(is_decode),
        "num_decode_tokens": tokens if is_decode else 0,
        "num_prefill_tokens": 0 if is_decode else tokens,
        "requests": [request_fields],
    }
    found = audit(tmp_path, STEP | {"step": 3}, step)
    result = results(found)[rule]
    name = request_fields["request_id"]
    assert (result.status, result.line, result.message) == (
        Status.VIOLATED,
        2,
        f"in step 4, request '{name}': {message}",
    )
    assert result.witness is not None
    assert result.witness["request"] == request_fields
    assert result.state[1].startswith(f"'{name}': {request_fields['phase']}, num_tokens {tokens}, num_")


@pytest.mark.parametrize(
    ("records", "line", "first_line", "message"),
    [
        (
            [chunk(1, 0, 10), chunk(2, 12, 5)],
            2,
            1,
            "its chunk begins at token 12, the one in step 1 ended at 10",
        ),
        (
            [
                chunk(1, 0, 10),
                STEP | {"step": 2, "requests": [DECODE, CHUNK | {"request_id": "q"}]},
                chunk(3, 9, 5),
            ],
            3,
            1,
            "its chunk begins at token 9, the one in step 1 ended at 10",
        ),
        (
            [chunk(1, 0, 10), chunk(2, 10, 5), chunk(3, 15, 5, need_prefill_tokens=31)],
            3,
            2,
            "its prompt has 31 tokens, in step 2 it had 30",
        ),
        (
            [
                chunk(1, 0, 10),
                STEP | {"step": 2, "num_prefill_tokens": 0, "requests": [DECODE | {"request_id": "p"}]},
            ],
            2,
            1,
            "it decodes, and of its 30 prompt tokens 10 were computed up to step 1",
        ),
    ],
)
@pytest.mark.parametrize("block_bytes", BLOCKS)
def test_chunks_that_do_not_tile_a_prompt_are_shown_from_the_last_good_one_on(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    records: list[dict[str, Any]],
    line: int,
    first_line: int,
    message: str,
    block_bytes: int,
) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", block_bytes)
    header = {"schema": SCHEMA, "engine": "fastdeploy"}
    found = audit(tmp_path, header, *records)
    result = results(found)["chunk_within_prompt"]
    assert (result.status, result.line) == (Status.VIOLATED, line + 1)
    assert result.message.endswith(message)
    violation = found.first_violation
    assert violation is not None
    assert (violation.first_line, violation.line) == (first_line + 1, line + 1)
    write_excerpt(tmp_path / "excerpt", tmp_path / "trace", SCHEDPROOF, violation)
    assert len((tmp_path / "excerpt").read_text().splitlines()) == 1 + line - first_line + 1
    again = audit_file(tmp_path / "excerpt", CONFIG)
    assert results(again)["chunk_within_prompt"].message == result.message


@pytest.mark.parametrize(
    "records",
    [
        [
            chunk(1, 0, 10),
            chunk(2, 10, 20),
            STEP | {"step": 3, "num_prefill_tokens": 0, "requests": [DECODE | {"request_id": "p"}]},
        ],
        [chunk(1, 0, 10), chunk(2, 8, 5, phase="admission")],
        [chunk(0, 0, 10), chunk(2, 25, 5)],
        [chunk(1, 0, 10), STEP | {"step": 2}, chunk(3, 25, 5)],
        [chunk(1, 0, 10), {"schema": SCHEMA}, chunk(2, 25, 5)],
        [chunk(5, 17, 10)],
    ],
)
@pytest.mark.parametrize("block_bytes", BLOCKS)
def test_chunks_are_followed_to_the_prompt_s_end_and_not_across_what_is_not_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, records: list[dict[str, Any]], block_bytes: int
) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", block_bytes)
    found = audit(tmp_path, *records)
    assert results(found)["chunk_within_prompt"].status is Status.HELD


def test_no_more_requests_are_followed_than_have_slots(tmp_path: Path) -> None:
    names = [f"p{number}" for number in range(6)]
    begun = [chunk(n + 1, 0, 10, request_id=name) for n, name in enumerate(names)]
    found = audit(tmp_path, *begun, chunk(7, 20, 5, request_id="p0"), chunk(8, 20, 5, request_id="p5"))
    result = results(found)["chunk_within_prompt"]
    assert (result.status, result.line) == (Status.VIOLATED, 8)
    assert any("3 were not followed to the end" in note for note in found.subject.notes)


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
        engine=FASTDEPLOY,
        settings=Settings(source="config.yaml", style=Style.FILE),
        config=replace(CONFIG, max_num_seqs=300),
        policy=None,
        notes=("from the file",),
    )
    subject = audit_trace(path, SCHEDPROOF, deployment).subject
    assert subject.policy == NEWEST.name
    assert subject.notes[0] == "from the file"
    assert f"no policy is given: assuming {NEWEST.name}, the newest published version" in subject.notes
    assert any("does not start with this configuration" in note for note in subject.notes)


@pytest.mark.parametrize("form", ["schedproof", "vllm"])
def test_a_trace_without_steps_is_vacuous_and_says_how_to_get_them(tmp_path: Path, form: str) -> None:
    found = audit(tmp_path, {"schema": SCHEMA}, form=form)
    report = Report(subjects=(found.subject,))
    assert (report.verdict, report.exit_code()) == (Status.VACUOUS, 3)
    assert found.subject.advice.startswith("No step is recorded in the file: ")
    assert found.subject.not_checked == ()


def log(folder: Path, limit: int, *lines: str) -> Audit:
    path = folder / "engine.log"
    path.write_text("".join(f"{line}\n" for line in lines))
    return audit_file(path, replace(CONFIG, max_num_batched_tokens=limit, speculation=None), form="sglang")


PREFILL = "Prefill batch, #new-seq: 2, #new-token: 50, #cached-token: 0, #running-req: 7, #queue-req: 0,"


@pytest.mark.parametrize(
    ("limit", "status", "message"),
    [
        (57, Status.HELD, ""),
        (56, Status.UNDECIDED, "in step 1, at the most that the log allows 57 tokens run, 1 more than"),
        (49, Status.VIOLATED, "in step 1, 50 tokens run, 1 more than max_num_batched_tokens 49, by the least that"),
        (8, Status.VIOLATED, "in step 1, 50 tokens run"),
    ],
)
def test_bounds_decide_where_they_can(tmp_path: Path, limit: int, status: Status, message: str) -> None:
    found = log(tmp_path, limit, PREFILL)
    result = results(found)["no_overshoot"]
    assert (result.status, result.line) == (status, None if status is Status.HELD else 1)
    assert result.message.startswith(message)
    assert result.scope == "1 recorded step"


def test_what_runs_between_two_lines_can_leave_a_rule_open(tmp_path: Path) -> None:
    line = PREFILL.replace("#new-token: 50", "#new-token: 1")
    result = results(log(tmp_path, 8, line))["no_overshoot"]
    assert (result.status, result.scope) == (Status.UNDECIDED, "1 recorded step")
    assert "max_num_batched_tokens" in {flag.flag for flag in result.flags}
    assert result.message.startswith("after step 1, at the most that the log allows 9 tokens run")


def test_a_log_with_drafts_that_the_configuration_does_not_have_is_open(tmp_path: Path) -> None:
    line = "Decode batch, #running-req: 7, #token: 9, accept len: 2.10, #queue-req: 0,"
    result = results(log(tmp_path, 64, line))["no_overshoot"]
    assert result.status is Status.UNDECIDED
    assert "the configuration has none" in result.message
    (state,) = result.state
    assert state.startswith(
        "step 1: num_decoding 7, num_decode_tokens 7 or more, num_prefill_tokens 0, num_slots_used 7 or"
    )


def test_more_running_requests_than_slots_are_found_though_a_log_cannot_prove_the_rule(tmp_path: Path) -> None:
    found = log(tmp_path, 64, PREFILL)
    assert results(found)["slots_within_limit"].status is Status.VIOLATED
    found = log(tmp_path, 64, PREFILL.replace("#running-req: 7", "#running-req: 1"))
    assert "slots_within_limit" not in results(found)
    assert "slots_within_limit" in {skipped.invariant for skipped in found.subject.not_checked}


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
