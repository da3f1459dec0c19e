"""What an audit says of recorded steps: violated, held, not checked; and which lines show it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from recorded_audits import (
    ALL,
    BLOCKS,
    CHUNK,
    CONFIG,
    DECODE,
    STEP,
    audit,
    audit_file,
    chunk,
    results,
)

from schedproof.step_record import SCHEMA
from schedproof_gate.audit.excerpt import write_excerpt
from schedproof_gate.audit.traces import blocks
from schedproof_gate.audit.traces.forms import SCHEDPROOF
from schedproof_gate.report.report import Report
from schedproof_spec import Status


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
