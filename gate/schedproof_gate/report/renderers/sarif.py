"""The report as SARIF 2.1.0, for code scanning."""

import json
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from schedproof_gate.report.report import STARTUP, Report, Result
from schedproof_gate.report.wording import text_with_repair
from schedproof_spec import Status

SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"

KINDS = {
    Status.HELD: ("pass", "none"),
    Status.VIOLATED: ("fail", "error"),
    Status.UNDECIDED: ("open", "none"),
    Status.VACUOUS: ("notApplicable", "none"),
}


def render_sarif(report: Report) -> str:
    """Return the SARIF log with one run."""
    rules = {result.invariant: result.sentence for result in report.results}
    log = {
        "$schema": SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "schedproof",
                        "rules": [
                            {"id": name, "shortDescription": {"text": sentence}} for name, sentence in rules.items()
                        ],
                    }
                },
                "results": [sarif_result(result, list(rules)) for result in report.results],
            }
        ],
    }
    return json.dumps(log, indent=2, ensure_ascii=False) + "\n"


def sarif_result(result: Result, rules: list[str]) -> dict[str, Any]:
    """Return one result; its location is the flag to look at first."""
    kind, level = KINDS[result.status]
    location: dict[str, Any] = {"artifactLocation": {"uri": uri_of(result.file)}}
    if result.line is not None:
        location["region"] = {"startLine": result.line}
    found: dict[str, Any] = {
        "ruleId": result.invariant,
        "ruleIndex": rules.index(result.invariant),
        "kind": kind,
        "level": level,
        "message": {"text": text_with_repair(result)},
        "locations": [{"physicalLocation": location}],
    }
    if result.invariant != STARTUP:
        found["properties"] = {"scope": result.scope, "witness": result.witness}
    return found


def uri_of(file: str) -> str:
    """Return a path as a relative or absolute URI reference."""
    return quote(PurePath(file).as_posix())
