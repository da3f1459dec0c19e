"""One report, five forms: each form says the same, in the way that its readers expect."""

import json
from dataclasses import replace
from xml.etree import ElementTree

import click
import pytest

from schedproof_gate.report.counting import LEVELS
from schedproof_gate.report.renderers import RENDERERS
from schedproof_gate.report.report import FlagChange, FlagValue, NotApplicable, Report, Result, Subject, Unread
from schedproof_spec import Consequence, Status

HELD = Result(
    invariant="startup",
    sentence="the configuration starts",
    status=Status.HELD,
    scope="this configuration",
    file="launch.sh",
)
VIOLATED = Result(
    invariant="no_overshoot",
    sentence="The tokens of a step never exceed max_num_batched_tokens.",
    status=Status.VIOLATED,
    scope="every state of this configuration",
    consequence=Consequence.CRASH,
    message="a step runs 2052 tokens, 100% more",
    file="dir with space/a,b:c.sh",
    line=7,
    flags=(FlagValue(flag="--max-num-seqs", value="512", place="line 7"),),
    witness={"config": {"max_num_seqs": 512}},
    run=("512 requests arrive", "step 1: budget 2 with 512 live decodes"),
    replay='schedproof explain no_overshoot --policy 7756 --state \'{"config":{"max_num_seqs":512}}\'',
    repairs=(
        (FlagChange(flag="--max-num-batched-tokens", old=2048, new=2400),),
        (
            FlagChange(flag="--max-num-seqs", old=512, new=341),
            FlagChange(flag="--num-gpu-blocks-override", old=None, new=9),
        ),
    ),
)
UNDECIDED = Result(
    invariant="budget_tight",
    sentence="Nothing is reserved in vain.",
    status=Status.UNDECIDED,
    scope="every state of this configuration",
    consequence=Consequence.STALL,
    message="solver limit: 4000000 resource units",
    file="launch.sh",
)
WASTEFUL = Result(
    invariant="tight",
    sentence="Nothing is left over.",
    status=Status.VIOLATED,
    scope="this configuration",
    consequence=Consequence.COST,
    file="launch.sh",
)
REPAIR = (
    "raise --max-num-batched-tokens from 2048 to 2400, or lower --max-num-seqs from 512 to 341 and set "
    "--num-gpu-blocks-override to 9"
)


def subject(*results: Result) -> Subject:
    return Subject(
        source="launch.sh",
        engine="fastdeploy",
        policy="7756",
        config={"max_num_seqs": 512},
        results=results,
        not_applicable=(NotApplicable(invariant="message_fits", reason="A prefill node sends nothing."),),
        notes=("no policy is given",),
    )


def report(*results: Result) -> Report:
    return Report(subjects=(subject(*results),))


def test_the_worst_status_is_the_verdict() -> None:
    assert report(HELD).verdict is Status.HELD
    assert report(HELD, UNDECIDED).verdict is Status.UNDECIDED
    assert report(UNDECIDED, VIOLATED, HELD).verdict is Status.VIOLATED
    assert Report(subjects=()).verdict is Status.VACUOUS
    assert Report(subjects=(subject(HELD), subject(VIOLATED))).verdict is Status.VIOLATED


@pytest.mark.parametrize(
    ("results", "code", "code_allowing_undecided"),
    [
        ([HELD], 0, 0),
        ([HELD, VIOLATED], 1, 1),
        ([HELD, UNDECIDED], 3, 0),
        ([VIOLATED, UNDECIDED], 1, 1),
        ([UNDECIDED], 3, 3),
        ([], 3, 3),
    ],
)
def test_exit_codes(results: list[Result], code: int, code_allowing_undecided: int) -> None:
    assert report(*results).exit_code() == code
    assert report(*results).exit_code(allow_undecided=True) == code_allowing_undecided


@pytest.mark.parametrize(
    ("consequence", "counting"),
    [
        (Consequence.CRASH, {"crash", "stall", "wrong-output", "cost"}),
        (Consequence.STALL, {"stall", "wrong-output", "cost"}),
        (Consequence.WRONG_OUTPUT, {"wrong-output", "cost"}),
        (Consequence.COST, {"cost"}),
        (None, {"crash", "stall", "wrong-output", "cost"}),
    ],
)
def test_what_counts_goes_down_to_the_level_that_is_given(
    consequence: Consequence | None, counting: set[str]
) -> None:
    for status, code in ((Status.VIOLATED, 1), (Status.UNDECIDED, 3)):
        found = subject(HELD, replace(VIOLATED, status=status, consequence=consequence))
        codes = {level: Report(subjects=(found,), fail_on=level).exit_code() for level in LEVELS}
        assert codes == {level: code if level in counting else 0 for level in LEVELS}


def test_cost_alone_does_not_count_unless_it_is_asked_for() -> None:
    assert report(HELD, WASTEFUL).exit_code() == 0
    assert report(WASTEFUL).exit_code() == 3
    assert Report(subjects=(subject(HELD, WASTEFUL),), fail_on="cost").exit_code() == 1
    note = "Note: not counted for the exit code, as --fail-on is wrong-output: tight (cost)."
    assert note in " ".join(RENDERERS["text"](report(HELD, WASTEFUL, VIOLATED)).split())
    assert "not counted" not in RENDERERS["text"](report(HELD, VIOLATED))


def test_every_form_says_how_grave_a_violation_is() -> None:
    both = report(HELD, VIOLATED, WASTEFUL)
    text = click.unstyle(RENDERERS["text"](both))
    assert "  VIOLATED  no_overshoot: crash\n" in text
    assert "  VIOLATED  tight: cost\n" in text
    (one,) = json.loads(RENDERERS["json"](both))["subjects"]
    assert [(result["consequence"], result["counts"]) for result in one["results"]] == [
        (None, True),
        ("crash", True),
        ("cost", False),
    ]
    (run,) = json.loads(RENDERERS["sarif"](both))["runs"]
    assert [result["level"] for result in run["results"]] == ["none", "error", "warning"]
    assert run["results"][2]["properties"]["consequence"] == "cost"
    lines = RENDERERS["github"](both).splitlines()
    assert lines[0].startswith("::error file=")
    assert lines[1] == "::warning file=launch.sh,title=tight violated%3A cost::Nothing is left over."
    root = ElementTree.fromstring(RENDERERS["junit"](both))
    assert (root.get("tests"), root.get("failures")) == ("3", "1")
    cases = {case.get("name"): case for case in root.iter("testcase")}
    assert (cases["no_overshoot"].findtext("failure") or "").startswith("consequence: crash\n")
    assert (cases["tight"].findtext("system-out") or "").startswith("violated: Nothing is left over.")


@pytest.mark.parametrize("status", list(Status))
def test_a_refused_start_is_an_error_in_every_form(status: Status) -> None:
    found = report(replace(HELD, status=status))
    is_violated = status is Status.VIOLATED
    assert RENDERERS["github"](found).startswith("::error") is is_violated
    assert ('"level": "error"' in RENDERERS["sarif"](found)) is is_violated


def test_text_shows_verdict_flags_run_replay_and_the_way_out_in_80_columns() -> None:
    text = click.unstyle(RENDERERS["text"](report(HELD, VIOLATED, UNDECIDED)))
    lines = text.splitlines()
    assert lines[0] == "VIOLATED  launch.sh"
    assert lines[1].startswith("  fastdeploy, policy 7756: 3 checks over every state of this configuration: 1")
    assert "1 held, 1 violated, 1 undecided." in " ".join(text.split())
    assert "    flags     --max-num-seqs  512  (line 7)" in lines
    assert "    run       512 requests arrive" in lines
    assert "              step 1: budget 2 with 512 live decodes" in lines
    assert f"    replay    {VIOLATED.replay}" in lines
    assert REPAIR in " ".join(text.split())
    assert "  Held: startup" in lines
    assert "  Does not apply: message_fits, a prefill node sends nothing." in lines
    assert all(len(line) <= 80 for line in lines if "replay" not in line)


def test_text_names_the_second_solver_and_what_rests_on_it() -> None:
    settled = replace(HELD, invariant="progress", settled_by="cvc5 1.4.2")
    text = click.unstyle(RENDERERS["text"](report(HELD, settled)))
    assert "  Settled by cvc5 1.4.2, where Z3 gives up: progress" in text.splitlines()
    assert "cvc5" not in RENDERERS["text"](report(HELD))


def test_what_to_change_comes_before_the_run_and_the_state_s_json_last() -> None:
    lines = click.unstyle(RENDERERS["text"](report(HELD, VIOLATED))).splitlines()
    marks = ("change", "flags", "run", "replay")
    places = [next(at for at, line in enumerate(lines) if line.startswith(f"    {mark} ")) for mark in marks]
    assert places == sorted(places)
    own = click.unstyle(RENDERERS["text"](report(HELD, OWN))).splitlines()
    places = [next(at for at, line in enumerate(own) if line.startswith(f"    {mark} ")) for mark in marks]
    assert sorted(places) == [places[1], places[0], places[2], places[3]]
    details = ElementTree.fromstring(RENDERERS["junit"](report(VIOLATED))).findtext(".//failure") or ""
    shown = [details.index(text) for text in (REPAIR, VIOLATED.run[0], VIOLATED.run[1], VIOLATED.replay)]
    assert shown == sorted(shown)


def test_recorded_steps_and_numbers_are_shown_as_a_state() -> None:
    shown = replace(VIOLATED, state=("step 3: num_tokens 70", "the limit is 64"), run=())
    lines = click.unstyle(RENDERERS["text"](report(shown))).splitlines()
    at = lines.index("    state     step 3: num_tokens 70")
    assert lines[at + 1] == "              the limit is 64"
    assert not any(line.startswith("    run ") for line in lines)


def test_json_is_the_documented_schema() -> None:
    document = json.loads(RENDERERS["json"](report(HELD, VIOLATED)))
    assert document["schema"] == "schedproof/report/2"
    assert (document["verdict"], document["fail_on"]) == ("violated", "wrong-output")
    (one,) = document["subjects"]
    assert (one["source"], one["engine"], one["policy"]) == ("launch.sh", "fastdeploy", "7756")
    assert one["config"] == {"max_num_seqs": 512}
    held, violated = one["results"]
    assert (held["witness"], held["repair"]) == (None, [])
    assert violated["invariant"] == "no_overshoot"
    assert violated["status"] == "violated"
    assert violated["scope"] == "every state of this configuration"
    assert violated["witness"] == {"config": {"max_num_seqs": 512}}
    assert violated["repair"] == [
        {"flag": "--max-num-batched-tokens", "from": 2048, "to": 2400, "alternative": 1},
        {"flag": "--max-num-seqs", "from": 512, "to": 341, "alternative": 2},
        {"flag": "--num-gpu-blocks-override", "from": None, "to": 9, "alternative": 2},
    ]


def test_junit_counts_violations_as_failures_and_open_questions_as_errors() -> None:
    root = ElementTree.fromstring(RENDERERS["junit"](report(HELD, VIOLATED, UNDECIDED)))
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("3", "1", "1")
    cases = {case.get("name"): case for case in root.iter("testcase")}
    assert len(cases["startup"]) == 0
    failure = cases["no_overshoot"].find("failure")
    assert failure is not None
    assert failure.get("message") == VIOLATED.message
    assert REPAIR in str(failure.text)
    assert VIOLATED.replay in str(failure.text)
    assert cases["budget_tight"].find("error") is not None


def test_junit_survives_control_characters() -> None:
    odd = Result(invariant="x", sentence="s", status=Status.VIOLATED, scope="", message="a\x00\x1bb", file="f\x07")
    root = ElementTree.fromstring(RENDERERS["junit"](report(odd)))
    assert next(root.iter("failure")).get("message") == "a\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}b"


def test_sarif_points_at_the_flag() -> None:
    (run,) = json.loads(RENDERERS["sarif"](report(HELD, VIOLATED, UNDECIDED)))["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert rules == ["startup", "no_overshoot", "budget_tight"]
    kinds = [(result["ruleId"], result["kind"], result["level"]) for result in run["results"]]
    assert kinds == [
        ("startup", "pass", "none"),
        ("no_overshoot", "fail", "error"),
        ("budget_tight", "open", "none"),
    ]
    place = run["results"][1]["locations"][0]["physicalLocation"]
    assert place == {
        "artifactLocation": {"uri": "dir%20with%20space/a%2Cb%3Ac.sh"},
        "region": {"startLine": 7},
    }
    assert "region" not in run["results"][2]["locations"][0]["physicalLocation"]


def test_github_annotations_are_escaped() -> None:
    lines = RENDERERS["github"](report(HELD, VIOLATED, UNDECIDED)).splitlines()
    assert lines == [
        "::error file=dir with space/a%2Cb%3Ac.sh,line=7,title=no_overshoot violated%3A crash::"
        f"a step runs 2052 tokens, 100%25 more. To repair it, {REPAIR}.",
        "::warning file=launch.sh,title=budget_tight undecided::solver limit: 4000000 resource units",
        "schedproof: violated (1 of 3 held)",
    ]


OWN = replace(VIOLATED, repairs=(), own_repairs=VIOLATED.repairs)
"""Nothing repairs everything; these changes repair this invariant."""


def test_a_repair_of_one_invariant_says_that_it_is_one() -> None:
    text = " ".join(RENDERERS["text"](report(OWN)).split())
    assert f"{REPAIR}. Then no_overshoot holds." in text
    assert "everything holds" not in text
    (one,) = json.loads(RENDERERS["json"](report(OWN)))["subjects"]
    assert one["results"][0]["repair"] == []
    assert [change["to"] for change in one["results"][0]["own_repair"]] == [2400, 341, 9]
    alone = f"To repair it alone, {REPAIR}; no single flag repairs everything."
    assert alone in RENDERERS["github"](report(OWN))
    assert alone in RENDERERS["sarif"](report(OWN))
    assert alone in RENDERERS["junit"](report(OWN))


@pytest.mark.parametrize("form", list(RENDERERS))
def test_an_empty_report_has_every_form(form: str) -> None:
    RENDERERS[form](Report(subjects=()))


UNREAD = Unread(
    source="b.yaml:3 (service llm)",
    deployment_file="b.yaml",
    file="b.yaml",
    line=3,
    key="--max-num-seqs",
    message="--max-num-seqs: 'x' is not a whole number; give digits only",
    text="b.yaml:3: --max-num-seqs: 'x' is not a whole number; give digits only",
)


@pytest.mark.parametrize("results", [[HELD], [HELD, VIOLATED], []])
def test_what_could_not_be_read_counts_before_everything_else(results: list[Result]) -> None:
    found = Report(subjects=(subject(*results),), unread=(UNREAD,))
    assert (found.exit_code(), found.exit_code(allow_undecided=True), found.outcome) == (2, 2, "error")


def test_what_could_not_be_read_is_in_every_format() -> None:
    found = Report(subjects=(subject(HELD),), unread=(UNREAD,), skipped=("notes.md",))
    text = " ".join(click.unstyle(RENDERERS["text"](found)).split())
    assert f"ERROR {UNREAD.source} {UNREAD.text} ERROR 1 deployment, 1 of them with every check held" in text
    assert text.endswith("1 input could not be read. 1 other file not read: nothing there looks like a deployment.")
    document = json.loads(RENDERERS["json"](found))
    assert (document["verdict"], document["skipped"]) == ("error", ["notes.md"])
    assert document["errors"] == [
        {"source": UNREAD.source, "file": "b.yaml", "line": 3, "key": "--max-num-seqs", "message": UNREAD.message}
    ]
    junit = ElementTree.fromstring(RENDERERS["junit"](found))
    assert (junit.get("tests"), junit.get("failures"), junit.get("errors")) == ("2", "0", "1")
    (case,) = junit.findall(f"testsuite[@name='{UNREAD.source}']/testcase")
    assert (case.get("file"), case.get("line"), case.find("error") is not None) == ("b.yaml", "3", True)
    (_, result) = json.loads(RENDERERS["sarif"](found))["runs"][0]["results"]
    assert (result["kind"], result["level"], result["message"]["text"]) == ("fail", "error", UNREAD.message)
    assert result["locations"][0]["physicalLocation"]["region"] == {"startLine": 3}
    lines = RENDERERS["github"](found).splitlines()
    assert lines == [
        f"::error file=b.yaml,line=3,title=cannot be read::{UNREAD.message}",
        "schedproof: error (1 of 1 held)",
    ]
