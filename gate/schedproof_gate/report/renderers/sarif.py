"""The report as SARIF 2.1.0, for code scanning."""

import json
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from schedproof_gate.report.report import INPUT, STARTUP, Report, Result, Unread
from schedproof_gate.report.wording import text_with_repair
from schedproof_spec import Consequence, Status

SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"

INPUT_SENTENCE = "every deployment can be read"

KINDS = {
    Status.HELD: "pass",
    Status.VIOLATED: "fail",
    Status.UNDECIDED: "open",
    Status.VACUOUS: "notApplicable",
}


def render_sarif(report: Report) -> str:
    """Return the SARIF log with one run."""
    rules = {result.invariant: result.sentence for result in report.results}
    if report.unread:
        rules[INPUT] = INPUT_SENTENCE
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
                "results": [
                    *(sarif_result(result, list(rules)) for result in report.results),
                    *(unread_result(unread, list(rules)) for unread in report.unread),
                ],
            }
        ],
    }
    return json.dumps(log, indent=2, ensure_ascii=False) + "\n"


def unread_result(unread: Unread, rules: list[str]) -> dict[str, Any]:
    """Return what could not be read."""
    return {
        "ruleId": INPUT,
        "ruleIndex": rules.index(INPUT),
        "kind": "fail",
        "level": "error",
        "message": {"text": unread.message},
        "locations": [{"physicalLocation": location_of(unread.file, unread.line)}],
    }


def location_of(file: str, line: int | None) -> dict[str, Any]:
    """Return a place in a file."""
    region = {} if line is None else {"region": {"startLine": line}}
    return {"artifactLocation": {"uri": uri_of(file)}, **region}


def sarif_result(result: Result, rules: list[str]) -> dict[str, Any]:
    """Return one result; its location is the flag to look at first."""
    found: dict[str, Any] = {
        "ruleId": result.invariant,
        "ruleIndex": rules.index(result.invariant),
        "kind": KINDS[result.status],
        "level": level_of(result),
        "message": {"text": text_with_repair(result)},
        "locations": [{"physicalLocation": location_of(result.file, result.line)}],
    }
    if result.invariant != STARTUP:
        consequence = None if result.consequence is None else result.consequence.value
        found["properties"] = {"consequence": consequence, "scope": result.scope, "witness": result.witness}
    return found


def level_of(result: Result) -> str:
    """Return how grave a result is; SARIF gives a level to failures alone."""
    if result.status is not Status.VIOLATED:
        return "none"
    return "warning" if result.consequence is Consequence.COST else "error"


def uri_of(file: str) -> str:
    """Return a path as a relative or absolute URI reference."""
    return quote(PurePath(file).as_posix())
