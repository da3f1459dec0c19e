"""The audits of the example traces stay as they are, byte for byte."""

from __future__ import annotations

import audits
import click
import pytest

from schedproof_gate.report.renderers import RENDERERS


@pytest.mark.parametrize("form", list(audits.FORMS))
@pytest.mark.parametrize("trace", list(audits.CASES))
def test_an_audit_is_the_golden_one(trace: str, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(audits.ROOT)
    text = click.unstyle(RENDERERS[form](audits.report_of(trace)))
    assert text == audits.golden(trace, form).read_text(encoding="utf-8"), (
        "the audit has changed; if that is right, run: python tests/golden/audits.py"
    )


def test_every_trace_is_audited_and_every_golden_audit_has_its_trace() -> None:
    folder = audits.ROOT / audits.TRACES
    assert {path.name for path in folder.iterdir() if path.suffix not in (".yaml", ".md")} == set(audits.CASES)
    expected = {audits.golden(trace, form) for trace in audits.CASES for form in audits.FORMS}
    assert set(audits.FOLDER.iterdir()) == expected


def test_the_traces_are_described() -> None:
    readme = (audits.ROOT / audits.TRACES / "README.md").read_text(encoding="utf-8")
    assert [trace for trace in audits.CASES if trace not in readme] == []


def test_there_are_good_and_bad_traces() -> None:
    verdicts = {audits.golden(trace, "text").read_text().split()[0] for trace in audits.CASES}
    assert verdicts == {"HELD", "VIOLATED"}
