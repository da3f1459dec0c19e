"""``pytest --schedproof PATH``: a test for each deployment and invariant. Without the option it does nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from schedproof_gate.deployment.deployment import Deployment
    from schedproof_gate.report.report import Report

OPTION = "--schedproof"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.getgroup("schedproof").addoption(
        OPTION,
        action="append",
        default=[],
        metavar="PATH",
        help="check the deployment PATH, or those below it, with a test for each invariant",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Collect the given paths beside the tests that are asked for."""
    config.args += [path for path in config.getoption(OPTION) if path not in config.args]


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect a file that is given, and a deployment below a folder that is given."""
    given = [Path(path).absolute() for path in parent.config.getoption(OPTION)]
    if not given:
        return None
    from schedproof_gate.init.finding import is_deployment

    is_below = any(path in file_path.parents for path in given) and is_deployment(file_path)
    if file_path in given or is_below:
        return DeploymentFile.from_parent(parent, path=file_path)
    return None


class DeploymentFile(pytest.File):
    """The deployments of one file."""

    def collect(self) -> Iterator[pytest.Item]:
        """Yield an item for the start-up and for each invariant of each deployment."""
        from schedproof_gate.deployment.deployment_file import read_deployments
        from schedproof_gate.report.report import STARTUP
        from schedproof_spec import INVARIANTS

        path = self.path
        if path.is_relative_to(Path.cwd()):
            path = path.relative_to(Path.cwd())
        deployments = read_deployments(path)
        for deployment in deployments:
            label = "" if len(deployments) == 1 else f"{deployment.source.removeprefix(str(path)).strip(':')}:"
            for name in (STARTUP, *INVARIANTS):
                yield InvariantItem.from_parent(self, name=f"{label}{name}", deployment=deployment, invariant=name)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Return one line for a file that cannot be used."""
        from schedproof_gate.errors import InputError

        if isinstance(excinfo.value, InputError):
            return str(excinfo.value)
        return super().repr_failure(excinfo)


class BrokenInvariantError(Exception):
    """An invariant is not held; the message is what `schedproof check` says about it."""


class InvariantItem(pytest.Item):
    """One invariant of one deployment, decided when it is run."""

    def __init__(self, *, deployment: Deployment, invariant: str, **values: Any) -> None:
        super().__init__(**values)
        self.deployment = deployment
        self.invariant = invariant

    def runtest(self) -> None:
        """Decide the invariant.

        Raises:
            BrokenInvariantError: it is not held, and that counts.
        """
        import click

        from schedproof_gate.report.renderers.text import result_lines, wrapped
        from schedproof_gate.report.report import STARTUP
        from schedproof_gate.report.wording import repair_advice, warning_sentence, with_consequence
        from schedproof_spec import Status

        report = self.report()
        for warning in report.warnings:
            self.warn(pytest.PytestWarning(warning_sentence(warning)))
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
        from schedproof_gate.accept.options import FindingOptions
        from schedproof_gate.accept.selection import Selection
        from schedproof_gate.check.checking import check
        from schedproof_gate.report.report import Report

        selection = Selection(frozenset({self.invariant}))
        options = FindingOptions(selection=selection, baseline=None, write_baseline=None)
        report = Report(subjects=(check(self.deployment, selection),))
        return options.decided(report, [self.deployment])

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Return what `schedproof check` says, without a traceback."""
        if isinstance(excinfo.value, BrokenInvariantError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return where the item stands, and what it is called."""
        return self.path, 0, f"{self.invariant} of {self.deployment.source}"
