"""From what was read to the report on it."""

from __future__ import annotations

from collections.abc import Sequence

from schedproof_gate.accept.selection import EVERYTHING, Selection
from schedproof_gate.check.checking import check
from schedproof_gate.check.unchecked import not_checked, not_modelled, unread
from schedproof_gate.deployment.deployment import Deployment
from schedproof_gate.deployment.deployment_file import NotModelled
from schedproof_gate.deployment.inputs import Inputs
from schedproof_gate.processes import Lost
from schedproof_gate.report.counting import DEFAULT_LEVEL
from schedproof_gate.report.report import Report, Subject, Unread


def report_on(inputs: Inputs, fail_on: str = DEFAULT_LEVEL, selection: Selection = EVERYTHING) -> Report:
    """Return the report on everything that was read: each deployment decided, and each error named.

    What is not selected is not decided.
    """
    return report_of(inputs, [check(deployment, selection) for deployment in inputs.deployments], fail_on)


def report_of(inputs: Inputs, found: Sequence[Subject | Lost], fail_on: str = DEFAULT_LEVEL) -> Report:
    """Return the report on everything that was read, with what was found about each deployment, in order."""
    subjects: list[Subject] = []
    errors: list[Unread] = []
    remaining = iter(found)
    for outcome in inputs.outcomes:
        if isinstance(outcome, Deployment):
            result = next(remaining)
            if isinstance(result, Lost):
                errors.append(not_checked(outcome.source, outcome.file, result))
            else:
                subjects.append(result)
        elif isinstance(outcome, NotModelled):
            subjects.append(not_modelled(outcome))
        else:
            errors.append(unread(outcome))
    return Report(
        subjects=tuple(subjects),
        fail_on=fail_on,
        unread=tuple(errors),
        skipped=tuple(inputs.skipped),
        is_interrupted=any(isinstance(result, Lost) and result.is_interrupted for result in found),
    )
