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
LINE: dict[str, Any] = {"type": ["integer", "null"], "minimum": 1}
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
                "verdict": {"enum": [*STATUS["enum"], ERROR]},
                "fail_on": {"enum": list(LEVELS)},
                "subjects": listed(subject()),
            },
            {
                "errors": {"description": "what could not be read, and was not checked", **listed(unread())},
                "skipped": {"description": "files of folders that are no deployments", **listed(TEXT)},
                "warnings": listed(record({"message": TEXT, "file": TEXT, "line": LINE})),
            },
        ),
    }


def subject() -> dict[str, Any]:
    """Return the schema of one deployment, or one trace of it."""
    return record(
        {
            "source": TEXT,
            "engine": TEXT,
            "policy": {"description": "empty where none decides", **TEXT},
            "config": {"type": "object"},
            "notes": listed(TEXT),
            "advice": {"type": ["string", "null"]},
            "not_applicable": listed(skipped()),
            "results": listed(result()),
        },
        {"not_checked": listed(skipped()), "measurements": {"type": "object"}},
    )


def unread() -> dict[str, Any]:
    """Return the schema of an input, or one deployment of it, that could not be read."""
    key = {"description": "the flag, key or variable", "type": ["string", "null"]}
    return record({"source": TEXT, "file": TEXT, "line": LINE, "key": key, "message": TEXT})


def skipped() -> dict[str, Any]:
    """Return the schema of an invariant that nothing is said about."""
    return record({"invariant": RULE, "reason": TEXT})


def result() -> dict[str, Any]:
    """Return the schema of one result."""
    return record(
        {
            "invariant": RULE,
            "status": STATUS,
            "consequence": {"enum": [*(consequence.value for consequence in Consequence), None]},
            "counts": {"description": "whether the exit code depends on it", "type": "boolean"},
            "scope": {"description": "the states that the status speaks of", **TEXT},
            "message": TEXT,
            "file": TEXT,
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
            "kind": {"enum": [kind.value for kind in AcceptanceKind]},
            "file": TEXT,
            "line": LINE,
        }
    )


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
