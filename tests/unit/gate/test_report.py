"""One report, five forms: each form says the same, in the way that its readers expect."""

import json
from dataclasses import replace
from xml.etree import ElementTree

import click
import pytest

from schedproof_gate.report.renderers import RENDERERS
from schedproof_gate.report.report import FlagChange, FlagValue, NotApplicable, Report, Result, Subject
from schedproof_spec import Status

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
    message="a step runs 2052 tokens, 100% more",
    file="dir with space/a,b:c.sh",
    line=7,
    flags=(FlagValue(flag="--max-num-seqs", value="512", place="line 7"),),
    witness={"config": {"max_num_seqs": 512}},
    state=("running: 512 requests", "free KV blocks: 3"),
    run=("budget 2 with 512 live decodes",),
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
    message="solver limit: 4000000 resource units",
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


def test_text_shows_verdict_flags_state_replay_and_the_way_out_in_80_columns() -> None:
    text = click.unstyle(RENDERERS["text"](report(HELD, VIOLATED, UNDECIDED)))
    lines = text.splitlines()
    assert lines[0] == "VIOLATED  launch.sh"
    assert lines[1].startswith("  fastdeploy, policy 7756: 3 checks over every state of this configuration: 1")
    assert "1 held, 1 violated, 1 undecided." in " ".join(text.split())
    assert "    flags     --max-num-seqs  512  (line 7)" in lines
    assert "    state     running: 512 requests" in lines
    assert "              free KV blocks: 3" in lines
    assert "    run       budget 2 with 512 live decodes" in lines
    assert f"    replay    {VIOLATED.replay}" in lines
    assert REPAIR in " ".join(text.split())
    assert "  Held: startup" in lines
    assert "  Does not apply: message_fits, a prefill node sends nothing." in lines
    assert all(len(line) <= 80 for line in lines if "replay" not in line)


def test_json_is_the_documented_schema() -> None:
    document = json.loads(RENDERERS["json"](report(HELD, VIOLATED)))
    assert document["schema"] == "schedproof/report/1"
    assert document["verdict"] == "violated"
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
        "::error file=dir with space/a%2Cb%3Ac.sh,line=7,title=no_overshoot violated::"
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
