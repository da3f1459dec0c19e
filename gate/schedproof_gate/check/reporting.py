"""From what was read to the report on it."""

from __future__ import annotations

from schedproof_gate.accept.selection import EVERYTHING, Selection
from schedproof_gate.check.checking import check
from schedproof_gate.check.unchecked import not_modelled, unread
from schedproof_gate.deployment.deployment import Deployment
from schedproof_gate.deployment.deployment_file import NotModelled, Unreadable
from schedproof_gate.deployment.inputs import Inputs
from schedproof_gate.report.counting import DEFAULT_LEVEL
from schedproof_gate.report.progress import Tell, silent
from schedproof_gate.report.report import Report, Subject


def report_on(
    inputs: Inputs, fail_on: str = DEFAULT_LEVEL, selection: Selection = EVERYTHING, tell: Tell = silent
) -> Report:
    """Return the report on everything that was read: each deployment decided, and each error named.

    What is not selected is not decided. `tell` hears what is done next.
    """
    subjects: list[Subject] = []
    errors: list[Unreadable] = []
    for outcome in inputs.outcomes:
        if isinstance(outcome, Deployment):
            subjects.append(check(outcome, selection, tell))
        elif isinstance(outcome, NotModelled):
            subjects.append(not_modelled(outcome))
        else:
            errors.append(outcome)
    return Report(
        subjects=tuple(subjects),
        fail_on=fail_on,
        unread=tuple(unread(error) for error in errors),
        skipped=tuple(inputs.skipped),
    )
