"""`schedproof replay`, as a person types it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from schedproof import POLICIES

ROOT = Path(__file__).parents[2]
COMMAND = Path(sys.executable).with_name("schedproof")

AZURE = "examples/workloads/azure-code-2023-excerpt.csv"
MOONCAKE = "examples/workloads/mooncake-style-synthetic.jsonl"
MIXED = ["--config", "examples/mixed-mtp.yaml", "--num-kv-blocks", "1024"]
SHORT = ["--limit", "40"]
SHORT_CONTEXT = ["--config", "tests/end_to_end/short_context.yaml"]
PNG = b"\x89PNG\r\n\x1a\n"


def schedproof(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, "replay", *words],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def subjects_of(done: subprocess.CompletedProcess[str]) -> list[dict[str, object]]:
    document = json.loads(done.stdout)
    assert document["schema"] == "schedproof/report/2"
    return document["subjects"]


def test_a_replay_that_holds_exits_with_0_and_says_that_times_are_modelled() -> None:
    done = schedproof(AZURE, *MIXED, *SHORT, "--policy", "reference")
    assert (done.returncode, done.stderr) == (0, "")
    text = " ".join(done.stdout.split())
    assert text.startswith("HELD examples/mixed-mtp.yaml, replayed with")
    assert "Times are modelled: 30000 us a step and 50 us a token." in text
    assert "\x1b" not in done.stdout


def test_an_overshoot_exits_with_1_and_every_policy_has_its_line() -> None:
    words = [AZURE, *MIXED, *SHORT, "--policy", "original", "--policy", "reference"]
    done = schedproof(*words)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("VIOLATED")
    original, reference = subjects_of(schedproof(*words, "--format", "json"))
    assert (original["policy"], reference["policy"]) == ("original", "reference")
    assert original["measurements"]["num_steps_over_limit"] > 0  # type: ignore[index]
    assert reference["measurements"]["num_steps_over_limit"] == 0  # type: ignore[index]


def test_the_first_step_of_a_violation_is_told_with_what_it_does_to_people() -> None:
    done = schedproof(AZURE, *MIXED, *SHORT, "--policy", "original", "--format", "json")
    (subject,) = subjects_of(done)
    (result,) = [r for r in subject["results"] if r["invariant"] == "no_overshoot"]  # type: ignore[attr-defined]
    assert (result["consequence"], result["counts"]) == ("crash", True)
    assert result["witness"] == subject["measurements"]["violations"]["no_overshoot"]["first_step"]  # type: ignore[index]
    assert f"the first is step {result['witness']['step']} at " in result["message"]


def test_a_violation_that_only_costs_counts_when_it_is_asked_for() -> None:
    words = [AZURE, *MIXED, *SHORT, "--policy", "7438-clamp"]
    violated = schedproof(*words, "--format", "json")
    (subject,) = subjects_of(violated)
    graver = [r for r in subject["results"] if r["status"] == "violated" and r["counts"]]  # type: ignore[attr-defined]
    assert (violated.returncode, graver) == (0, [])
    done = schedproof(*words)
    assert done.stdout.startswith("VIOLATED")
    assert "Not counted for the exit code, as --fail-on is wrong-output: budget_tight (cost)." in " ".join(
        done.stdout.split()
    )
    assert "Cost: budget_tight." in done.stdout
    assert schedproof(*words, "--fail-on", "cost").returncode == 1


def test_all_policies_in_any_number_of_processes_come_to_the_same_bytes() -> None:
    words = [MOONCAKE, *MIXED, *SHORT, "--policy", "all", "--format", "json"]
    outputs = {
        schedproof(*words, "--jobs", jobs, PYTHONHASHSEED=seed).stdout for jobs, seed in (("1", "0"), ("2", "1"))
    }
    assert len(outputs) == 1
    assert len(json.loads(outputs.pop())["subjects"]) == len(POLICIES)


class Page(HTMLParser):
    """Notes what a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href") and not (value or "").startswith("#"):
                self.fetched.append(f"{tag} {value}")


def test_page_picture_and_recording_are_written_and_the_same_twice(tmp_path: Path) -> None:
    names = {"--html": "page.html", "--png": "picture.png", "--record": "steps.jsonl", "--output": "report.txt"}
    written = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        folder.mkdir()
        words = [word for option, name in names.items() for word in (option, str(folder / name))]
        done = schedproof(AZURE, *MIXED, *SHORT, "--policy", "original", *words)
        assert (done.returncode, done.stdout, done.stderr) == (1, "", "")
        assert {path.name for path in folder.iterdir()} == set(names.values())
        written.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert written[0] == written[1]
    assert written[0]["picture.png"].startswith(PNG)
    page = Page()
    page.feed(written[0]["page.html"].decode())
    assert {"svg", "table", "h1"} <= set(page.tags)
    assert page.fetched == []
    header, *steps = [json.loads(line) for line in written[0]["steps.jsonl"].splitlines()]
    assert (header["schema"], header["num_kv_blocks"]) == ("schedproof/step/1", 1024)
    assert max(step["num_decode_tokens"] + step["num_prefill_tokens"] for step in steps) > 1024


def test_a_recording_is_audited_to_the_same_verdict(tmp_path: Path) -> None:
    steps = tmp_path / "steps.jsonl"
    replayed = schedproof(AZURE, *MIXED, *SHORT, "--policy", "original", "--record", str(steps), "--format", "json")
    words = [
        COMMAND,
        "audit",
        steps,
        "--config",
        "examples/mixed-mtp.yaml",
        "--policy",
        "original",
        "--format",
        "json",
    ]
    audited = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (replayed.returncode, audited.returncode) == (1, 1)
    violated = [
        {r["invariant"] for r in subjects_of(done)[0]["results"] if r["status"] == "violated"}  # type: ignore[attr-defined]
        for done in (replayed, audited)
    ]
    assert "no_overshoot" in violated[0]
    assert violated[0] == violated[1]


@pytest.mark.parametrize("config", ["examples/pd-prefill.yaml", "examples/pd-decode-mtp.sh"])
def test_each_node_of_a_pair_is_replayed_alone_and_says_so(config: str) -> None:
    done = schedproof(MOONCAKE, "--config", config, "--num-kv-blocks", "700", *SHORT)
    assert (done.returncode, done.stderr) == (0, "")
    assert "node is not replayed" in " ".join(done.stdout.split())


def test_a_standstill_is_a_violation_and_ends() -> None:
    done = schedproof(AZURE, "--config", "tests/end_to_end/whole_prompts.yaml", *SHORT, "--format", "json")
    assert (done.returncode, done.stderr) == (1, "")
    (subject,) = subjects_of(done)
    assert list(subject["measurements"]["violations"]) == ["progress"]  # type: ignore[index]
    assert subject["measurements"]["num_unfinished"] > 0  # type: ignore[index]


def test_a_version_that_refuses_to_start_is_a_result() -> None:
    words = ["--config", "examples/pd-decode-mtp-refused.txt", "--num-kv-blocks", "700", *SHORT]
    done = schedproof(MOONCAKE, *words, "--policy", "reference", "--policy", "original", "--format", "json")
    refused, replayed = subjects_of(done)
    assert done.returncode == 1
    assert [(r["invariant"], r["status"]) for r in refused["results"]] == [("startup", "violated")]  # type: ignore[attr-defined]
    assert replayed["measurements"]["num_steps"] > 0  # type: ignore[index]


def test_when_no_version_starts_that_is_the_report(tmp_path: Path) -> None:
    words = ["--config", "examples/pd-decode-mtp-refused.txt", "--num-kv-blocks", "700", "--policy", "7756"]
    done = schedproof(MOONCAKE, *words, "--html", str(tmp_path / "a.html"), "--png", str(tmp_path / "a.png"))
    assert (done.returncode, done.stderr) == (1, "")
    assert "refuses to start" in (tmp_path / "a.html").read_text()


def test_only_requests_that_can_never_be_served_leave_nothing_to_check(tmp_path: Path) -> None:
    trace = tmp_path / "trace.csv"
    trace.write_text("arrival_s,num_prompt_tokens,max_new_tokens\n0,5000,2\n1,6000,2\n")
    done = schedproof(str(trace), *SHORT_CONTEXT, "--skip-refused")
    assert done.returncode == 3
    assert done.stdout.startswith("VACUOUS")


def test_the_rate_changes_how_long_people_wait() -> None:
    waits = []
    for rate in ("0.1", "10"):
        done = schedproof(AZURE, *MIXED, *SHORT, "--policy", "reference", "--rate-scale", rate, "--format", "json")
        waits.append(subjects_of(done)[0]["measurements"]["queueing_us"]["p99"])  # type: ignore[index]
    assert waits[0] < waits[1]


@contextlib.contextmanager
def interrupts_heeded() -> Iterator[None]:
    """Start processes that heed interrupts, also where this one was started in the background, to ignore them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("policies", [["7438"], ["7438", "original"]])
def test_an_interrupted_replay_leaves_nothing_behind(
    tmp_path: Path, number: signal.Signals, policies: list[str]
) -> None:
    trace = tmp_path / "long.jsonl"
    line = '{{"arrival_s": {}, "num_prompt_tokens": 2000, "max_new_tokens": 400}}\n'
    trace.write_text("".join(line.format(number) for number in range(20_000)))
    folder = tmp_path / "out"
    folder.mkdir()
    outputs = ["--output", str(folder / "report"), "--png", str(folder / "picture")]
    outputs += ["--record", str(folder / "steps")] if len(policies) == 1 else []
    words = [*MIXED, *(word for policy in policies for word in ("--policy", policy)), *outputs]
    with interrupts_heeded():
        process = subprocess.Popen(
            [COMMAND, "replay", trace, *words], cwd=ROOT, stderr=subprocess.PIPE, start_new_session=True
        )
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while not (any(folder.iterdir()) if len(policies) == 1 else children.read_text()):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in errors
    assert list(folder.iterdir()) == []


def test_a_trace_that_breaks_off_leaves_no_recording(tmp_path: Path) -> None:
    trace = tmp_path / "trace.csv"
    trace.write_text("arrival_s,num_prompt_tokens,max_new_tokens\n0,10,2\n1,10\n")
    done = schedproof(str(trace), *MIXED, "--record", str(tmp_path / "steps"))
    assert (done.returncode, done.stdout) == (2, "")
    assert list(tmp_path.iterdir()) == [trace]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([AZURE], "command line: Missing option '--config'"),
        ([AZURE, "--config", "examples/mixed-mtp.yaml"], "examples/mixed-mtp.yaml: num_gpu_blocks_override: "),
        (["absent.csv", *MIXED], "absent.csv: no such file"),
        (["examples", *MIXED], "examples: is a directory"),
        (["LICENSE", *MIXED], "LICENSE:2: is not a known form of request trace"),
        ([AZURE, *SHORT_CONTEXT], f"{AZURE}:4: request '4': "),
        ([AZURE, *MIXED, "--workload-format", "jsonl"], f"{AZURE}:1: not valid JSON"),
        ([AZURE, *MIXED, "--policy", "775"], "command line: --policy: unknown policy '775'; did you mean 7756?"),
        (
            [AZURE, *MIXED, "--rate-scale", "nan"],
            "command line: Invalid value for '--rate-scale': nan is not a number",
        ),
        ([AZURE, *MIXED, "--acceptance-rate", "1.1"], "command line: Invalid value for '--acceptance-rate'"),
        ([AZURE, *MIXED, "--output", "absent/report"], "absent/report: --output: its folder does not exist"),
        ([AZURE, *MIXED, "--png", "examples"], "examples: --png: is a directory"),
        (
            [AZURE, *MIXED, "--policy", "all", "--record", "steps"],
            f"command line: --record: records the steps of one policy, not of {len(POLICIES)}",
        ),
    ],
)
def test_usage_errors_are_one_line_and_exit_code_2(words: list[str], message: str) -> None:
    done = schedproof(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"schedproof: {message}")
    assert done.stderr.count("\n") == 1


def test_a_request_that_never_fits_names_the_flag_to_change() -> None:
    done = schedproof(AZURE, *SHORT_CONTEXT)
    assert "raise max_model_len, or leave such requests out with --skip-refused" in done.stderr


def test_without_matplotlib_the_extra_is_named(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util, sys\n"
        "found = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *rest: None if name == 'matplotlib' else found(name, *rest)\n"
    )
    done = schedproof(AZURE, *MIXED, "--png", str(tmp_path / "a.png"), PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "schedproof: command line: --png: needs matplotlib, which is not installed; install it with: "
        "pip install 'schedproof[plot]'\n"
    )


def test_the_report_parses_in_every_form() -> None:
    words = [AZURE, *MIXED, *SHORT, "--policy", "original", "--policy", "7438"]
    root = ElementTree.fromstring(schedproof(*words, "--format", "junit").stdout)
    names = [suite.get("name") for suite in root]
    assert names == [f"examples/mixed-mtp.yaml, policy {policy}" for policy in ("original", "7438")]
    (run,) = json.loads(schedproof(*words, "--format", "sarif").stdout)["runs"]
    assert any(result["kind"] == "fail" for result in run["results"])
    lines = schedproof(*words, "--format", "github").stdout.splitlines()
    assert lines[0].startswith("::error file=examples/mixed-mtp.yaml,line=")


def test_a_terminal_gets_a_progress_bar_and_the_report_stays_clean() -> None:
    pty = pytest.importorskip("pty")
    terminal, side = pty.openpty()
    at_once = "from schedproof_gate import command_line; from schedproof_gate.replay import parallel; "
    at_once += "parallel.PATIENCE_S = 0; command_line.main()"
    process = subprocess.Popen(
        [sys.executable, "-c", at_once, "replay", AZURE, *MIXED, "--policy", "reference"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=side,
        env=os.environ | {"TERM": "xterm"},
    )
    os.close(side)
    shown = b""
    try:
        while part := os.read(terminal, 4096):
            shown += part
    except OSError:
        pass  # The other side is closed.
    finally:
        os.close(terminal)
    report, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert b"/300 requests" in shown
    assert report.startswith(b"HELD")
    assert b"\x1b" not in report
