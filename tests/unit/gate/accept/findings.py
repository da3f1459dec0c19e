"""Findings as a check reports them, without the check: whole ones cost seconds."""

from pathlib import Path

from schedproof_gate.report.report import NotApplicable, Report, Result, Subject
from schedproof_spec import Consequence, Status


def result(
    invariant: str = "no_overshoot",
    status: Status = Status.VIOLATED,
    consequence: Consequence | None = Consequence.CRASH,
) -> Result:
    return Result(
        invariant=invariant,
        sentence="The tokens of a step never exceed the limit.",
        status=status,
        scope="this configuration",
        consequence=consequence,
        file="a.yaml",
        line=3,
    )


STARTED = result("startup", Status.HELD, None)


def report(file: Path | str, *results: Result, not_applicable: str = "message_fits") -> Report:
    subject = Subject(
        source=str(file),
        file=str(file),
        engine="fastdeploy",
        policy="7756",
        config={},
        results=(STARTED, *results),
        not_applicable=(NotApplicable(invariant=not_applicable, reason="it sends nothing"),),
    )
    return Report(subjects=(subject,))
