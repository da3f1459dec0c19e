"""`schedproof prove` on a step loop, as a person types it."""

from __future__ import annotations

import itertools
import json
import re
import shlex
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
from click.testing import CliRunner

from schedproof_gate.command_line import cli
from schedproof_gate.errors import InputError
from schedproof_gate.schema.report_schema import report_schema
from schedproof_spec import LOOP_RULES

ROOT = Path(__file__).parents[2]
HELD = "examples/loops/decode_first.py:DecodeFirst"
GUARD = "num_free_slots > 0 and not ledger"


def run(*words: str) -> tuple[Any, str]:
    """Return the exit code and what is printed."""
    done = CliRunner().invoke(cli, words, standalone_mode=False, catch_exceptions=False)
    return done.return_value, done.stdout


_numbers = itertools.count()


def changed(folder: Path, old: str, new: str) -> str:
    """Write the example with an edit; return the file's name, which no other test has: a name is imported once."""
    text = (ROOT / HELD.partition(":")[0]).read_text(encoding="utf-8")
    assert text.count(old) == 1
    name = f"loop_{next(_numbers)}.py"
    (folder / name).write_text(text.replace(old, new), encoding="utf-8")
    return name


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_loop_is_recognised_and_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    code, text = run("prove", HELD)
    assert code == 0
    assert text.startswith(
        f"HELD  {HELD}\n  step loop decode-first: {len(LOOP_RULES)} checks over every state of every "
    )
    assert all(name in text for name in LOOP_RULES)


def test_the_page_shows_what_the_command_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    page = (ROOT / "docs" / "loops.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\nschedproof (prove [^\n]*)\n```\n\n```text\n(.*?)^```\n", page, re.M | re.S)
    assert len(blocks) == 1
    for words, printed in blocks:
        assert run(*shlex.split(words))[1] == printed
    for rule in LOOP_RULES.values():
        assert f"| `{rule.name}` | {rule.sentence} | {rule.consequence.value} |\n" in page


def test_what_does_not_hold_is_shown_in_every_form(here: Path) -> None:
    file = changed(here, GUARD, "not ledger")
    words = ["prove", f"{file}:DecodeFirst", "--select", "slots_are_enough", "--format"]
    code, text = run(*words, "json")
    report = json.loads(text)
    jsonschema.validate(report, report_schema())
    (subject,) = report["subjects"]
    (result,) = subject["results"]
    line = (here / file).read_text(encoding="utf-8").splitlines().index(
        "class DecodeFirst(StepLoop[Ledger, LoopLimits]):"
    ) + 1
    assert (code, result["status"], result["file"], result["line"]) == (1, "violated", file, line)
    assert result["witness"]["arrivals"][1]["name"] == "request[1]"
    assert len(subject["not_checked"]) == len(LOOP_RULES) - 1
    replayed, lines = run(*shlex.split(result["replay"])[1:])
    assert replayed == 1
    assert "step 1: slots_are_enough is broken: 2 requests run, and max_num_seqs is 1\n" in lines
    text = run(*words, "text")[1]
    assert "found     A run of 1 step from an empty engine breaks it, with 2 requests.\n" in text
    assert "state     max_num_batched_tokens: 2\n" in text
    assert "run       request[0] arrives: 1 prompt tokens, 1 to generate\n" in text
    assert "slots_are_enough is broken: 2 requests run, and max_num_seqs is 1" in " ".join(text.split())
    assert run(*words, "github")[1].startswith(f"::error file={file},line={line},title=slots_are_enough violated")
    case = ElementTree.fromstring(run(*words, "junit")[1]).find(".//testcase")
    assert case is not None
    assert (case.get("name"), case.get("line")) == ("slots_are_enough", str(line))
    assert case.find("failure") is not None
    sarif = json.loads(run(*words, "sarif")[1])
    (location,) = sarif["runs"][0]["results"][0]["locations"]
    assert location["physicalLocation"]["region"] == {"startLine": line}


def test_what_cannot_be_read_is_undecided_at_its_line(here: Path) -> None:
    file = changed(
        here,
        "        if request is None or ledger.budget == 0:",
        "        print(ledger)\n        if request is None:",
    )
    line = (here / file).read_text(encoding="utf-8").splitlines().index("        print(ledger)") + 1
    code, text = run("prove", f"{file}:DecodeFirst", "--select", "no_overshoot", "--format", "github")
    assert code == 3
    assert text.startswith(f"::warning file={file},line={line},title=no_overshoot undecided::")
    assert "`print` is not supported" in text


def test_a_loop_that_serves_nobody_is_vacuous_and_exits_with_3(here: Path) -> None:
    file = changed(here, "num_free_slots > 0", "num_free_slots < 0")
    code, text = run("prove", f"{file}:DecodeFirst", "--select", "no_overshoot")
    assert code == 3
    assert "There is no state in which a waiting request is admitted" in " ".join(text.split())


def test_a_family_chooses_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    code, text = run("prove", HELD, "--select", "blocks,slots", "--format", "json")
    results = json.loads(text)["subjects"][0]["results"]
    assert code == 0
    assert {each["invariant"] for each in results} == {
        name for name, rule in LOOP_RULES.items() if rule.family in ("blocks", "slots")
    }


@pytest.mark.parametrize("words", [["check", "examples/mixed.yaml"], ["policies"], ["explain", "progress"]])
def test_the_other_commands_say_in_a_sentence_that_they_know_no_loop(
    words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(
        InputError, match="is a step loop, and this command knows FastDeploy's loop alone; ask `sched"
    ):
        run(*words, "--policy", HELD)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('    name = "decode-first"\n', "", 'DecodeFirst has no name; add `name = "decode-first"` to the class'),
        ("    def view(", "    def veiw(", "DecodeFirst lacks view; define them"),
        (
            "class DecodeFirst(StepLoop[Ledger, LoopLimits]):",
            "class DecodeFirst:",
            "is no Policy and no StepLoop; ",
        ),
        (
            '    name = "decode-first"\n',
            '    name = "a"\n\n    def __init__(self):\n        raise ValueError("no")\n',
            r"DecodeFirst\(\) raises ValueError: no",
        ),
    ],
)
def test_what_is_no_loop_is_one_sentence(here: Path, old: str, new: str, sentence: str) -> None:
    file = changed(here, old, new)
    with pytest.raises(InputError, match=sentence) as raised:
        run("prove", f"{file}:DecodeFirst")
    assert "\n" not in str(raised.value)


RUN: dict[str, Any] = {
    "limits": {"max_num_batched_tokens": 9, "max_num_seqs": 1},
    "num_kv_blocks": 4,
    "num_steps": 2,
}
ARRIVAL = {"name": "a", "num_prompt_tokens": 3, "max_new_tokens": 2}


def test_a_run_that_breaks_nothing_exits_with_0(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    code, text = run("prove", HELD, "--state", json.dumps({**RUN, "arrivals": [ARRIVAL]}))
    assert code == 0
    assert text.endswith("step 2: runs 1 tokens; a ended\n")


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ("{", "--state"),
        ("[]", "run: expected limits, num_kv_blocks, arrivals and num_steps; give a run as"),
        (json.dumps({**RUN, "num_steps": 0}), "run.num_steps: expected a number from 1 to 4096"),
        (json.dumps({**RUN, "num_kv_blocks": True}), "run.num_kv_blocks: expected a number"),
        (json.dumps({**RUN, "limits": {}}), "missing required field `max_num_batched_tokens`"),
        (
            json.dumps({**RUN, "limits": {**RUN["limits"], "block_size": 0}}),
            "run.limits.block_size: expected 1 or more",
        ),
        (json.dumps({**RUN, "limits": {**RUN["limits"], "max_num_seqs": 99}}), "`accepts` refuses these limits"),
        (
            json.dumps({**RUN, "arrivals": [{**ARRIVAL, "num_decode_tokens": 2}]}),
            r"run.arrivals\[0\].num_decode_tokens: expected at most tokens_per_seq",
        ),
        (json.dumps({**RUN, "limits": {"seqs": 1}}), "run.limits has no field seqs"),
        (json.dumps({**RUN, "arrivals": [ARRIVAL, ARRIVAL]}), "two requests have the same `name`"),
        (json.dumps({**RUN, "arrivals": [{"name": 1}]}), r"run.arrivals\[0\]"),
    ],
)
def test_what_is_no_run_is_one_sentence(state: str, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(InputError, match=sentence) as raised:
        run("prove", HELD, "--state", state)
    assert "\n" not in str(raised.value)


def test_a_state_of_a_policy_belongs_to_explain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(
        InputError, match="--state: speaks of a step loop, and this is a Policy; ask `schedproof explain"
    ):
        run("prove", "examples/rules/eight_in_flight.py:EightInFlight", "--state", "{}")
