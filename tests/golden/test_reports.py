"""The reports on the examples stay as they are, byte for byte."""

from pathlib import Path

import click
import pytest
import reports

from schedproof_gate.report.renderers import RENDERERS


@pytest.mark.parametrize("form", list(reports.FORMS))
@pytest.mark.parametrize("example", reports.examples())
def test_a_report_is_the_golden_one(example: str, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(reports.ROOT)
    text = click.unstyle(RENDERERS[form](reports.report_of(example)))
    assert text == reports.golden(example, form).read_text(encoding="utf-8"), (
        "the report has changed; if that is right, run: python tests/golden/reports.py"
    )


def test_every_golden_report_has_its_example() -> None:
    expected = {reports.golden(example, form) for example in reports.examples() for form in reports.FORMS}
    assert set(reports.FOLDER.iterdir()) == expected


def test_the_examples_are_described() -> None:
    readme = (reports.ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    assert [example for example in reports.examples() if Path(example).name not in readme] == []


def test_there_are_good_and_bad_examples() -> None:
    verdicts = {reports.golden(example, "text").read_text().split()[0] for example in reports.examples()}
    assert verdicts >= {"HELD", "VIOLATED"}
