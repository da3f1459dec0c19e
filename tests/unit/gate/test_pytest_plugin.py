"""`pytest --schedproof PATH` has a test for each deployment and invariant, and costs nothing without the option."""

import sys
from pathlib import Path

import pytest

from schedproof_gate.accept.selection import Selection
from schedproof_gate.check import reporting
from schedproof_gate.deployment.deployment import Deployment
from schedproof_gate.report.report import FlagChange, NotApplicable, Result, Subject
from schedproof_spec import INVARIANTS, Consequence, Status

pytest_plugins = ["pytester"]

DEPLOYMENT = "engine: fastdeploy\nargs: {max_num_seqs: 8, max_num_batched_tokens: 2048}\n"
FOUND = {
    "no_overshoot": (Status.VIOLATED, Consequence.CRASH),
    "budget_tight": (Status.VIOLATED, Consequence.COST),
    "progress": (Status.UNDECIDED, Consequence.STALL),
}


def result(deployment: Deployment, name: str) -> Result:
    status, consequence = FOUND.get(name, (Status.HELD, Consequence.CRASH))
    return Result(
        invariant=name,
        sentence=f"what {name} says",
        status=status,
        consequence=consequence,
        scope="this configuration",
        repairs=((FlagChange(flag="max_num_seqs", old=8, new=4),),) if name == "no_overshoot" else (),
        file=deployment.source,
    )


def fake_check(deployment: Deployment, selection: Selection) -> Subject:
    """A check that costs nothing: the verdicts are those above."""
    names = [name for name in ("startup", *INVARIANTS) if selection.why_not(name) is None]
    skipped = [NotApplicable(invariant=name, reason="no message") for name in names if name == "message_fits"]
    return Subject(
        source=deployment.source,
        file=deployment.file,
        engine="fastdeploy",
        policy="7756",
        config={},
        results=tuple(result(deployment, name) for name in names if name != "message_fits"),
        not_applicable=tuple(skipped),
    )


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.setattr(reporting, "check", fake_check)
    folder = pytester.mkdir("deploy")
    (folder / "a.yaml").write_text(DEPLOYMENT)
    (folder / "values.yaml").write_text("replicas: 3\n")
    pytester.makepyfile("def test_own(): pass")
    return pytester


def test_there_is_a_test_for_each_invariant_and_what_counts_fails(project: pytest.Pytester) -> None:
    done = project.runpytest_inprocess("--schedproof", "deploy", "-v")
    done.assert_outcomes(passed=len(INVARIANTS) + 1 + 1 - 4, failed=2, skipped=2)
    done.stdout.fnmatch_lines(
        [
            "deploy/a.yaml::startup PASSED*",
            "deploy/a.yaml::no_overshoot FAILED*",
            "*VIOLATED  no_overshoot: crash*",
            "*To repair it, lower max_num_seqs from 8 to 4.*",
            "*UNDECIDED  progress: stall*",
        ]
    )
    done.stdout.no_fnmatch_line("*Traceback*")
    done.stdout.no_fnmatch_line("*values.yaml*")


def test_one_is_named_as_other_tests_are(project: pytest.Pytester) -> None:
    done = project.runpytest_inprocess("--schedproof", "deploy", "deploy/a.yaml::budget_tight", "-rs")
    done.stdout.fnmatch_lines(["*violated: budget_tight (cost), which does not count*"])
    project.runpytest_inprocess("--schedproof", "deploy", "-k", "no_overshoot").assert_outcomes(
        failed=1, deselected=len(INVARIANTS) + 1
    )


def test_what_is_accepted_is_skipped_with_its_reason_and_what_matches_nothing_warns(
    project: pytest.Pytester,
) -> None:
    known = "[[accept]]\ninvariant = '{}'\nreason = 'known'\n"
    Path("schedproof.toml").write_text(known.format("no_overshoot") + known.format("chunk_within_prompt"))
    done = project.runpytest_inprocess("--schedproof", "deploy/a.yaml", "-rs", "-W", "default")
    done.assert_outcomes(passed=len(INVARIANTS) + 1 + 1 - 4, failed=1, skipped=3, warnings=1)
    done.stdout.fnmatch_lines(
        ["*accepts chunk_within_prompt (violated), which is not found*", "*accepted: known (schedproof.toml:1)*"]
    )


def test_a_file_that_cannot_be_used_is_one_line_and_loses_no_other(project: pytest.Pytester) -> None:
    Path("deploy/bad.yaml").write_text("engine: vllm2\nargs: {}\n")
    Path("deploy/other.sh").write_text("sglang serve x\n")
    done = project.runpytest_inprocess("--schedproof", "deploy", "-v", "-k", "input or startup")
    done.assert_outcomes(passed=1, failed=2, deselected=len(INVARIANTS) + 1)
    done.stdout.fnmatch_lines(
        [
            "deploy/a.yaml::startup PASSED*",
            "deploy/bad.yaml::input FAILED*",
            "deploy/bad.yaml:1: engine: unknown engine 'vllm2'*",
            "*VACUOUS  startup*",
        ]
    )
    done.stdout.no_fnmatch_line("*Traceback*")


def test_an_accepted_finding_of_one_deployment_is_no_warning_at_the_others(project: pytest.Pytester) -> None:
    Path("schedproof.toml").write_text("[[accept]]\ninvariant = 'no_overshoot'\nreason = 'known'\n")
    Path("deploy/b.yaml").write_text("engine: fastdeploy\nargs: {max_num_seqs: 9}\n")
    Path("deploy/run.sh").write_text("fastdeploy serve --max-num-seqs $SEQS\n")
    words = ("--schedproof", "deploy", "-k", "chunk_within_prompt or input")
    done = project.runpytest_inprocess(*words)
    done.assert_outcomes(passed=2, failed=1, deselected=2 * len(INVARIANTS) + 1, warnings=0)
    accepted = "\n[[accept]]\ninvariant = 'chunk_within_prompt'\nreason = 'known'\nfiles = '{}'\n"
    Path("schedproof.toml").write_text(accepted.format("*") + accepted.format("deploy/b.yaml"))
    done = project.runpytest_inprocess(*words, "-W", "default")
    done.assert_outcomes(passed=2, failed=1, deselected=2 * len(INVARIANTS) + 1, warnings=1)
    done.stdout.fnmatch_lines(["*schedproof.toml:7 accepts chunk_within_prompt (violated), which is not found*"])


def test_a_mistake_in_the_project_file_is_one_line(project: pytest.Pytester) -> None:
    Path("schedproof.toml").write_text("acept = []\n")
    done = project.runpytest_inprocess("--schedproof", "deploy", "-k", "startup")
    done.assert_outcomes(failed=1, deselected=len(INVARIANTS) + 1)
    done.stdout.fnmatch_lines(["schedproof.toml:1: acept: unknown key; did you mean accept?"])
    done.stdout.no_fnmatch_line("*Traceback*")
    done.stdout.no_fnmatch_line("*INTERNALERROR*")


def test_a_folder_without_deployments_is_refused(project: pytest.Pytester) -> None:
    project.mkdir("empty")
    done = project.runpytest_inprocess("--schedproof", "empty")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["*--schedproof empty: nothing there looks like a deployment*"])


def test_several_launches_of_a_file_are_told_apart(project: pytest.Pytester) -> None:
    Path("deploy/run.sh").write_text("fastdeploy serve --max-num-seqs 8\nfastdeploy serve --max-num-seqs 9\n")
    done = project.runpytest_inprocess("--schedproof", "deploy/run.sh", "-k", "run.sh and chunk_within", "-v")
    done.assert_outcomes(passed=2, deselected=2 * len(INVARIANTS) + 1)
    done.stdout.fnmatch_lines(["deploy/run.sh::1:chunk_within_prompt*", "deploy/run.sh::2:chunk_within_prompt*"])


def test_without_the_option_nothing_is_collected_or_imported(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "import sys\ndef test_own(): assert not [m for m in sys.modules if m.startswith('schedproof_spec')]"
    )
    pytester.mkdir("deploy").joinpath("a.yaml").write_text(DEPLOYMENT)
    done = pytester.runpytest_subprocess("--co", "-q")
    done.stdout.no_fnmatch_line("*a.yaml*")
    pytester.runpytest_subprocess().assert_outcomes(passed=1)
    assert "schedproof_gate.pytest_plugin" in sys.modules
