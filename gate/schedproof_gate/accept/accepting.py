"""Holds the findings of a report against those that are accepted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

from schedproof_gate.accept.acceptance import Acceptance
from schedproof_gate.accept.baseline import read_baseline
from schedproof_gate.accept.project_file import project_file_of, read_project_file
from schedproof_gate.deployment.deployment import Deployment
from schedproof_gate.report.report import Report, ReportWarning, Result, Subject
from schedproof_gate.rules_by_id import DEPLOYMENT_RULES
from schedproof_spec import Status


def acceptances_for(
    files: Iterable[str], deployments: Iterable[Deployment], baseline: Path | None
) -> tuple[Acceptance, ...]:
    """Return every accepted finding that may speak of deployments in these files, their own first.

    Raises:
        InputError: a `schedproof.toml` or the baseline cannot be used.
    """
    rules = list(DEPLOYMENT_RULES)
    found = list(dict.fromkeys(entry for deployment in deployments for entry in deployment.accept))
    for path in dict.fromkeys(project_file_of(file) for file in files):
        found += () if path is None else read_project_file(path, rules)
    return (*found, *(() if baseline is None else read_baseline(baseline, rules)))


def with_acceptances(report: Report, acceptances: Sequence[Acceptance], today: date) -> Report:
    """Return a report whose results know that they are accepted, or were until a day that has passed."""
    subjects = tuple(
        replace(subject, results=tuple(settled(result, subject, acceptances, today) for result in subject.results))
        for subject in report.subjects
    )
    return replace(report, subjects=subjects)


def settled(result: Result, subject: Subject, acceptances: Sequence[Acceptance], today: date) -> Result:
    """Return a result with the entry that accepts it; one whose time is over counts only for lack of another."""
    if result.status is Status.HELD:
        return result
    matching = [
        entry
        for entry in acceptances
        if entry.invariant == result.invariant and entry.status is result.status and entry.covers(subject.file)
    ]
    for entry in matching:
        if not entry.is_over(today):
            return replace(result, accepted=entry)
    return replace(result, ran_out=matching[0]) if matching else result


def with_stale_warnings(report: Report, acceptances: Sequence[Acceptance]) -> Report:
    """Return a report that warns of entries which accept a finding of these deployments that is there no more.

    Only for a report that decides its rules: that a trace keeps one does not mean that nothing breaks it.
    """
    used = {entry for result in report.results for entry in (result.accepted, result.ran_out)}
    stale = [entry for entry in acceptances if entry not in used and is_answered(entry, report)]
    warnings = tuple(
        ReportWarning(
            file=entry.origin.source,
            line=entry.origin.line,
            message=f"accepts {entry.invariant} ({entry.status.value}), which is not found here any more; "
            + ("remove the entry if all its files were checked" if entry.covers_many else "remove the entry"),
        )
        for entry in stale
    )
    return replace(report, warnings=(*report.warnings, *warnings))


def is_answered(entry: Acceptance, report: Report) -> bool:
    """Return whether a report says something about the rule of an entry, for all deployments that it speaks of."""
    if any(entry.covers(unread.deployment_file) for unread in report.unread):
        return False
    about = [subject for subject in report.subjects if entry.covers(subject.file)]
    named = [result.invariant for subject in about for result in subject.results]
    named += [skipped.invariant for subject in about for skipped in subject.not_applicable]
    return entry.invariant in named
