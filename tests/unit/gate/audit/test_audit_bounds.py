"""What an audit says of a log that gives bounds only: held or violated by the bounds, or open."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from recorded_audits import (
    CONFIG,
    audit_file,
    results,
)

from schedproof_gate.audit.auditing import Audit
from schedproof_spec import Status


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
