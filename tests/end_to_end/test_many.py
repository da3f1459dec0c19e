"""Many files in one call: the same report whatever the processes, and nothing is lost that was done."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMAND = Path(sys.executable).with_name("schedproof")
TRACES = ["examples/traces/steps-original.jsonl", "examples/traces/steps-7756.jsonl", "absent.jsonl"]
AUDIT = ["--config", "examples/traces/mixed-mtp.yaml"]
WORKLOADS = ["examples/workloads/azure-code-2023-excerpt.csv", "examples/workloads/mooncake-style-synthetic.jsonl"]
REPLAY = ["--config", "examples/mixed-mtp.yaml", "--num-kv-blocks", "1024", "--policy", "original", "--limit", "20"]
QUICK = ["--select", "message_fits,decode_fits_budget"]
"""What takes no time to decide."""


def schedproof(*words: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run([COMMAND, *words], cwd=folder, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture
def deployments(tmp_path: Path) -> Path:
    """A folder with three deployments that start, one that does not, and one that cannot be read."""
    folder = tmp_path / "deploy"
    folder.mkdir()
    for name, seqs in (("a", 8), ("b", 8), ("c", 9), ("d", 100_000), ("e", "many")):
        text = f"engine: fastdeploy\nargs: {{max_num_seqs: {seqs}, max_num_batched_tokens: 512}}\n"
        (folder / f"{name}.yaml").write_text(text)
    return folder


@pytest.mark.parametrize("form", ["text", "json", "junit", "sarif", "github"])
def test_the_report_is_the_same_whatever_the_processes(deployments: Path, form: str) -> None:
    runs = [schedproof("check", str(deployments), *QUICK, "--format", form, "--jobs", jobs) for jobs in "12"]
    assert (runs[0].stdout, runs[0].stderr) == (runs[1].stdout, runs[1].stderr)
    assert [run.returncode for run in runs] == [2, 2]
    names = ["d.yaml", "e.yaml"]
    if form == "json":
        names.reverse()  # A report's errors stand in front of its deployments.
    assert sorted(names, key=runs[0].stdout.index) == names


def test_so_are_the_baseline_and_what_it_accepts(deployments: Path) -> None:
    (deployments / "e.yaml").unlink()
    written = []
    for jobs in "12":
        path = deployments.parent / f"baseline-{jobs}.json"
        words = ("check", str(deployments), *QUICK, "--jobs", jobs)
        assert schedproof(*words, "--write-baseline", str(path)).returncode == 1
        done = schedproof(*words, "--baseline", str(path))
        assert done.returncode == 0
        written.append((path.read_text(), done.stdout.replace(path.name, "")))
    assert written[0] == written[1]


def test_an_interrupt_keeps_what_is_done_and_names_the_rest(deployments: Path) -> None:
    slow = "engine: fastdeploy\npolicy: 7438\nargs:\n  max_num_seqs: 128\n  max_num_batched_tokens: 1024\n"
    slow += "  speculative_config: {method: mtp, num_speculative_tokens: 5}\n"
    (deployments / "f.yaml").write_text(slow)
    output, folder = deployments.parent / "report.json", str(deployments)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(
            [COMMAND, "check", folder, "--format", "json", "--output", str(output), "--jobs", "2"],
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
    finally:
        signal.signal(signal.SIGINT, before)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while not children.read_text():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert "schedproof: interrupted: " in errors
    report = json.loads(output.read_text())
    named = {each["source"] for each in (*report["subjects"], *report["errors"])}
    assert named == {str(path) for path in deployments.glob("*.yaml")}
    assert any("interrupted" in error["message"] for error in report["errors"])


def test_a_broken_project_file_ends_the_check_before_the_proofs(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("engine: fastdeploy\nargs: {max_num_seqs: 8}\n")
    (tmp_path / "schedproof.toml").write_text("[[accept]]\ninvariant = 'progress'\n")
    code = "from schedproof_gate.check import command\ncommand.check_all = None\ncommand.check.main(['a.yaml'])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert "schedproof.toml:1: accept: an entry has no `reason`" in done.stderr
    assert schedproof("check", "a.yaml", folder=tmp_path).returncode == 2


def test_one_run_writes_the_report_in_several_formats(deployments: Path) -> None:
    sarif, text = deployments / "all.sarif", deployments / "all.txt"
    words = ("check", str(deployments / "d.yaml"))
    done = schedproof(*words, "--format", "github", "--also", f"sarif={sarif}", "--also", f"text={text}")
    assert done.stdout.startswith("::error file=")
    assert sarif.read_text() == schedproof(*words, "--format", "sarif").stdout
    assert text.read_text() == schedproof(*words).stdout
    wrong = schedproof(*words, "--also", "sarif")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "'sarif' is not FORMAT=FILE with one of text, json, junit, sarif, github" in wrong.stderr


def test_many_traces_are_audited_in_their_order() -> None:
    runs = [schedproof("audit", *TRACES, *AUDIT, "--format", "json", "--jobs", jobs) for jobs in "12"]
    assert (runs[0].stdout, runs[0].stderr) == (runs[1].stdout, runs[1].stderr)
    report = json.loads(runs[0].stdout)
    assert [subject["source"] for subject in report["subjects"]] == TRACES[:2]
    assert [error["source"] for error in report["errors"]] == TRACES[2:]
    assert (runs[0].returncode, runs[0].stderr.count("\n")) == (2, 1)
    text = schedproof("audit", *TRACES[:2], *AUDIT).stdout
    assert text.endswith("2 traces, 1 of them with every check held\n")
    refused = schedproof("audit", *TRACES, *AUDIT, "--excerpt", "first.jsonl")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "--excerpt: is of one trace, not of 3; give one TRACE" in refused.stderr


def test_many_workloads_are_replayed_in_their_order() -> None:
    runs = [
        schedproof("replay", *WORKLOADS, "no.csv", *REPLAY, "--format", "json", "--jobs", jobs) for jobs in "12"
    ]
    assert (runs[0].stdout, runs[0].stderr) == (runs[1].stdout, runs[1].stderr)
    report = json.loads(runs[0].stdout)
    assert [each["source"] for each in report["subjects"]] == [f"{REPLAY[1]} with {name}" for name in WORKLOADS]
    assert [each["source"] for each in report["errors"]] == ["no.csv"]
    assert runs[0].returncode == 2
    text = schedproof("replay", *WORKLOADS, *REPLAY).stdout
    assert text.endswith("2 replays, 0 of them with every check held\n")
    refused = schedproof("replay", *WORKLOADS, *REPLAY, "--png", "a.png")
    assert "a.png" not in os.listdir(ROOT)
    assert "--png: is of one trace, not of 2; give one WORKLOAD" in refused.stderr


LOADED = "import sys; print(*(name for name in {names} if name in sys.modules))"


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import schedproof", ["schedproof.public", "dataclasses", "z3", "numpy"]),
        ("import schedproof_gate.command_line", ["schedproof.public", "schedproof_spec", "z3", "numpy", "rich"]),
        ("import schedproof_gate.check.command", ["numpy", "rich", "xml.etree.ElementTree"]),
        ("import schedproof_spec", ["z3", "numpy"]),
    ],
)
def test_what_is_not_needed_is_not_loaded(code: str, absent: list[str]) -> None:
    script = f"{code}; {LOADED.format(names=absent)}"
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {script}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.split() == []
