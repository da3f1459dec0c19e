"""The report as SARIF 2.1.0, for code scanning."""

import hashlib
import json
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import quote

from schedproof import __version__
from schedproof_gate.accept.acceptance import Acceptance, AcceptanceKind
from schedproof_gate.from_here import from_here
from schedproof_gate.report.place import Columns
from schedproof_gate.report.report import INPUT, INPUT_SENTENCE, STARTUP, Report, ReportWarning, Result, Unread
from schedproof_gate.report.wording import text_with_repair
from schedproof_spec import Consequence, Status

SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
FINGERPRINT = "schedproofFinding/v1"

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
    numbers: dict[tuple[str, str], int] = {}
    results = []
    for subject in report.subjects:
        for result in subject.results:
            key = subject.file or subject.source, result.invariant
            numbers[key] = numbers.get(key, 0) + 1
            results.append(sarif_result(result, list(rules), fingerprint(*key, numbers[key])))
    for unread in report.unread:
        key = unread.deployment_file, INPUT
        numbers[key] = numbers.get(key, 0) + 1
        results.append(unread_result(unread, list(rules), fingerprint(*key, numbers[key])))
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "schedproof",
                "version": __version__,
                "semanticVersion": __version__,
                "rules": [sarif_rule(name, sentence) for name, sentence in rules.items()],
            }
        },
        "columnKind": "unicodeCodePoints",
        "results": results,
    }
    if report.warnings:
        notifications = [notification(warning) for warning in report.warnings]
        run["invocations"] = [
            {"executionSuccessful": not report.unread, "toolConfigurationNotifications": notifications}
        ]
    log = {"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, ensure_ascii=False) + "\n"


def sarif_rule(name: str, sentence: str) -> dict[str, Any]:
    """Return what a rule says, and how a reader learns more; the pages have no public address for a `helpUri`."""
    more = f"`schedproof explain {name}` shows the predicate, who broke it, and the shortest run that does."
    return {
        "id": name,
        "shortDescription": {"text": sentence},
        "help": {"text": more.replace("`", ""), "markdown": more},
    }


def sarif_result(result: Result, rules: list[str], identity: str) -> dict[str, Any]:
    """Return one result; its location is the flag to look at first."""
    found: dict[str, Any] = {
        "ruleId": result.invariant,
        "ruleIndex": rules.index(result.invariant),
        "kind": KINDS[result.status],
        "level": level_of(result),
        "message": {"text": text_with_repair(result)},
        "locations": [location_of(result.file, result.line, result.columns)],
        "partialFingerprints": {FINGERPRINT: identity},
    }
    if result.accepted is not None:
        found["suppressions"] = [suppression(result.accepted)]
    if result.invariant != STARTUP:
        consequence = None if result.consequence is None else result.consequence.value
        found["properties"] = {"consequence": consequence, "scope": result.scope, "witness": result.witness}
    return found


def unread_result(unread: Unread, rules: list[str], identity: str) -> dict[str, Any]:
    """Return what could not be read."""
    return {
        "ruleId": INPUT,
        "ruleIndex": rules.index(INPUT),
        "kind": "fail",
        "level": "error",
        "message": {"text": unread.message},
        "locations": [location_of(unread.file, unread.line, unread.columns)],
        "partialFingerprints": {FINGERPRINT: identity},
    }


def location_of(file: str, line: int | None, columns: Columns | None = None) -> dict[str, Any]:
    """Return a place in a file, as exactly as it is known."""
    location: dict[str, Any] = {"artifactLocation": {"uri": uri_of(file)}}
    if line is not None:
        part = {} if columns is None else {"startColumn": columns.first, "endColumn": columns.end}
        location["region"] = {"startLine": line} | part
    return {"physicalLocation": location}


def suppression(acceptance: Acceptance) -> dict[str, Any]:
    """Return why a result is accepted, and where that is written."""
    return {
        "kind": "inSource" if acceptance.kind is AcceptanceKind.DEPLOYMENT else "external",
        "status": "accepted",
        "justification": acceptance.terms,
        "location": location_of(acceptance.origin.source, acceptance.origin.line),
    }


def notification(warning: ReportWarning) -> dict[str, Any]:
    """Return a warning that is no result."""
    return {
        "level": "warning",
        "message": {"text": warning.message},
        "locations": [location_of(warning.file, warning.line)],
    }


def fingerprint(file: str, invariant: str, number: int) -> str:
    """Return what stays the same for a finding when lines move or numbers change: file, rule and place there."""
    path = from_here(Path(file))
    return hashlib.sha256(f"{path.as_posix()}\n{invariant}\n{number}".encode()).hexdigest()[:32]


def level_of(result: Result) -> str:
    """Return how grave a result is; SARIF gives a level to failures alone."""
    if result.status is not Status.VIOLATED:
        return "none"
    return "warning" if result.consequence is Consequence.COST else "error"


def uri_of(file: str) -> str:
    """Return a path as a relative or absolute URI reference."""
    return quote(PurePath(file).as_posix())
