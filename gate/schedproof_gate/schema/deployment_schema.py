"""The JSON schema of a deployment file, for editors and for checks before `schedproof check`."""

from __future__ import annotations

from typing import Any

from schedproof import Platform
from schedproof.engines.fastdeploy.releases import RELEASES, VERSIONS
from schedproof_gate.accept.entries import STATUSES
from schedproof_gate.deployment.engines import ENGINES
from schedproof_gate.rules_by_id import DEPLOYMENT_RULES

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def deployment_schema() -> dict[str, Any]:
    """Return the schema. It knows keys and types; which values an engine accepts, `check` tells with the line."""
    flags = sorted({flag for engine in ENGINES.values() for flag in engine.flags})
    word = {"type": ["string", "integer", "number"]}
    return {
        "$schema": DIALECT,
        "title": "A deployment, as `schedproof check` reads it",
        "type": "object",
        "required": ["engine", "args"],
        "additionalProperties": False,
        "properties": {
            "engine": {"enum": list(ENGINES)},
            "args": {
                "description": "the engine's flags: by name without leading dashes, or as words of a command",
                "oneOf": [
                    {"type": "object", "properties": {flag: {} for flag in flags}},
                    {"type": "array", "items": {"type": ["string", "integer"]}},
                ],
            },
            "policy": {"description": "the engine's version", "enum": versions()},
            "release": {"description": "the engine's release, such as 2.5", **word, "examples": list(RELEASES)},
            "platform": {"type": "string", "examples": [platform.value for platform in Platform]},
            "env": {"type": "object", "additionalProperties": word},
            "model_config": {
                "description": "keys of the model's config.json, or the path of that file",
                "type": ["object", "string"],
            },
            "accept": {"type": "array", "items": acceptance()},
        },
    }


def versions() -> list[str | int]:
    """Return the names of the policies; one that is a number needs no quotes."""
    return [*VERSIONS, *(int(name) for name in VERSIONS if name.isdigit())]


def acceptance() -> dict[str, Any]:
    """Return the schema of an accepted finding."""
    return {
        "type": "object",
        "required": ["invariant", "reason"],
        "additionalProperties": False,
        "properties": {
            "invariant": {"enum": list(DEPLOYMENT_RULES)},
            "reason": {"type": "string", "minLength": 1},
            "until": {"type": "string", "format": "date"},
            "status": {"enum": list(STATUSES)},
        },
    }
