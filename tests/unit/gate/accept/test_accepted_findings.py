"""An accepted finding is listed and does not count, until its day has passed or something else is found."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import click
import findings
import pytest

from schedproof_gate.accept.acceptance import Acceptance, AcceptanceKind, absolute
from schedproof_gate.accept.accepting import with_acceptances, with_stale_warnings
from schedproof_gate.accept.options import FindingOptions
from schedproof_gate.accept.selection import EVERYTHING
from schedproof_gate.deployment.given import Origin
from schedproof_gate.report.renderers import RENDERERS
from schedproof_gate.report.report import Report
from schedproof_spec import Consequence, Status

LAST_DAY = date(2027, 1, 31)
ENTRY = Acceptance(
    invariant="no_overshoot",
    reason="the launcher caps it",
    until=LAST_DAY,
    pattern=absolute("deploy/*.yaml"),
    origin=Origin("schedproof.toml", 4, "accept"),
    kind=AcceptanceKind.PROJECT,
)
FILE = "deploy/a.yaml"
TERMS = "the launcher caps it (until 2027-01-31, schedproof.toml:4)"


def on(day: date, report: Report, *entries: Acceptance) -> Report:
    return with_acceptances(report, entries, day)


@pytest.mark.parametrize(("day", "code"), [(LAST_DAY, 0), (date(2027, 2, 1), 1)])
def test_it_does_not_count_up_to_its_last_day_and_counts_again_after_it(day: date, code: int) -> None:
    report = on(day, findings.report(FILE, findings.result()), ENTRY)
    assert report.exit_code() == code
    (found,) = report.subjects[0].with_status(Status.VIOLATED)
    assert (found.accepted, found.ran_out) == ((ENTRY, None) if code == 0 else (None, ENTRY))
    text = " ".join(click.unstyle(RENDERERS["text"](report)).split())
    assert ("accepted until 2027-01-31, which has passed" in text.lower()) is (code == 1)


def test_one_without_a_last_day_never_ends_and_is_used_when_another_has_ended() -> None:
    report = findings.report(FILE, findings.result())
    for_ever = replace(ENTRY, until=None)
    assert on(date(2999, 1, 1), report, ENTRY, for_ever).exit_code() == 0


@pytest.mark.parametrize(
    "other",
    [
        replace(ENTRY, invariant="progress"),
        replace(ENTRY, status=Status.UNDECIDED),
        replace(ENTRY, pattern=absolute("other/*.yaml")),
    ],
)
def test_another_rule_another_verdict_or_another_file_is_not_accepted(other: Acceptance) -> None:
    assert on(LAST_DAY, findings.report(FILE, findings.result()), other).exit_code() == 1


def test_what_is_undecided_can_be_accepted_and_counts_when_it_is_refuted() -> None:
    entry = replace(ENTRY, status=Status.UNDECIDED)
    open_question = findings.result(status=Status.UNDECIDED)
    assert findings.report(FILE, open_question).exit_code() == 3
    assert on(LAST_DAY, findings.report(FILE, open_question), entry).exit_code() == 0
    assert on(LAST_DAY, findings.report(FILE, findings.result()), entry).exit_code() == 1


def test_accepting_everything_checks_nothing() -> None:
    report = findings.report(FILE, findings.result())
    alone = replace(report, subjects=(replace(report.subjects[0], results=report.subjects[0].results[1:]),))
    assert on(LAST_DAY, alone, ENTRY).exit_code() == 3


def stale(report: Report, *entries: Acceptance) -> list[str]:
    return [warning.message for warning in with_stale_warnings(on(LAST_DAY, report, *entries), entries).warnings]


def test_one_that_matches_nothing_any_more_warns_where_the_report_says_something_about_it() -> None:
    held = findings.report(FILE, findings.result(status=Status.HELD))
    message = "accepts no_overshoot (violated), which is not found here any more; remove the entry"
    assert stale(held, replace(ENTRY, pattern=absolute(FILE))) == [message]
    assert stale(held, ENTRY) == [f"{message} if all its files were checked"]
    assert len(stale(findings.report(FILE, not_applicable="no_overshoot"), ENTRY)) == 1
    assert stale(findings.report(FILE, findings.result()), ENTRY) == []
    assert stale(findings.report(FILE, findings.result()), replace(ENTRY, until=date(2020, 1, 1))) == []
    assert stale(findings.report(FILE), ENTRY) == []
    assert stale(findings.report("other/a.yaml", findings.result(status=Status.HELD)), ENTRY) == []


ACCEPTED = on(LAST_DAY, findings.report(FILE, findings.result(), findings.result("progress", Status.HELD)), ENTRY)


def test_the_text_lists_it_with_its_reason_and_last_day() -> None:
    text = click.unstyle(RENDERERS["text"](ACCEPTED))
    assert "  ACCEPTED  no_overshoot: crash (violated)\n" in text
    assert "The launcher caps it (until 2027-01-31, schedproof.toml:4)." in " ".join(text.split())
    assert "not counted" not in text


def test_the_machine_formats_say_so_in_their_own_way() -> None:
    (subject,) = json.loads(RENDERERS["json"](ACCEPTED))["subjects"]
    assert subject["results"][1]["counts"] is False
    assert subject["results"][1]["accepted"] == {
        "reason": "the launcher caps it",
        "until": "2027-01-31",
        "kind": "project",
        "file": "schedproof.toml",
        "line": 4,
    }
    root = ElementTree.fromstring(RENDERERS["junit"](ACCEPTED))
    assert (root.get("failures"), root.get("skipped")) == ("0", "1")
    skipped = root.find(".//skipped")
    assert skipped is not None
    assert skipped.get("message") == f"violated and accepted: {TERMS}"
    (run,) = json.loads(RENDERERS["sarif"](ACCEPTED))["runs"]
    (suppression,) = run["results"][1]["suppressions"]
    assert (suppression["kind"], suppression["status"], suppression["justification"]) == (
        "external",
        "accepted",
        TERMS,
    )
    assert "suppressions" not in run["results"][0]
    first = RENDERERS["github"](ACCEPTED).splitlines()[0]
    assert first.startswith("::notice file=a.yaml,line=3,")
    assert first.endswith(f"Accepted: {TERMS}")


@pytest.mark.parametrize("form", list(RENDERERS))
def test_every_form_tells_of_an_entry_that_is_over_and_of_one_that_matches_nothing(form: str) -> None:
    over = on(date(2027, 2, 1), findings.report(FILE, findings.result()), ENTRY)
    assert "2027-01-31" in RENDERERS[form](over)
    held = findings.report(FILE, findings.result(status=Status.HELD))
    text = " ".join(RENDERERS[form](with_stale_warnings(held, [ENTRY])).split())
    assert "accepts no_overshoot (violated), which is not found here any more" in text


def test_sarif_s_suppression_is_in_the_source_where_the_deployment_says_it() -> None:
    own = on(LAST_DAY, findings.report(FILE, findings.result()), replace(ENTRY, kind=AcceptanceKind.DEPLOYMENT))
    assert '"kind": "inSource"' in RENDERERS["sarif"](own)


def test_a_fingerprint_outlives_moved_lines_and_tells_findings_apart() -> None:
    def prints(report: Report) -> list[str]:
        (run,) = json.loads(RENDERERS["sarif"](report))["runs"]
        return [value for found in run["results"] for value in found["partialFingerprints"].values()]

    before = findings.report(FILE, findings.result(), findings.result())
    moved = findings.report(FILE, *(replace(found, line=9, message="new") for found in before.results[1:]))
    assert prints(before) == prints(moved)
    assert len(set(prints(before))) == 3
    assert prints(before) == prints(findings.report(Path(FILE).absolute(), findings.result(), findings.result()))
    assert set(prints(before)).isdisjoint(prints(findings.report("deploy/b.yaml", findings.result())))


def test_the_date_of_today_is_asked_for_in_one_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    baseline = tmp_path / "baseline.json"
    file = tmp_path / "a.yaml"
    options = FindingOptions(selection=EVERYTHING, baseline=None, write_baseline=baseline)
    options.decided(findings.report(file, findings.result()), options.accepted([str(file)], []))
    entry = json.loads(baseline.read_text())
    entry["accept"][0]["until"] = "2027-01-31"
    baseline.write_text(json.dumps(entry))
    options = FindingOptions(selection=EVERYTHING, baseline=baseline, write_baseline=None)
    codes = []
    for day in (LAST_DAY, date(2027, 2, 1)):
        monkeypatch.setattr("schedproof_gate.accept.options.today", lambda day=day: day)
        accepted = options.accepted([str(file)], [])
        codes.append(options.decided(findings.report(file, findings.result()), accepted).exit_code())
    assert codes == [0, 1]


def test_cost_that_does_not_count_is_not_called_accepted() -> None:
    wasteful = findings.result("budget_tight", consequence=Consequence.COST)
    report = on(LAST_DAY, findings.report(FILE, wasteful, findings.result()), ENTRY)
    text = " ".join(RENDERERS["text"](report).split())
    assert "as --fail-on is wrong-output: budget_tight (cost)." in text
