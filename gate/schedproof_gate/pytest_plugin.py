"""``pytest --schedproof PATH``: a test for each deployment and invariant. Without the option it does nothing."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from schedproof_gate.deployment.deployment_file import Outcome
    from schedproof_gate.report.report import Report

OPTION = "--schedproof"
OUTCOMES = pytest.StashKey[Mapping[Path, "list[Outcome]"]]()
"""What came of each file."""
REPORTS = pytest.StashKey["list[Report]"]()
"""What was said of each invariant that was run."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.getgroup("schedproof").addoption(
        OPTION,
        action="append",
        default=[],
        metavar="PATH",
        help="check the deployments of PATH, a file, folder or pattern, with a test for each invariant",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Collect the files that `schedproof check PATH` reads as deployments beside the tests that are asked for.

    Raises:
        UsageError: there is none.
    """
    paths = config.getoption(OPTION)
    if not paths:
        return
    from schedproof_gate.deployment.given_values import GivenValues
    from schedproof_gate.deployment.inputs import read_inputs

    inputs = read_inputs(paths, GivenValues())
    if not inputs.outcomes:
        raise pytest.UsageError(f"{OPTION} {' '.join(paths)}: nothing there looks like a deployment")
    outcomes: dict[Path, list[Outcome]] = {}
    for outcome in inputs.outcomes:
        outcomes.setdefault(absolute(outcome.file), []).append(outcome)
    config.stash[OUTCOMES] = outcomes
    config.stash[REPORTS] = []
    config.args += [file for file in inputs.files if file not in config.args]


def absolute(file: str) -> Path:
    """Return a path as pytest names it."""
    return Path(os.path.abspath(file))


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect a file with deployments."""
    if file_path not in parent.config.stash.get(OUTCOMES, {}):
        return None
    return DeploymentFile.from_parent(parent, path=file_path)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Warn of accepted findings that no deployment has any more; a process that runs a part of them cannot know."""
    reports = session.config.stash.get(REPORTS, [])
    if not reports or hasattr(session.config, "workerinput"):
        return
    from schedproof_gate.errors import InputError
    from schedproof_gate.report.report import Report
    from schedproof_gate.report.wording import warning_sentence

    outcomes = [outcome for found in session.config.stash[OUTCOMES].values() for outcome in found]
    subjects = tuple(subject for report in reports for subject in report.subjects)
    unread = tuple(unread for report in reports for unread in report.unread)
    # A file of accepted findings that cannot be used has failed each test already.
    with contextlib.suppress(InputError):
        for warning in decided(Report(subjects=subjects, unread=unread), outcomes).warnings:
            warnings.warn(pytest.PytestWarning(warning_sentence(warning)), stacklevel=1)


def decided(report: Report, outcomes: list[Outcome]) -> Report:
    """Return a report on these deployments, held against what is accepted."""
    from schedproof_gate.accept.options import FindingOptions
    from schedproof_gate.accept.selection import EVERYTHING
    from schedproof_gate.deployment.inputs import Inputs

    options = FindingOptions(selection=EVERYTHING, baseline=None, write_baseline=None)
    inputs = Inputs(outcomes)
    return options.decided(report, options.accepted(inputs.checked_files, inputs.deployments))


class DeploymentFile(pytest.File):
    """The deployments of one file."""

    def collect(self) -> Iterator[pytest.Item]:
        """Yield an item for the start-up and for each invariant of each deployment, one for what cannot be read."""
        from schedproof_gate.deployment.deployment import Deployment
        from schedproof_gate.deployment.deployment_file import Unreadable
        from schedproof_gate.report.report import INPUT, STARTUP
        from schedproof_spec import INVARIANTS

        outcomes = self.config.stash[OUTCOMES][self.path]
        for number, outcome in enumerate(outcomes, start=1):
            rules = [STARTUP]
            if isinstance(outcome, Deployment):
                rules += INVARIANTS
            elif isinstance(outcome, Unreadable):
                rules = [INPUT]
            place = outcome.source.removeprefix(outcome.file).strip(":") or str(number)
            label = "" if len(outcomes) == 1 else f"{place}:"
            for name in rules:
                yield InvariantItem.from_parent(self, name=f"{label}{name}", outcome=outcome, invariant=name)


class BrokenInvariantError(Exception):
    """An invariant is not held; the message is what `schedproof check` says about it."""


class InvariantItem(pytest.Item):
    """One invariant of one deployment, decided when it is run."""

    def __init__(self, *, outcome: Outcome, invariant: str, **values: Any) -> None:
        super().__init__(**values)
        self.outcome = outcome
        self.invariant = invariant

    def runtest(self) -> None:
        """Decide the invariant.

        Raises:
            BrokenInvariantError: it is not held, and that counts, or the deployment cannot be read.
        """
        import click

        from schedproof_gate.report.renderers.text import result_lines, wrapped
        from schedproof_gate.report.report import STARTUP
        from schedproof_gate.report.wording import repair_advice, with_consequence
        from schedproof_spec import Status

        report = self.report()
        self.config.stash[REPORTS].append(report)
        for unread in report.unread:
            raise BrokenInvariantError(unread.text)
        results = {result.invariant: result for result in report.results}
        if self.invariant not in results:
            reasons = [skipped.reason for subject in report.subjects for skipped in subject.not_applicable]
            pytest.skip(reasons[0] if results[STARTUP].status is Status.HELD else "the engine does not start")
        result = results[self.invariant]
        if result.status is Status.HELD:
            return
        if report.counts(result):
            headline, *rest = result_lines(result)
            lines = [headline, *wrapped(repair_advice(result), 4), *rest]
            raise BrokenInvariantError(click.unstyle("\n".join(lines)))
        why = "which does not count" if result.accepted is None else f"accepted: {result.accepted.terms}"
        pytest.skip(f"{result.status.value}: {with_consequence(result)}, {why}")

    def report(self) -> Report:
        """Return the report on this invariant alone, held against what is accepted."""
        from schedproof_gate.accept.selection import Selection
        from schedproof_gate.check.reporting import report_on
        from schedproof_gate.deployment.inputs import Inputs

        selection = Selection(frozenset({self.invariant}))
        return decided(report_on(Inputs([self.outcome]), selection=selection), [self.outcome])

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Return what `schedproof check` says, without a traceback."""
        from schedproof_gate.errors import InputError

        if isinstance(excinfo.value, BrokenInvariantError | InputError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return where the item stands, and what it is called."""
        return self.path, 0, f"{self.invariant} of {self.outcome.source}"
