"""The installed command, as a person types it."""

import functools
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from schedproof import NEWEST, POLICIES, __version__
from schedproof_spec import INVARIANTS, WORK_RULES

ROOT = Path(__file__).parents[2]
COMMAND = Path(sys.executable).with_name("schedproof")

GOOD = "examples/pd-decode-mtp.sh"
BAD = "tests/end_to_end/overshoot.yaml"
QUICK = "examples/expert-parallel.json"
"""Violated too, by a number in the model's own file, and decided soon."""
MODEL = "examples/models/moe-256/config.json"
COSTLY = "examples/xpu-decode.yaml"
"""What it violates costs memory and no more."""
REFUSED = ["--max-num-seqs", "256", "--max-num-batched-tokens", "512"]


def schedproof(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *words],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@functools.cache
def report_on_bad() -> dict[str, Any]:
    """Check the bad deployment, once."""
    done = schedproof("check", BAD, "--format", "json")
    assert (done.returncode, done.stderr) == (1, "")
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_a_good_deployment_exits_with_0() -> None:
    done = schedproof("check", GOOD)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"HELD  {GOOD}\n")
    assert f"assuming {NEWEST.name}, the newest version decided in full" in " ".join(done.stdout.split())


def test_a_bad_deployment_exits_with_1_and_its_replay_command_works() -> None:
    violated = [r for r in report_on_bad()["subjects"][0]["results"] if r["status"] == "violated"]
    assert violated
    for result in violated:
        words = shlex.split(result["replay"])
        assert words[:2] == ["schedproof", "explain"]
        replay = schedproof(*words[1:])
        assert (replay.returncode, replay.stderr) == (1, "")
        assert replay.stdout.startswith(f"VIOLATED  {result['invariant']} in this ")
    assert {"run", "configuration"} == {shown_as(result) for result in violated}


def shown_as(result: dict[str, Any]) -> str:
    return "run" if "arrivals" in result["witness"] else "configuration"


def test_every_invariant_is_decided_or_does_not_apply() -> None:
    (subject,) = report_on_bad()["subjects"]
    decided = [result["invariant"] for result in subject["results"]]
    skipped = [each["invariant"] for each in subject["not_applicable"]]
    assert sorted(decided + skipped) == sorted(["startup", *INVARIANTS])
    assert all(result["consequence"] for result in subject["results"] if result["invariant"] != "startup")


def test_what_only_costs_counts_when_it_is_asked_for() -> None:
    done = schedproof("check", COSTLY)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"VIOLATED  {COSTLY}\n")
    assert "chunk_capacity_covers_step: cost" in done.stdout
    assert "not counted for the exit code, as --fail-on is wrong-output" in " ".join(done.stdout.split())
    assert schedproof("check", COSTLY, "--fail-on", "cost").returncode == 1


def test_a_finding_is_written_to_a_baseline_accepted_from_it_and_only_its_rule_is_decided(tmp_path: Path) -> None:
    baseline = tmp_path / "baseline.json"
    words = ["check", QUICK, "--select", "dispatch_capacity_covers_step", "--format", "json"]
    assert schedproof(*words, "--write-baseline", str(baseline)).returncode == 1
    done = schedproof(*words, "--baseline", str(baseline))
    (subject,) = json.loads(done.stdout)["subjects"]
    assert (done.returncode, done.stderr) == (0, "")
    assert [result["invariant"] for result in subject["results"]] == ["startup", "dispatch_capacity_covers_step"]
    assert subject["results"][1]["accepted"]["reason"] == "was there when the baseline was written"
    assert {skipped["reason"] for skipped in subject["not_checked"]} == {"not asked for with --select"}


def test_audit_and_replay_accept_what_the_deployment_file_accepts(tmp_path: Path) -> None:
    config = tmp_path / "a.yaml"
    accepted = "accept: [{invariant: no_overshoot, reason: known}]\n"
    config.write_text(accepted + Path(ROOT, "examples/traces/mixed-mtp.yaml").read_text())
    words = ["audit", "examples/traces/steps-original.jsonl", "--config", str(config), "--format", "json"]
    (subject,) = json.loads(schedproof(*words, "--select", "no_overshoot").stdout)["subjects"]
    (result,) = subject["results"]
    assert (result["status"], result["counts"], result["accepted"]["line"]) == ("violated", False, 1)
    words = ["replay", "examples/workloads/azure-code-2023-excerpt.csv", "--config", str(config), "--limit", "60"]
    words += ["--num-kv-blocks", "1024", "--policy", "original", "--skip-refused"]
    text = " ".join(schedproof(*words, "--select", "crash").stdout.split())
    assert "budget_tight" not in text
    assert f"no_overshoot (violated) is accepted: known ({config}:1)" in text


def test_a_state_can_come_from_a_file_and_holds_under_the_reference(tmp_path: Path) -> None:
    report = report_on_bad()
    (result,) = [r for r in report["subjects"][0]["results"] if r["invariant"] == "no_overshoot"]
    state = tmp_path / "state.json"
    state.write_text(json.dumps(result["witness"]))
    done = schedproof("explain", "no_overshoot", "--policy", "reference", "--state", f"@{state}")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("HELD  no_overshoot in this run, policy reference")


def test_the_offered_changes_repair_the_deployment() -> None:
    words = ["--splitwise-role", "decode", "--max-model-len", "32768", *REFUSED]
    words += ["--speculative-config", '{"method": "mtp", "num_speculative_tokens": 3}']
    done = schedproof("check", "--engine", "fastdeploy", "--format", "json", "--", *words)
    assert done.returncode == 1
    repairs = json.loads(done.stdout)["subjects"][0]["results"][0]["repair"]
    assert {change["flag"] for change in repairs} >= {"--max-num-seqs", "--max-num-batched-tokens"}
    for number in {change["alternative"] for change in repairs}:
        repaired = list(words)
        for change in repairs:
            if change["alternative"] == number:
                repaired[repaired.index(change["flag"]) + 1] = str(change["to"])
        again = schedproof("check", "--engine", "fastdeploy", "--", *repaired)
        assert again.returncode == 0, again.stdout


def test_a_start_up_refusal_is_a_violation_in_the_person_s_flags() -> None:
    words = ["--max-num-seqs", "600", "--max-model-len", "8"]
    done = schedproof("check", "--engine", "fastdeploy", "--", *words)
    assert done.returncode == 1
    text = " ".join(done.stdout.split())
    assert "VIOLATED startup" in text
    assert "--max-num-seqs is 600" in text
    assert "--max-model-len is 8" in text


def test_junit_and_sarif_parse_and_github_points_at_lines() -> None:
    root = ElementTree.fromstring(schedproof("check", QUICK, "--format", "junit").stdout)
    assert int(root.get("failures", "0")) >= 1
    (run,) = json.loads(schedproof("check", QUICK, "--format", "sarif").stdout)["runs"]
    failed = [result for result in run["results"] if result["kind"] == "fail"]
    assert all(
        result["locations"][0]["physicalLocation"]["region"]["startLine"] > 1
        and result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == MODEL
        for result in failed
    )
    lines = schedproof("check", QUICK, "--format", "github").stdout.splitlines()
    assert len(lines) == len(failed) + 1
    assert all(line.startswith(f"::error file={MODEL},line=") for line in lines[:-1])


def test_several_files_are_one_report_with_the_worst_verdict() -> None:
    done = schedproof("check", GOOD, QUICK, "--format", "json")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert [subject["source"] for subject in report["subjects"]] == [GOOD, QUICK]
    assert report["verdict"] == "violated"


def test_output_goes_to_a_file_and_the_exit_code_stays(tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    done = schedproof("check", QUICK, "--format", "json", "--output", str(target))
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")
    assert json.loads(target.read_text())["schema"] == "schedproof/report/2"
    assert list(tmp_path.iterdir()) == [target]


def test_output_is_the_same_bytes_for_every_hash_seed() -> None:
    outputs = {schedproof("check", QUICK, "--format", "json", PYTHONHASHSEED=seed).stdout for seed in ("0", "1")}
    assert len(outputs) == 1


def test_there_is_no_colour_outside_a_terminal_and_no_encoding_that_breaks() -> None:
    done = schedproof("check", QUICK, PYTHONIOENCODING="ascii")
    assert done.returncode == 1
    assert "\x1b" not in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("policy", ["reference", "7623"])
def test_the_policy_option_counts_before_the_file(policy: str, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("engine: fastdeploy\npolicy: original\nargs: {splitwise_role: decode, max_model_len: 8192}\n")
    report = json.loads(schedproof("check", str(path), "--policy", policy, "--format", "json").stdout)
    assert report["subjects"][0]["policy"] == policy
    assert report["subjects"][0]["notes"] == []


def test_the_release_option_counts_before_the_file_and_the_report_names_it(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("engine: fastdeploy\nrelease: 2.6\nargs: {max_num_seqs: 300, max_model_len: 8192}\n")
    done = schedproof("check", str(path), "--release", "v2.5.0", "--format", "json")
    (subject,) = json.loads(done.stdout)["subjects"]
    assert (done.returncode, subject["policy"]) == (1, "release-2.5.0")
    assert subject["notes"][0].startswith("release 2.5.0 is version release-2.5.0: ")
    assert subject["results"][0]["message"].endswith("max_num_seqs is 300; set it between 1 and 256")


def test_a_refusal_that_no_number_repairs_does_not_say_that_nothing_does(tmp_path: Path) -> None:
    path = tmp_path / "run.sh"
    path.write_text("fastdeploy serve --splitwise-role decode --max-model-len 8192\n")
    text = " ".join(schedproof("check", str(path), "--release", "2.4").stdout.split())
    assert "without a router; set --router to the address of the router" in text
    assert "The rest is checked once the engine starts." in text
    assert "No single flag" not in text


def test_a_state_of_a_release_can_be_run_again() -> None:
    done = schedproof("check", BAD, "--release", "2.5", "--format", "json")
    violated = [r for r in json.loads(done.stdout)["subjects"][0]["results"] if r["status"] == "violated"]
    words = shlex.split(violated[0]["replay"])
    assert words[words.index("--policy") + 1] == "release-2.5"
    assert schedproof(*words[1:]).returncode == 1


def test_explain_names_every_policy_and_what_shows_it() -> None:
    done = schedproof("explain", "charge_follows_method")
    assert (done.returncode, done.stderr) == (0, "")
    for policy in POLICIES:
        assert f"    {policy} " in done.stdout
    assert "The predicate, as it is proved:" in done.stdout
    (replay,) = [line for line in done.stdout.splitlines() if line.strip().startswith("replay ")]
    words = shlex.split(replay.strip().removeprefix("replay"))
    assert schedproof(*words[1:]).returncode == 1


def test_the_whole_matrix_is_answered_at_once_and_says_where_from() -> None:
    done = schedproof("policies")
    assert (done.returncode, done.stderr) == (0, "")
    assert all(f"\n{name} " in done.stdout for name in INVARIANTS)
    assert f"As the proof run of schedproof {__version__} decided; --verify decides again." in done.stdout
    assert schedproof("policies", "--check", "README.md").returncode == 0


def test_explain_decides_again_when_it_is_asked_to() -> None:
    words = ["explain", "message_fits", "--policy", "7756", "--format", "json"]
    documents = [json.loads(schedproof(*words, *more).stdout) for more in ([], ["--verify"])]
    assert [policy.pop("is_stored") for document in documents for policy in document["policies"]] == [True, False]
    assert documents[0] == documents[1]


def test_explain_shows_rules_of_the_work_on_tensors() -> None:
    done = schedproof("explain", "dispatch_in_bounds")
    assert (done.returncode, done.stderr) == (0, "")
    assert "VIOLATED  unbounded slots (DeepEP of 2026-07)" in done.stdout
    assert "The smallest state in which 'unbounded slots' breaks it:" in done.stdout


def test_explain_as_json_for_one_policy() -> None:
    done = schedproof("explain", "message_fits", "--policy", "reference", "--format", "json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["schema"]) == (0, "schedproof/explanation/2")
    assert [(verdict["policy"], verdict["status"]) for verdict in document["policies"]] == [("reference", "held")]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["check"], "command line: Missing argument"),
        (
            ["check", "--", "--max-num-seqs", "8"],
            "command line: --max-num-seqs: is a flag, not a file; name the engine",
        ),
        (["check", "--max-num-seqs", "8"], "command line: No such option"),
        (["check", GOOD, "--fail-on", "waste"], "command line: Invalid value for '--fail-on'"),
        (["check", GOOD, "--format", "xml"], "command line: Invalid value for '--format'"),
        (["check", GOOD, "--policy", "775"], "command line: --policy: unknown policy '775'; did you mean 7756?"),
        (
            ["check", GOOD, "--release", "2.7"],
            "command line: --release: unknown release '2.7'; give one of: 2.3, 2.4, 2.5.0, 2.5, 2.6",
        ),
        (
            ["check", GOOD, "--release", "2.4", "--policy", "7756"],
            "command line: --policy and --release both name the engine's version; keep one of the two; "
            "see schedproof check --help",
        ),
        (["check", "--engine", "vllm", "--", "--x"], "command line: --engine: unknown engine 'vllm'; give one of"),
        (["check", GOOD, "--output", "absent/report"], "absent/report: --output: cannot be written"),
        (["explain", "no_overshot"], "command line: no_overshot: unknown invariant; did you mean no_overshoot?"),
        (["explain", "startup", "--policy", "7756"], "command line: --policy: startup is a rule of the deployment"),
        (
            ["explain", "--policy", "7756"],
            "command line: --policy: needs the invariant that it speaks of",
        ),
        (["explain", "one_sender", "--policy", "7756"], "command line: --policy: one_sender is a rule of"),
        (["explain", "no_overshoot", "--state", "{"], "command line:1: --state: not valid JSON"),
        (["explain", "no_overshoot", "--state", "[]"], "command line: --state: "),
        (["explain", "no_overshoot", "--state", "{}"], "command line: --state: "),
        (["explain", "no_overshoot", "--state", "@absent"], "absent: no such file"),
        (["check", GOOD, "--select", "crsh"], "command line: --select: unknown invariant, family or consequence"),
        (["check", GOOD, "--baseline", "absent.json"], "absent.json: no such file; check the path"),
        (["policies", "--check", "LICENSE"], "LICENSE: needs <!-- policies:begin -->"),
        (["polices"], "command line: No such command 'polices'"),
    ],
)
def test_usage_errors_are_one_line_and_exit_code_2(words: list[str], message: str) -> None:
    done = schedproof(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"schedproof: {message}")
    assert done.stderr.count("\n") == 1


def test_a_folder_with_a_held_a_refused_and_a_bad_file_is_one_report(tmp_path: Path) -> None:
    folder, target = tmp_path / "deploy", tmp_path / "report"
    folder.mkdir()
    server = "fastdeploy serve --splitwise-role decode --router r:1 --max-model-len 8192 --max-num-seqs"
    (folder / "a-held.sh").write_text(f"{server} 10\n")
    (folder / "b-refused.yaml").write_text(
        f"kind: Pod\nspec: {{containers: [{{command: [{server.replace(' ', ', ')}, '900']}}]}}\n"
    )
    (folder / "c-bad.yaml").write_text(f"services:\n  llm:\n    command: {server} $SEQS\n")
    (folder / "d-other.sh").write_text("vllm serve x\n")
    (folder / "notes.md").write_text("not read\n")
    bad = f"{folder}/c-bad.yaml:3: --max-num-seqs: the value of $SEQS is not known here"
    done = schedproof("check", str(folder), "--format", "json", "--output", str(target))
    report = json.loads(target.read_text())
    assert (done.returncode, done.stdout, report["verdict"]) == (2, "", "error")
    assert done.stderr.startswith(f"schedproof: {bad}; give --set SEQS=VALUE")
    assert [Path(subject["source"]).name for subject in report["subjects"]] == [
        "a-held.sh",
        "b-refused.yaml",
        "d-other.sh",
    ]
    statuses = [{result["status"] for result in subject["results"]} for subject in report["subjects"]]
    assert statuses == [{"held"}, {"violated"}, {"vacuous"}]
    (error,) = report["errors"]
    assert (error["file"], error["line"], error["key"]) == (f"{folder}/c-bad.yaml", 3, "--max-num-seqs")
    assert report["skipped"] == [f"{folder}/notes.md"]


@pytest.mark.parametrize("form", ["text", "json", "junit", "sarif", "github"])
def test_a_file_that_cannot_be_read_is_in_the_report_of_every_format(form: str) -> None:
    done = schedproof("check", "absent.yaml", "--format", form)
    message = "absent.yaml: no such file; check the path"
    assert (done.returncode, done.stderr) == (2, f"schedproof: {message}\n")
    assert "no such file; check the path" in done.stdout
    if form == "junit":
        assert ElementTree.fromstring(done.stdout).get("errors") == "1"
    if form == "sarif":
        (result,) = json.loads(done.stdout)["runs"][0]["results"]
        assert (result["ruleId"], result["level"]) == ("input", "error")
    if form == "github":
        assert done.stdout.startswith(
            "::error file=absent.yaml,title=cannot be read::no such file; check the path\n"
        )


def test_a_value_of_the_command_line_reaches_the_file_and_a_misspelt_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.sh"
    path.write_text("fastdeploy serve --max-num-seqs $SEQS\n")
    done = schedproof("check", str(path), "--set", "SEQS=900", "--set", "SEKS=1")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("schedproof: command line: --set SEKS: no file leaves this variable open")
    done = schedproof("check", str(path), "--set", "SEQS=900", "--format", "json")
    assert json.loads(done.stdout)["subjects"][0]["config"]["max_num_seqs"] == 900


def test_without_a_command_there_is_help_and_exit_code_2() -> None:
    done = schedproof()
    assert done.returncode == 2
    assert "check" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_and_version() -> None:
    text = " ".join(schedproof("--help").stdout.split())
    assert "Exit codes: 0 everything that counts held" in text
    assert "--fail-on cost" in text
    for command in ("check", "audit", "replay"):
        assert "--fail-on [crash|stall|wrong-output|cost]" in schedproof(command, "--help").stdout
    assert schedproof("--version").stdout == f"schedproof, version {__version__}\n"


def test_python_m_is_the_same_command() -> None:
    words = [sys.executable, "-m", "schedproof", "polices"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == schedproof("polices").stderr


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import schedproof, schedproof.__main__", ("schedproof_gate", "schedproof_spec", "numpy", "z3", "click")),
        ("from schedproof_gate.command_line import cli; cli(['--version'])", ("schedproof_spec", "numpy", "z3")),
    ],
)
def test_what_is_asked_often_imports_little(code: str, absent: tuple[str, ...]) -> None:
    check = f"import atexit, sys; atexit.register(lambda: print(*sorted(sys.modules), sep='\\n')); {code}"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, timeout=60, check=True)
    modules = done.stdout.splitlines()
    assert "schedproof.version" in modules
    assert not set(absent) & set(modules)


def test_explain_without_a_name_lists_everything_and_explains_what_is_no_invariant() -> None:
    done = schedproof("explain")
    assert (done.returncode, done.stderr) == (0, "")
    assert all(f"  {name}" in done.stdout for name in (*INVARIANTS, *WORK_RULES, "startup", "slots_within_limit"))
    assert schedproof("explain", "slots_within_limit").stdout.startswith("slots_within_limit  (slots; ")
