"""``schedproof audit``, installed, as a person types it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[2]
COMMAND = Path(sys.executable).with_name("schedproof")
TRACES = "examples/traces"
CONFIG = ["--config", f"{TRACES}/mixed-mtp.yaml"]
GOOD = [f"{TRACES}/steps-7756.jsonl", *CONFIG, "--policy", "7756"]
BAD = [f"{TRACES}/steps-original.jsonl", *CONFIG, "--policy", "original"]
LIMITS = ["--config", f"{TRACES}/limits.yaml"]


def audit(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, "audit", *words],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_good_trace_exits_with_0() -> None:
    done = audit(*GOOD)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"HELD  {GOOD[0]}\n")


def test_a_bad_trace_exits_with_1_and_its_excerpt_shows_it_again(tmp_path: Path) -> None:
    excerpt = tmp_path / "excerpt.jsonl"
    done = audit(*BAD, "--excerpt", str(excerpt), "--format", "json")
    assert (done.returncode, done.stderr) == (1, "")
    results = json.loads(done.stdout)["subjects"][0]["results"]
    (first,) = [result for result in results if result["invariant"] == "no_overshoot"]
    assert (first["status"], first["file"], first["line"]) == ("violated", BAD[0], 3)
    assert len(excerpt.read_text().splitlines()) == 2
    words = shlex.split(first["replay"])
    assert words[:2] == ["schedproof", "audit"]
    again = audit(*words[2:])
    assert again.returncode == 1
    assert "VIOLATED  no_overshoot" in again.stdout


def test_without_a_violation_there_is_no_excerpt(tmp_path: Path) -> None:
    excerpt = tmp_path / "excerpt.jsonl"
    done = audit(*GOOD, "--excerpt", str(excerpt))
    assert done.returncode == 0
    assert "nothing is violated" in done.stdout
    assert not excerpt.exists()


@pytest.mark.parametrize(
    ("trace", "code"), [("vllm.log", 0), ("sglang.log", 0), ("tensorrt-llm.log", 1)], ids=lambda value: str(value)
)
def test_a_log_of_each_engine_is_recognised(trace: str, code: int) -> None:
    assert audit(f"{TRACES}/{trace}", *LIMITS).returncode == code
    assert audit(f"{TRACES}/{trace}", *LIMITS, "--trace-format", trace.removesuffix(".log")).returncode == code


def test_what_a_log_leaves_open_exits_with_3(tmp_path: Path) -> None:
    log = tmp_path / "engine.log"
    prefill = "#new-seq: 1, #new-token: 8192, #cached-token: 0, #running-req: 1, #queue-req: 0,"
    decode = "#running-req: 2, #token: 900, #queue-req: 0,"
    log.write_text(f"Prefill batch, {prefill}\nDecode batch, {decode}\n")
    done = audit(str(log), *LIMITS)
    assert (done.returncode, done.stdout.split()[0]) == (3, "UNDECIDED")
    assert audit(str(log), *LIMITS, "--allow-undecided").returncode == 3


def test_a_log_without_steps_exits_with_3() -> None:
    done = audit(f"{TRACES}/vllm.log", *LIMITS, "--trace-format", "sglang")
    assert (done.returncode, done.stdout.split()[0]) == (3, "VACUOUS")
    assert "start SGLang with" in " ".join(done.stdout.split())


def test_junit_sarif_and_github_point_at_the_record() -> None:
    root = ElementTree.fromstring(audit(*BAD, "--format", "junit").stdout)
    (case,) = [case for case in root.iter("testcase") if case.get("name") == "no_overshoot"]
    assert (case.get("file"), case.get("line")) == (BAD[0], "3")
    (run,) = json.loads(audit(*BAD, "--format", "sarif").stdout)["runs"]
    failed = [result for result in run["results"] if result["kind"] == "fail"]
    assert {result["locations"][0]["physicalLocation"]["region"]["startLine"] for result in failed} == {3}
    assert audit(*BAD, "--format", "github").stdout.startswith(f"::error file={BAD[0]},line=3,title=no_overshoot")


def test_output_goes_to_a_file_and_is_the_same_bytes_for_every_hash_seed(tmp_path: Path) -> None:
    texts = set()
    for seed in ("0", "1"):
        target = tmp_path / f"report-{seed}"
        done = audit(*BAD, "--format", "json", "--output", str(target), PYTHONHASHSEED=seed)
        assert (done.returncode, done.stdout, done.stderr) == (1, "", "")
        texts.add(target.read_text())
    assert len(texts) == 1


def test_a_replay_that_is_recorded_audits_as_it_was_replayed(tmp_path: Path) -> None:
    workload = tmp_path / "workload.jsonl"
    request = {"arrival_s": 0, "num_prompt_tokens": 700, "max_new_tokens": 9}
    workload.write_text("".join(json.dumps(request) + "\n" for _ in range(6)))
    for policy, code in (("reference", 0), ("original", 1)):
        steps = tmp_path / f"{policy}.jsonl"
        words = ["replay", str(workload), *CONFIG, "--policy", policy, "--record", str(steps)]
        done = subprocess.run([COMMAND, *words], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == code, done.stderr
        assert audit(str(steps), *CONFIG, "--policy", policy).returncode == code


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "command line: Missing argument"),
        ([GOOD[0]], "command line: Missing option '--config'"),
        (["absent", *CONFIG], "absent: no such file"),
        (["examples", *CONFIG], "examples: is a directory"),
        ([GOOD[0], "--config", "absent.yaml"], "absent.yaml: no such file"),
        ([*GOOD[:3], "--policy", "775"], "command line: --policy: unknown policy '775'; did you mean 7756?"),
        ([*GOOD, "--trace-format", "log"], "command line: Invalid value for '--trace-format'"),
        (["LICENSE", *CONFIG], "LICENSE: no line is a recorded step in any known form"),
        ([*BAD, "--excerpt", "absent/file"], "absent/file: --excerpt: cannot be written"),
        (["examples/mixed.yaml", *CONFIG, "--trace-format", "schedproof"], "examples/mixed.yaml:1: not valid JSON"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(words: list[str], message: str) -> None:
    done = audit(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"schedproof: {message}")
    assert done.stderr.count("\n") == 1


def test_a_config_with_two_deployments_is_refused(tmp_path: Path) -> None:
    script = tmp_path / "launch.sh"
    launch = "python -m fastdeploy.entrypoints.openai.api_server --model m --max-num-seqs 8\n"
    script.write_text(launch * 2)
    done = audit(GOOD[0], "--config", str(script))
    assert done.returncode == 2
    assert "has 2 deployments; give the one that the trace is of" in done.stderr
