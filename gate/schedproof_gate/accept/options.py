"""The options that choose among findings: ``--select``, ``--ignore``, ``--baseline`` and ``--write-baseline``."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from schedproof_gate.accept.acceptance import Acceptance
from schedproof_gate.accept.accepting import acceptances_for, with_acceptances, with_stale_warnings
from schedproof_gate.accept.baseline import baseline_text
from schedproof_gate.accept.selection import Selection, selection_of
from schedproof_gate.accept.today import today
from schedproof_gate.completion import complete_rule
from schedproof_gate.deployment.deployment import Deployment
from schedproof_gate.report.output import replaced
from schedproof_gate.report.report import Report, ReportWarning

Command = Callable[..., int]


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingOptions:
    """Which findings are asked for, and which are accepted beside those of the files."""

    selection: Selection
    baseline: Path | None
    write_baseline: Path | None

    def accepted(self, files: Iterable[str], deployments: Iterable[Deployment]) -> tuple[Acceptance, ...]:
        """Return what is accepted in deployments, beside these files of deployments, and in the baseline.

        Raises:
            InputError: a file of accepted findings cannot be used.
        """
        return acceptances_for(files, deployments, self.baseline)

    def decided(self, report: Report, acceptances: Sequence[Acceptance]) -> Report:
        """Return the report of a check, held against what is accepted; the new baseline is written.

        Raises:
            InputError: the baseline cannot be written.
        """
        found = with_acceptances(report, acceptances, today())
        return with_stale_warnings(self.written(found), acceptances)

    def observed(self, report: Report, acceptances: Sequence[Acceptance]) -> Report:
        """Return the report on steps that ran, with the findings that are asked for, held against what is accepted.

        Raises:
            InputError: the baseline cannot be written.
        """
        subjects = tuple(self.selection.applied_to(subject) for subject in report.subjects)
        return self.written(with_acceptances(replace(report, subjects=subjects), acceptances, today()))

    def written(self, report: Report) -> Report:
        """Write the new baseline, where one is wanted; return the report, with a warning where none can be.

        What was not read may have findings, so that a baseline without them would lose what the old one says.
        """
        if self.write_baseline is None:
            return report
        if report.unread:
            warning = ReportWarning(
                file=str(self.write_baseline),
                message="is not written, as there are inputs that were not checked",
            )
            return replace(report, warnings=(*report.warnings, warning))
        with replaced(self.write_baseline, "--write-baseline") as file:
            file.write(baseline_text(report, self.write_baseline).encode("utf-8"))
        return report


OPTIONS = (
    click.option(
        "--select",
        multiple=True,
        metavar="NAMES",
        shell_complete=complete_rule,
        help="Only these invariants, families or consequences, with commas between them.",
    ),
    click.option("--ignore", multiple=True, metavar="NAMES", shell_complete=complete_rule, help="All but these."),
    click.option(
        "--baseline", type=click.Path(path_type=Path), metavar="FILE", help="Accept the findings that FILE lists."
    ),
    click.option(
        "--write-baseline",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Write what counts now to FILE, for --baseline.",
    ),
)


def finding_options(command: Command) -> Command:
    """Give a command these options as one argument, ``findings``."""

    @functools.wraps(command)
    def collected(
        *,
        select: tuple[str, ...],
        ignore: tuple[str, ...],
        baseline: Path | None,
        write_baseline: Path | None,
        **values: Any,
    ) -> int:
        findings = FindingOptions(
            selection=selection_of(select, ignore), baseline=baseline, write_baseline=write_baseline
        )
        return command(findings=findings, **values)

    return functools.reduce(lambda decorated, option: option(decorated), reversed(OPTIONS), collected)
