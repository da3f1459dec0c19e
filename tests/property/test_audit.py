"""An audit finds what was planted, at its record; a clean run is clean; bounds from a log contain the truth."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import recorded_runs as runs
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from schedproof import POLICIES, REFERENCE, Request, ServingConfig, SpeculativeConfig, SpeculativeMethod
from schedproof.engines.fastdeploy.ledger import Grant
from schedproof_gate.audit.excerpt import write_excerpt
from schedproof_gate.audit.traces.forms import SCHEDPROOF
from schedproof_spec import INVARIANTS, Status
from schedproof_spec.theorems.blocks import BLOCKS_COVER_TOKENS
from schedproof_spec.theorems.overlap import LAUNCH_COVERS_STEP

CHECKED = {
    "budget_nonnegative",
    "no_overshoot",
    "chunk_capacity_covers_step",
    "slots_within_limit",
    "launch_covers_step",
    "blocks_conserved",
    "blocks_cover_tokens",
    "chunk_within_prompt",
}
"""What every recorded run of the reference is held against."""


@settings(max_examples=60)
@given(data=st.data())
def test_a_run_of_the_reference_audits_clean(data: st.DataObject) -> None:
    config = data.draw(runs.text_configs(REFERENCE))
    run = data.draw(runs.launches(config, REFERENCE))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "steps.jsonl"
        runs.write_steps(path, (record for _, record, _ in run))
        audit = runs.audited(path, config, REFERENCE)
    found = runs.statuses(audit)
    assert set(found) >= CHECKED
    assert set(found.values()) == {Status.HELD}
    assert audit.subject.measurements["num_steps"] == len(run)
    assert audit.first_violation is None


@pytest.mark.parametrize("rule", runs.PLANTED)
@settings(max_examples=25)
@given(data=st.data())
def test_a_planted_violation_is_found_at_its_record(rule: str, data: st.DataObject) -> None:
    config = data.draw(runs.text_configs(REFERENCE))
    records = [record for _, record, _ in data.draw(runs.launches(config, REFERENCE))]
    edit = runs.PLANTED[rule]
    places = [index for index, record in enumerate(records) if edit(record, config) is not None]
    assume(places)
    at = data.draw(st.sampled_from(places))
    planted = edit(records[at], config)
    assert planted is not None
    with tempfile.TemporaryDirectory() as folder:
        path, excerpt = Path(folder) / "steps.jsonl", Path(folder) / "excerpt.jsonl"
        runs.write_steps(path, [*records[:at], planted, *records[at + 1 :]])
        audit = runs.audited(path, config, REFERENCE)
        (result,) = [result for result in audit.subject.results if result.invariant == rule]
        assert (result.status, result.line) == (Status.VIOLATED, at + 2)
        assert audit.first_violation is not None
        assert audit.first_violation.line == at + 2
        write_excerpt(excerpt, path, SCHEDPROOF, audit.first_violation)
        assert len(excerpt.read_text().splitlines()) == 2 + at + 2 - audit.first_violation.first_line
        again = runs.audited(excerpt, config, REFERENCE)
        assert runs.statuses(again)[audit.first_violation.rule_name] is Status.VIOLATED


@settings(max_examples=150)
@given(data=st.data(), policy=st.sampled_from(["original", "7438", "7623", "reference"]))
def test_fastdeploy_s_log_is_decided_as_the_run_it_is_of(data: st.DataObject, policy: str) -> None:
    config = data.draw(runs.text_configs(POLICIES[policy]))
    run = data.draw(runs.launches(config, POLICIES[policy]))
    lines = list(runs.fastdeploy_lines(run, decode_interval=data.draw(st.integers(1, 5))))
    assume(lines)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "engine.log"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        found = runs.statuses(runs.audited(path, config, POLICIES[policy], "fastdeploy"))["no_overshoot"]
    most = max(record.num_tokens for _, record, _ in run)
    is_kept = most <= config.max_num_batched_tokens
    assert found is not (Status.VIOLATED if is_kept else Status.HELD)


@settings(max_examples=200)
@given(data=st.data(), mixes=st.booleans(), num_drafts=st.integers(0, 3))
def test_sglang_s_log_is_decided_as_the_run_it_is_of(data: st.DataObject, mixes: bool, num_drafts: int) -> None:
    lines, tokens = data.draw(runs.sglang_runs(num_drafts + 1, mixes and num_drafts == 0))
    most = max(tokens, default=1)
    config = ServingConfig(
        max_num_seqs=256,
        max_num_batched_tokens=data.draw(st.sampled_from([most, most - 1, most // 2, 2 * most])),
        speculation=SpeculativeConfig(method=SpeculativeMethod.MTP, num_speculative_tokens=num_drafts)
        if num_drafts
        else None,
    )
    if data.draw(st.booleans()) and not (mixes and num_drafts == 0):
        lines.insert(0, "server_args=ServerArgs(enable_mixed_chunk=False)")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "engine.log"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        found = runs.statuses(runs.audited(path, config, REFERENCE, "sglang")).get("no_overshoot")
    if found is None:
        assert not any("batch, " in line for line in lines)
    else:
        is_kept = most <= config.max_num_batched_tokens
        assert found is not (Status.VIOLATED if is_kept else Status.HELD)


COUNTS = st.tuples(*[st.integers(0, 60)] * 6)
"""Tokens, computed, to prefill, total, blocks of a request; and launched tokens of a step."""


@settings(max_examples=100)
@given(rows=st.lists(COUNTS, min_size=1, max_size=6), drafts=st.integers(0, 3))
def test_a_statement_says_of_columns_what_it_says_of_each_row(rows: list[tuple[int, ...]], drafts: int) -> None:
    config = ServingConfig(
        max_num_batched_tokens=30,
        block_size=8,
        speculation=SpeculativeConfig(method=SpeculativeMethod.MTP, num_speculative_tokens=drafts),
    )
    tokens, computed, need, total, blocks, launched = (np.array(column) for column in zip(*rows, strict=True))
    requests = SimpleNamespace(
        num_computed_tokens=computed,
        num_prefill_tokens_left=need - computed,
        num_total_tokens=total,
        num_blocks=blocks,
    )
    served = INVARIANTS["every_decode_served"].statement
    within = INVARIANTS["chunk_within_prompt"].statement
    columns: list[Any] = [
        served(requests, Grant(num_tokens=tokens, num_new_blocks=0), config),  # type: ignore[arg-type]
        within(requests, tokens),
        BLOCKS_COVER_TOKENS.statement(requests, config),
        LAUNCH_COVERS_STEP.statement(launched, tokens, total),
    ]
    for at, (num_tokens, num_computed, num_need, num_total, num_blocks, num_launched) in enumerate(rows):
        request = Request(
            request_id="r",
            need_prefill_tokens=num_need,
            num_computed_tokens=num_computed,
            num_total_tokens=num_total,
            num_blocks=num_blocks,
        )
        assert [bool(column[at]) for column in columns] == [
            served(request, Grant(num_tokens=num_tokens, num_new_blocks=0), config),
            within(request, num_tokens),
            BLOCKS_COVER_TOKENS.statement(request, config),
            LAUNCH_COVERS_STEP.statement(num_launched, num_tokens, num_total),
        ]
