"""The JSON schema of a report, ``schedproof/report/2``."""

from __future__ import annotations

from typing import Any

from schedproof_gate.accept.acceptance import AcceptanceKind
from schedproof_gate.report.counting import LEVELS
from schedproof_gate.report.report import ERROR, SCHEMA
from schedproof_gate.rules_by_id import DEPLOYMENT_RULES
from schedproof_gate.schema.deployment_schema import DIALECT
from schedproof_spec import Consequence, Status

TEXT: dict[str, Any] = {"type": "string"}
FILE: dict[str, Any] = {"description": "the file to look at, as it was named", **TEXT}
LINE: dict[str, Any] = {
    "description": "counted from 1; null where it is not known",
    "type": ["integer", "null"],
    "minimum": 1,
}
SOURCE: dict[str, Any] = {"description": "how the report names it", **TEXT}
STATUS: dict[str, Any] = {"enum": [status.value for status in Status]}
RULE: dict[str, Any] = {"enum": list(DEPLOYMENT_RULES)}


def report_schema() -> dict[str, Any]:
    """Return the schema of what ``--format json`` prints for `check`, `audit` and `replay`."""
    return {
        "$schema": DIALECT,
        "title": "A report of schedproof",
        **record(
            {
                "schema": {"const": SCHEMA},
                "verdict": {
                    "description": "the worst status; error when something could not be read",
                    "enum": [*STATUS["enum"], ERROR],
                },
                "fail_on": {"description": "what counts: this consequence and graver ones", "enum": list(LEVELS)},
                "subjects": {"description": "one for each deployment or trace", **listed(subject())},
            },
            {
                "errors": {"description": "what could not be read, and was not checked", **listed(unread())},
                "skipped": {"description": "files of folders that are no deployments", **listed(TEXT)},
                "warnings": {"description": "what a person should put in order; none counts", **listed(warning())},
            },
        ),
    }


def subject() -> dict[str, Any]:
    """Return the schema of one deployment, or one trace of it."""
    return record(
        {
            "source": SOURCE,
            "engine": TEXT,
            "policy": {"description": "empty where none decides", **TEXT},
            "config": {"description": "what the flags mean, in schedproof's names", "type": "object"},
            "notes": {"description": "what was assumed", **listed(TEXT)},
            "advice": {"description": "whether a flag can help at all", "type": ["string", "null"]},
            "not_applicable": {"description": "rules that say nothing of it", **listed(skipped())},
            "results": {"description": "one for each rule", **listed(result())},
        },
        {
            "not_checked": {"description": "rules that were left out, or that need more", **listed(skipped())},
            "measurements": {"description": "the figures of a replay or an audit", "type": "object"},
        },
    )


def unread() -> dict[str, Any]:
    """Return the schema of an input, or one deployment of it, that could not be read."""
    key = {"description": "the flag, key or variable", "type": ["string", "null"]}
    return record({"source": SOURCE, "file": FILE, "line": LINE, "key": key, "message": TEXT})


def skipped() -> dict[str, Any]:
    """Return the schema of an invariant that nothing is said about."""
    return record({"invariant": RULE, "reason": TEXT})


def result() -> dict[str, Any]:
    """Return the schema of one result."""
    return record(
        {
            "invariant": RULE,
            "status": STATUS,
            "consequence": {
                "description": "of a violation",
                "enum": [*(consequence.value for consequence in Consequence), None],
            },
            "counts": {"description": "whether the exit code depends on it", "type": "boolean"},
            "scope": {"description": "the states that the status speaks of", **TEXT},
            "message": {"description": "what was found, in the person's own flags", **TEXT},
            "file": FILE,
            "line": LINE,
            "witness": {"description": "what `schedproof explain --state` takes", "type": ["object", "null"]},
            "replay": {"description": "the command that shows it again", "type": ["string", "null"]},
            "repair": {"description": "each alternative makes everything hold", **listed(change())},
            "own_repair": {"description": "each alternative makes this hold", **listed(change())},
        },
        {
            "accepted": {"description": "it does not count", **acceptance()},
            "ran_out": {"description": "it did not count up to a day that has passed", **acceptance()},
        },
    )


def change() -> dict[str, Any]:
    """Return the schema of one flag to change."""
    number = {"type": "integer"}
    return record(
        {"flag": TEXT, "from": {"type": ["integer", "null"]}, "to": number, "alternative": {**number, "minimum": 1}}
    )


def acceptance() -> dict[str, Any]:
    """Return the schema of why a finding is accepted."""
    return record(
        {
            "reason": TEXT,
            "until": {"type": ["string", "null"], "format": "date"},
            "kind": {"description": "where it is written", "enum": [kind.value for kind in AcceptanceKind]},
            "file": FILE,
            "line": LINE,
        }
    )


def warning() -> dict[str, Any]:
    """Return the schema of a warning."""
    return record({"message": TEXT, "file": FILE, "line": LINE})


def listed(items: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a list."""
    return {"type": "array", "items": items}


def record(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the schema of an object with these keys and no others."""
    return {
        "type": "object",
        "required": list(required),
        "additionalProperties": False,
        "properties": required | (optional or {}),
    }
