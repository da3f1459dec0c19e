"""`schedproof prove`, and rules of one's own in the other commands, as a person types them."""

from __future__ import annotations

import functools
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
from click.testing import CliRunner

from schedproof_gate.command_line import cli
from schedproof_gate.schema.report_schema import report_schema
from schedproof_spec import INVARIANTS

ROOT = Path(__file__).parents[2]
COMMAND = Path(sys.executable).with_name("schedproof")

HELD = "examples/rules/charge_on_visit.py:ChargeOnVisit"
QUICK = "examples/rules/eight_in_flight.py:EightInFlight"
BROKEN = "examples/rules/half_for_prompts.py:HalfForPrompts"

NOT_FOLLOWED = """
from schedproof import ServingConfig
from schedproof.engines.fastdeploy.reference_policy import ReferencePolicy

print("a module may print")


class Tries(ReferencePolicy):
    name = "tries"

    def decode_charge(self, config: ServingConfig) -> int:
        try:
            return 0
        except ValueError:
            return 1
"""


def schedproof(*words: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *words], cwd=cwd, env=os.environ, capture_output=True, text=True, timeout=120, check=False
    )


def in_this_process(*words: str) -> tuple[Any, str]:
    """Return the exit code and what is printed; what was decided before is remembered."""
    done = CliRunner().invoke(cli, words, standalone_mode=False, catch_exceptions=False)
    return done.return_value, done.stdout


@functools.cache
def report_on_broken() -> dict[str, Any]:
    """Prove what does not hold, once."""
    done = schedproof("prove", BROKEN, "--select", "progress", "--format", "json")
    assert (done.returncode, done.stderr) == (1, "")
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_a_rule_that_charges_what_the_worker_runs_is_proved() -> None:
    done = schedproof("prove", HELD, "--ignore", "chunk_respects_items")
    assert (done.returncode, done.stderr) == (0, "")
    text = " ".join(done.stdout.split())
    assert text.startswith(f"HELD {HELD} fastdeploy, policy charge-on-visit: 15 checks over every state of every ")
    assert all(name in text for name in INVARIANTS)


def test_what_nothing_can_break_is_vacuous_and_exits_with_3() -> None:
    done = schedproof("prove", HELD, "--select", "chunk_respects_items")
    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout.startswith(f"VACUOUS  {HELD}\n")


def test_a_rule_about_prompts_in_flight_is_proved() -> None:
    done = schedproof("prove", QUICK, "--select", "overlap,capacity", "--verbose")
    assert (done.returncode, done.stderr) == (0, "")
    assert "HELD  launch_covers_step: crash\n" in done.stdout
    assert "    scope     Every configuration, any number of requests and steps.\n" in done.stdout


def test_a_rule_that_does_not_hold_is_shown_with_its_run_and_replays() -> None:
    report = report_on_broken()
    jsonschema.validate(report, report_schema())
    (subject,) = report["subjects"]
    (result,) = subject["results"]
    assert (subject["source"], subject["policy"], result["status"]) == (BROKEN, "half-for-prompts", "violated")
    source, line = BROKEN.partition(":")[0], result["line"]
    assert result["file"] == source
    assert (ROOT / source).read_text(encoding="utf-8").splitlines()[line - 1].startswith("class HalfForPrompts(")
    replayed = schedproof(*shlex.split(result["replay"])[1:])
    assert (replayed.returncode, replayed.stderr) == (1, "")
    assert "step 1: progress is broken" in replayed.stdout


def test_the_run_is_shown_to_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    code, text = in_this_process("prove", BROKEN, "--select", "progress")
    assert code == 1
    assert "state     max_num_seqs: 1\n" in text
    assert "run       request[0] arrives: 3 prompt tokens, 1 to generate" in text
    assert "step 1: progress is broken\n" in text


def test_the_page_shows_what_the_command_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    text = (ROOT / "docs" / "policy.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\nschedproof (prove [^\n]*)\n```\n\n```text\n(.*?)^```\n", text, re.M | re.S)
    assert len(blocks) == 1
    for words, printed in blocks:
        assert in_this_process(*shlex.split(words))[1] == printed


@pytest.mark.parametrize(("level", "code"), [("crash", 3), ("stall", 1)])
def test_fail_on_decides_what_counts(level: str, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert in_this_process("prove", BROKEN, "--select", "progress", "--fail-on", level)[0] == code


def test_what_is_given_up_can_stand_in_a_baseline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    words, baseline = ["prove", BROKEN, "--select", "progress,message_fits"], str(tmp_path / "given-up.toml")
    assert in_this_process(*words, "--write-baseline", baseline)[0] == 1
    code, text = in_this_process(*words, "--baseline", baseline)
    assert code == 0
    assert "ACCEPTED  progress: stall (violated)" in text


def test_what_the_prover_cannot_follow_is_undecided_at_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rule.py").write_text(NOT_FOLLOWED, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    words = ["prove", "rule.py:Tries", "--select", "charge_follows_method", "--format"]
    line = NOT_FOLLOWED.splitlines().index("        try:") + 1
    code, text = in_this_process(*words, "json")
    (result,) = json.loads(text)["subjects"][0]["results"]
    assert (code, result["status"], result["file"], result["line"]) == (3, "undecided", "rule.py", line)
    assert f"rule.py, line {line}, in decode_charge: `try` is not supported; ask for the" in result["message"]
    github = in_this_process(*words, "github")[1]
    assert github.startswith(f"::warning file=rule.py,line={line},title=charge_follows_method undecided::")
    case = ElementTree.fromstring(in_this_process(*words, "junit")[1]).find(".//testcase")
    assert case is not None
    assert (case.get("file"), case.get("line")) == ("rule.py", str(line))
    sarif = json.loads(in_this_process(*words, "sarif")[1])
    (location,) = sarif["runs"][0]["results"][0]["locations"]
    assert location["physicalLocation"]["region"] == {"startLine": line}


def test_a_name_that_is_not_there_is_one_sentence_and_2() -> None:
    done = schedproof("prove", "examples/rules/half_for_prompts.py:HalfForPromts")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "schedproof: command line: MODULE:CLASS: examples/rules/half_for_prompts.py has no 'HalfForPromts'; "
        "did you mean HalfForPrompts?\n"
    )


def test_help_says_that_the_module_is_run() -> None:
    assert "This runs the module" in " ".join(schedproof("prove", "--help").stdout.split())


def test_check_decides_a_deployment_under_a_rule_of_ones_own() -> None:
    done = schedproof("check", "examples/pd-decode-mtp.sh", "--policy", QUICK, "--select", "chunk,capacity")
    assert (done.returncode, done.stderr) == (0, "")
    assert "policy eight-in-flight" in done.stdout


def test_a_rule_of_ones_own_is_replayed_beside_a_version() -> None:
    words = ["replay", "examples/workloads/azure-code-2023-excerpt.csv", "--config", "examples/mixed-mtp.yaml"]
    words += ["--num-kv-blocks", "1024", "--limit", "20", "--format", "json"]
    done = schedproof(*words, "--policy", BROKEN, "--policy", "reference")
    assert (done.returncode, done.stderr) == (0, "")
    subjects = json.loads(done.stdout)["subjects"]
    assert [subject["policy"] for subject in subjects] == ["half-for-prompts", "reference"]
    statuses = [{each["invariant"]: each["status"] for each in subject["results"]} for subject in subjects]
    assert [each["budget_tight"] for each in statuses] == ["violated", "held"]


def test_a_rule_that_raises_in_a_replay_is_one_sentence(tmp_path: Path) -> None:
    rule = NOT_FOLLOWED.replace("return 0", 'raise RuntimeError("not yet")')
    (tmp_path / "rule.py").write_text(rule, encoding="utf-8")
    words = ["replay", str(ROOT / "examples/workloads/azure-code-2023-excerpt.csv"), "--limit", "3"]
    words += ["--config", str(ROOT / "examples/mixed-mtp.yaml"), "--num-kv-blocks", "1024"]
    line = rule.splitlines().index('            raise RuntimeError("not yet")') + 1
    for others in ([], ["--policy", "reference"]):
        done = schedproof(*words, "--policy", "rule.py:Tries", *others, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        sentence = done.stderr.splitlines()[-1]
        assert sentence.startswith(
            f"schedproof: rule.py:{line}: decode_charge: raises RuntimeError: not yet; mend "
        )
