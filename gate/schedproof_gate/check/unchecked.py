"""What a report says of deployments that were not checked: unread, or of an engine without rules."""

from __future__ import annotations

from schedproof_gate.check.startup import SCOPE, SENTENCE
from schedproof_gate.deployment.deployment_file import NotModelled, Unreadable
from schedproof_gate.errors import InputError, shown
from schedproof_gate.processes import Lost
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


def not_done(source: str, file: str, why: InputError | Lost) -> Unread:
    """Return what a report says of an input without a result: what is wrong with it, or that it was not checked."""
    if isinstance(why, InputError):
        return unread(Unreadable(source=source, file=file, error=why))
    return not_checked(source, file, why)


def not_checked(source: str, file: str, lost: Lost) -> Unread:
    """Return what a report says of an input that is right and was not checked."""
    message = f"was not checked: {lost.reason}; check it again"
    return Unread(
        source=shown(source),
        deployment_file=file,
        file=file,
        line=None,
        key="",
        message=message,
        text=f"{shown(source)}: {message}",
        is_right=True,
    )
