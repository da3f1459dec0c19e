"""The engine's own start-up, as a result."""

from __future__ import annotations

import re
from collections.abc import Iterable

from schedproof_gate.deployment.deployment import Deployment
from schedproof_gate.report.place import place_of
from schedproof_gate.report.report import STARTUP, Repair, Result
from schedproof_gate.report.wording import flag_values, in_own_flags
from schedproof_spec import Status

SENTENCE = "the engine's own start-up checks accept the configuration"
SCOPE = "this configuration"


def accepted(deployment: Deployment) -> Result:
    """Return the result for a configuration that starts."""
    return Result(
        invariant=STARTUP,
        sentence=SENTENCE,
        status=Status.HELD,
        scope=SCOPE,
        file=deployment.settings.source,
    )


def refused(
    problems: Iterable[str],
    deployment: Deployment,
    repairs: tuple[Repair, ...] = (),
    own_repairs: tuple[Repair, ...] = (),
) -> Result:
    """Return the result for a configuration that the engine does not start with."""
    fields = mentioned_fields(problems, deployment)
    place = place_of(fields, deployment)
    return Result(
        invariant=STARTUP,
        sentence=SENTENCE,
        status=Status.VIOLATED,
        scope=SCOPE,
        message="the engine refuses to start: "
        + "; ".join(in_own_flags(problem, deployment) for problem in problems),
        file=place.file,
        line=place.line,
        columns=place.columns,
        flags=flag_values(fields, deployment),
        repairs=repairs,
        own_repairs=own_repairs,
    )


def mentioned_fields(problems: Iterable[str], deployment: Deployment) -> list[str]:
    """Return the fields of the configuration that messages name, or whose product they name."""
    words = set(re.findall(r"\w+", " ".join(problems)))
    if "tokens_per_seq" in words:
        words.add("num_speculative_tokens")
    return [field for field, name in deployment.engine.flag_of_field.items() if words & {field, name}]
