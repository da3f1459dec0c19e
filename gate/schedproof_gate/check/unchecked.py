"""What a report says of deployments that were not checked: unread, or of an engine without rules."""

from __future__ import annotations

from schedproof_gate.check.startup import SCOPE, SENTENCE
from schedproof_gate.deployment.deployment_file import NotModelled, Unreadable
from schedproof_gate.errors import shown
from schedproof_gate.report.place import columns_of
from schedproof_gate.report.report import STARTUP, Result, Subject, Unread
from schedproof_spec import Status


def not_modelled(outcome: NotModelled) -> Subject:
    """Return a subject of which nothing is said; it is vacuous, so that it does not pass silently."""
    result = Result(
        invariant=STARTUP,
        sentence=SENTENCE,
        status=Status.VACUOUS,
        scope=SCOPE,
        message=outcome.sentence,
        file=outcome.file,
        line=outcome.line,
    )
    return Subject(
        source=outcome.source, file=outcome.file, engine=outcome.engine, policy="", config={}, results=(result,)
    )


def unread(outcome: Unreadable) -> Unread:
    """Return an error as a part of the report."""
    error = outcome.error
    key = f"{shown(error.key)}: " if error.key else ""
    advice = f"; {error.advice}" if error.advice else ""
    return Unread(
        source=shown(outcome.source),
        deployment_file=outcome.file,
        file=error.source,
        line=error.line,
        columns=columns_of(error.source, error.line, error.key),
        key=error.key,
        message=f"{key}{error.problem}{advice}",
        text=str(error),
    )
