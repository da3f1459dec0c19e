"""Deployment files, `schedproof.toml` and baselines hold the same entries, and each mistake in them is one line."""

import json
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import findings
import pytest

from schedproof_gate.accept.acceptance import AcceptanceKind
from schedproof_gate.accept.accepting import acceptances_for
from schedproof_gate.accept.baseline import REASON, read_baseline
from schedproof_gate.accept.options import FindingOptions
from schedproof_gate.accept.project_file import project_file_of, read_project_file
from schedproof_gate.accept.selection import EVERYTHING
from schedproof_gate.check.reporting import report_on
from schedproof_gate.deployment.deployment import Deployment
from schedproof_gate.deployment.deployment_file import Unreadable, read_deployments
from schedproof_gate.deployment.given_values import GivenValues
from schedproof_gate.deployment.inputs import Inputs, read_inputs
from schedproof_gate.errors import InputError
from schedproof_gate.report.report import Report
from schedproof_gate.report.wording import warning_sentence
from schedproof_gate.rules_by_id import DEPLOYMENT_RULES
from schedproof_spec import Consequence, Status

RULES = list(DEPLOYMENT_RULES)

DEPLOYMENT = """\
engine: fastdeploy
args:
  max_num_seqs: 8
accept:
  - invariant: progress
    reason: >
      one node,
      one user
  - invariant: budget_tight
    reason: known
    until: 2027-01-31
    status: undecided
"""
PROJECT = """\
[[accept]]
invariant = "progress"
reason = "known"

[[accept]]
invariant = "no_overshoot"
files = "canary/*.yaml"
reason = "it is a canary"
until = 2027-01-31
"""


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_deployment_file_accepts_its_own_findings(tmp_path: Path) -> None:
    path = written(tmp_path / "a.yaml", DEPLOYMENT)
    (deployment,) = read_deployments(path)
    first, second = deployment.accept
    assert (first.invariant, first.reason, first.until, first.status) == (
        "progress",
        "one node, one user",
        None,
        Status.VIOLATED,
    )
    assert (second.until, second.status, second.kind) == (
        date(2027, 1, 31),
        Status.UNDECIDED,
        AcceptanceKind.DEPLOYMENT,
    )
    assert (first.place, second.place) == (f"{path}:5", f"{path}:9")
    assert first.covers(str(path))
    assert not first.covers(str(tmp_path / "b.yaml"))


def test_a_project_file_speaks_of_the_files_below_it(tmp_path: Path) -> None:
    path = written(tmp_path / "schedproof.toml", PROJECT)
    everywhere, canary = read_project_file(path, RULES)
    assert [entry.place for entry in (everywhere, canary)] == [f"{path}:1", f"{path}:5"]
    assert everywhere.covers(str(tmp_path / "deploy" / "a.yaml"))
    assert not everywhere.covers(str(tmp_path.parent / "a.yaml"))
    assert canary.covers(str(tmp_path / "canary" / "a.yaml"))
    assert not canary.covers(str(tmp_path / "a.yaml"))
    assert canary.until == date(2027, 1, 31)


def test_the_nearest_project_file_wins_and_the_search_ends_at_the_repository(tmp_path: Path) -> None:
    outer = written(tmp_path / "schedproof.toml", PROJECT)
    deployment = written(tmp_path / "repo" / "deploy" / "a.yaml", DEPLOYMENT)
    assert project_file_of(str(deployment)) == outer
    (tmp_path / "repo" / ".git").mkdir()
    assert project_file_of(str(deployment)) is None
    root = written(tmp_path / "repo" / "schedproof.toml", PROJECT)
    assert project_file_of(str(deployment)) == root
    inner = written(tmp_path / "repo" / "deploy" / "schedproof.toml", PROJECT)
    assert project_file_of(str(deployment)) == inner


def test_all_places_count_for_a_deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "schedproof.toml", PROJECT)
    deployments = read_deployments(written(Path("a.yaml"), DEPLOYMENT))
    found = acceptances_for(["a.yaml"], [*deployments, *deployments], None)
    assert [entry.place for entry in found] == ["a.yaml:5", "a.yaml:9", "schedproof.toml:1", "schedproof.toml:5"]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("accept: 3", ":1: accept: is not a list"),
        ("accept: [progress]", ":1: accept: an entry is not a mapping"),
        ("accept:\n  - invariant: progress", ":2: accept: an entry has no `reason`"),
        ("accept:\n  - reason: x", ":2: accept: an entry has no `invariant`"),
        ("accept:\n  - invariant: progress\n    reason: ' '", ":3: accept.reason: is empty; say why"),
        (
            "accept:\n  - invariant: progres\n    reason: x",
            ":2: accept.invariant: unknown invariant 'progres'; did you mean progress?",
        ),
        (
            "accept:\n  - {invariant: progress, reason: x, until: soon}",
            ":2: accept.until: 'soon' is not a date; write it as 2027-01-31",
        ),
        ("accept:\n  - {invariant: progress, reason: x, status: held}", ":2: accept.status: 'held' is not one of"),
        (
            "accept:\n  - {invariant: progress, reason: x, untill: 1}",
            ":2: accept.untill: unknown key; did you",
        ),
        ("accept:\n  - {invariant: progress, reason: x, files: a}", ":2: accept.files: unknown key"),
    ],
)
def test_a_mistake_in_an_entry_is_refused_where_it_stands(entry: str, message: str, tmp_path: Path) -> None:
    path = written(tmp_path / "a.yaml", f"{entry}\nengine: fastdeploy\nargs: {{max_num_seqs: 8}}\n")
    with pytest.raises(InputError) as caught:
        read_deployments(path)
    assert str(caught.value).startswith(f"{path}{message}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("acept = []", ":1: acept: unknown key; did you mean accept?"),
        ("# nothing\n\n[[accept]]\nreason = 'x'", ":3: accept: an entry has no `invariant`"),
    ],
)
def test_a_mistake_in_a_project_file_is_refused(text: str, message: str, tmp_path: Path) -> None:
    path = written(tmp_path / "schedproof.toml", text)
    with pytest.raises(InputError) as caught:
        read_project_file(path, RULES)
    assert str(caught.value).startswith(f"{path}{message}")


@pytest.mark.parametrize("text", ['{"accept": []}', '{"schema": "schedproof/report/2"}', '{"schema": 2}', "[]"])
def test_another_json_file_is_no_baseline(text: str, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        read_baseline(written(tmp_path / "baseline.json", text), RULES)


def test_an_engine_without_rules_is_accepted_with_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "run.sh", "sglang serve x\n")
    written(
        tmp_path / "schedproof.toml",
        "[[accept]]\ninvariant = 'startup'\nstatus = 'vacuous'\nreason = 'not modelled'\nfiles = '*.sh'\n",
    )
    inputs = read_inputs(["run.sh"], GivenValues())
    (result,) = decided(options(None, None), report_on(inputs), inputs.deployments).results
    assert result.accepted is not None


def test_findings_are_accepted_by_the_file_that_is_named_and_not_by_the_script_that_it_runs(tmp_path: Path) -> None:
    written(tmp_path / "serve.sh", "fastdeploy serve --max-num-seqs 8\n")
    path = written(tmp_path / "run.sh", "bash serve.sh\n")
    (deployment,) = read_deployments(path)
    assert (deployment.file, deployment.settings.source) == (str(path), str(tmp_path / "serve.sh"))


@pytest.mark.parametrize(("files", "warned"), [("*", 0), ("bad.yaml", 0), ("run.sh", 0), ("good.yaml", 1)])
def test_an_entry_for_what_could_not_be_read_does_not_warn(files: str, warned: int, tmp_path: Path) -> None:
    written(tmp_path / "good.yaml", "engine: fastdeploy\nargs: {max_num_seqs: 8}\n")
    written(tmp_path / "bad.yaml", "engine: fastdeploy\nargs: {max_num_seqs: x}\n")
    written(tmp_path / "run.sh", "fastdeploy serve --max-num-seqs 8\nfastdeploy serve --max-num-seqs $SEQS\n")
    entry = f"[[accept]]\ninvariant = 'progress'\nreason = 'known'\nfiles = '{files}'\n"
    written(tmp_path / "schedproof.toml", entry)
    inputs = read_inputs([str(tmp_path)], GivenValues())
    names = [deployment.file for deployment in inputs.deployments]
    assert names == [str(tmp_path / "good.yaml"), str(tmp_path / "run.sh")]
    held = findings.result("progress", Status.HELD)
    subjects = tuple(subject for name in names for subject in findings.report(name, held).subjects)
    unread = report_on(Inputs([found for found in inputs.outcomes if isinstance(found, Unreadable)])).unread
    found = decided(options(None, None), Report(subjects=subjects, unread=unread), inputs.deployments)
    assert (len(found.warnings), found.exit_code()) == (warned, 2)


def test_no_baseline_is_written_while_something_cannot_be_read(tmp_path: Path) -> None:
    path, file = tmp_path / "baseline.json", tmp_path / "a.yaml"
    decided(options(None, path), findings.report(file, findings.result()), [])
    before = path.read_text()
    unread = report_on(read_inputs([str(tmp_path / "absent.yaml")], GivenValues())).unread
    (warning,) = decided(options(path, path), Report(subjects=(), unread=unread), []).warnings
    assert (warning.file, path.read_text()) == (str(path), before)
    assert warning_sentence(warning).endswith("is not written, as there are inputs that were not checked.")


def decided(chosen: FindingOptions, report: Report, deployments: Iterable[Deployment]) -> Report:
    return chosen.decided(report, chosen.accepted([subject.file for subject in report.subjects], deployments))


def options(baseline: Path | None, write: Path | None) -> FindingOptions:
    return FindingOptions(selection=EVERYTHING, baseline=baseline, write_baseline=write)


def test_a_written_baseline_accepts_what_counted_then_and_nothing_else(tmp_path: Path) -> None:
    path, file = tmp_path / "ci" / "baseline.json", tmp_path / "deploy" / "a.yaml"
    path.parent.mkdir()
    wasteful = findings.result("budget_tight", consequence=Consequence.COST)
    before = findings.report(file, findings.result(), wasteful, findings.result("message_fits", Status.HELD))
    assert decided(options(None, path), before, []).exit_code() == 1
    assert json.loads(path.read_text())["accept"] == [
        {"files": "../deploy/a.yaml", "invariant": "no_overshoot", "status": "violated", "reason": REASON}
    ]
    assert decided(options(path, None), before, []).exit_code() == 0
    worse = findings.report(file, findings.result(), findings.result("progress"))
    assert decided(options(path, None), worse, []).exit_code() == 1


def test_a_baseline_written_anew_keeps_reasons_and_drops_what_is_gone(tmp_path: Path) -> None:
    path, file = tmp_path / "baseline.json", tmp_path / "a.yaml"
    decided(options(None, path), findings.report(file, findings.result(), findings.result("progress")), [])
    path.write_text(path.read_text().replace(REASON, "as agreed", 1))
    now = findings.report(file, findings.result(), findings.result("message_fits"))
    decided(options(path, path), now, [])
    accepted = {entry["invariant"]: entry["reason"] for entry in json.loads(path.read_text())["accept"]}
    assert accepted == {"no_overshoot": "as agreed", "message_fits": REASON}


def test_an_engines_own_config_file_may_accept_too(tmp_path: Path) -> None:
    flat = written(tmp_path / "flat.yaml", f"max_num_seqs: 8\n{DEPLOYMENT.partition('seqs: 8')[2]}")
    (deployment,) = read_deployments(flat)
    assert [entry.invariant for entry in deployment.accept] == ["progress", "budget_tight"]
    wrong = written(
        tmp_path / "wrong.yaml", "max_num_seqs: 8\naccept:\n  - invariant: progres\n    reason: known\n"
    )
    for name in (wrong, tmp_path):
        (error,) = [
            found.error
            for found in read_inputs([str(name)], GivenValues()).outcomes
            if isinstance(found, Unreadable)
        ]
        assert str(error).startswith(
            f"{wrong}:3: accept.invariant: unknown invariant 'progres'; did you mean progress?"
        )


def test_an_engines_own_config_file_may_name_its_version(tmp_path: Path) -> None:
    (deployment,) = read_deployments(written(tmp_path / "flat.yaml", "max_num_seqs: 8\npolicy: 7438\n"))
    assert deployment.policy is not None
    assert deployment.policy.name == "7438"
