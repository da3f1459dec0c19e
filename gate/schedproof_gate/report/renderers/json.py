"""The report as JSON, schema ``schedproof/report/2``."""

import json
from dataclasses import asdict
from typing import Any

from schedproof_gate.accept.acceptance import Acceptance
from schedproof_gate.report.report import SCHEMA, NotApplicable, Repair, Report, Result, Subject, Unread


def render_json(report: Report) -> str:
    """Return the report as indented JSON; the same report gives the same bytes.

    `errors`, `skipped` and `warnings` are there when there are any.
    """
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "verdict": report.outcome,
        "fail_on": report.fail_on,
    }
    if report.unread:
        document["errors"] = [unread_json(unread) for unread in report.unread]
    if report.skipped:
        document["skipped"] = list(report.skipped)
    document["subjects"] = [subject_json(subject, report) for subject in report.subjects]
    if report.warnings:
        document["warnings"] = [asdict(warning) for warning in report.warnings]
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def unread_json(unread: Unread) -> dict[str, Any]:
    """Return what could not be read, and where."""
    return {
        "source": unread.source,
        "file": unread.file,
        "line": unread.line,
        "key": unread.key or None,
        "message": unread.message,
    }


def subject_json(subject: Subject, report: Report) -> dict[str, Any]:
    """Return one deployment; `measurements` is there when something was run, `not_checked` when something is."""
    not_checked = {"not_checked": [skipped_json(skipped) for skipped in subject.not_checked]}
    if not subject.not_checked:
        not_checked = {}
    measurements = {} if subject.measurements is None else {"measurements": subject.measurements}
    return {
        "source": subject.source,
        "engine": subject.engine,
        "policy": subject.policy,
        "config": subject.config,
        "notes": list(subject.notes),
        "advice": subject.advice or None,
        "not_applicable": [skipped_json(skipped) for skipped in subject.not_applicable],
        **not_checked,
        **measurements,
        "results": [result_json(result, report) for result in subject.results],
    }


def skipped_json(skipped: NotApplicable) -> dict[str, str]:
    """Return an invariant that nothing is said about."""
    return {"invariant": skipped.invariant, "reason": skipped.reason}


def result_json(result: Result, report: Report) -> dict[str, Any]:
    """Return one result. Changes with the same `alternative` belong together; one alternative is enough.

    Those of `repair` make everything hold; where there are none, those of `own_repair` make this invariant hold.
    `accepted` is there when a person accepts the finding, `ran_out` when one did until a day that has passed.
    """
    settled = {"accepted": result.accepted, "ran_out": result.ran_out}
    return {
        "invariant": result.invariant,
        "status": result.status.value,
        "consequence": None if result.consequence is None else result.consequence.value,
        "counts": report.counts(result),
        "scope": result.scope,
        "message": result.message,
        "file": result.file,
        "line": result.line,
        "witness": result.witness,
        "replay": result.replay or None,
        "repair": repairs_json(result.repairs),
        "own_repair": repairs_json(result.own_repairs),
        **{name: acceptance_json(entry) for name, entry in settled.items() if entry is not None},
    }


def acceptance_json(acceptance: Acceptance) -> dict[str, Any]:
    """Return why a finding is accepted, and where that is written."""
    return {
        "reason": acceptance.reason,
        "until": None if acceptance.until is None else acceptance.until.isoformat(),
        "kind": acceptance.kind.value,
        "file": acceptance.origin.source,
        "line": acceptance.origin.line,
    }


def repairs_json(repairs: tuple[Repair, ...]) -> list[dict[str, Any]]:
    """Return the changes of all alternatives, in order."""
    return [
        {"flag": change.flag, "from": change.old, "to": change.new, "alternative": number}
        for number, repair in enumerate(repairs, start=1)
        for change in repair
    ]
