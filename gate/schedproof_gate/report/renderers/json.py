"""The report as JSON, schema ``schedproof/report/2``."""

import json
from typing import Any

from schedproof_gate.report.report import SCHEMA, NotApplicable, Repair, Report, Result, Subject, Unread


def render_json(report: Report) -> str:
    """Return the report as indented JSON; the same report gives the same bytes."""
    document = {
        "schema": SCHEMA,
        "verdict": report.outcome,
        "fail_on": report.fail_on,
        **({"errors": [unread_json(unread) for unread in report.unread]} if report.unread else {}),
        **({"skipped": list(report.skipped)} if report.skipped else {}),
        "subjects": [subject_json(subject, report) for subject in report.subjects],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def unread_json(unread: Unread) -> dict[str, Any]:
    """Return what could not be read; `errors` is there when there is any, as is `skipped`."""
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
    """
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
    }


def repairs_json(repairs: tuple[Repair, ...]) -> list[dict[str, Any]]:
    """Return the changes of all alternatives, in order."""
    return [
        {"flag": change.flag, "from": change.old, "to": change.new, "alternative": number}
        for number, repair in enumerate(repairs, start=1)
        for change in repair
    ]
