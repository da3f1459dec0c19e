"""The printed schemas accept what the command writes and reads, and nothing else."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from schedproof_gate.command_line import cli
from schedproof_gate.report.renderers import RENDERERS
from schedproof_gate.report.report import Report, Unread

ROOT = Path(__file__).parents[4]
GOLDEN = ROOT / "tests" / "golden"
REPORTS = [path for folder in ("check", "audit", "replay") for path in (GOLDEN / folder).glob("*.json")]
DEPLOYMENTS = [
    ROOT / "examples" / name
    for name in ("mixed.yaml", "mixed-mtp.yaml", "pd-decode-mtp-before-7756.yaml", "xpu-decode.yaml")
]
ACCEPTED = {"reason": "known", "until": "2027-01-31", "kind": "project", "file": "schedproof.toml", "line": 1}


def validator(name: str) -> Draft202012Validator:
    done = CliRunner().invoke(cli, ["schema", name], catch_exceptions=False)
    assert done.exit_code == 0
    schema = json.loads(done.output)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


@pytest.mark.parametrize("path", REPORTS, ids=lambda path: path.name)
def test_every_golden_report_is_valid(path: Path) -> None:
    validator("report").validate(json.loads(path.read_text()))


def test_accepted_findings_and_warnings_are_part_of_a_report() -> None:
    report = json.loads((GOLDEN / "check/mixed-mtp.yaml.json").read_text())
    report["warnings"] = [{"message": "m", "file": "f", "line": None}]
    report["subjects"][0]["results"][0]["accepted"] = ACCEPTED
    report["subjects"][0]["results"][1]["ran_out"] = ACCEPTED | {"until": None}
    validator("report").validate(report)


def test_what_was_not_read_is_part_of_a_report() -> None:
    unread = Unread(
        source="a.yaml", deployment_file="a.yaml", file="b.json", line=3, key="", message="m", text="b.json:3: m"
    )
    report = json.loads(RENDERERS["json"](Report(subjects=(), unread=(unread,), skipped=("notes.md",))))
    assert (report["verdict"], len(report["errors"]), report["skipped"]) == ("error", 1, ["notes.md"])
    validator("report").validate(report)


@pytest.mark.parametrize(
    "broken",
    [
        {"errors": [{"message": "m"}]},
        {"skipped": [3]},
        {"schema": "schedproof/report/1"},
        {"verdict": "fine"},
        {"more": 1},
        {"subjects": [{}]},
        {"warnings": [{"message": "m"}]},
    ],
)
def test_another_document_is_no_report(broken: dict[str, Any]) -> None:
    report = json.loads((GOLDEN / "check/mixed.yaml.json").read_text())
    assert not validator("report").is_valid(report | broken)


@pytest.mark.parametrize("path", DEPLOYMENTS, ids=lambda path: path.name)
def test_deployment_files_are_valid(path: Path) -> None:
    validator("deployment").validate(yaml.safe_load(path.read_text()))


@pytest.mark.parametrize(
    "change",
    [
        {"engine": "tgi"},
        {"arg": {}},
        {"args": 3},
        {"policy": "775"},
        {"accept": [{"invariant": "progress"}]},
        {"accept": [{"invariant": "progres", "reason": "x"}]},
        {"accept": [{"invariant": "progress", "reason": "x", "until": "soon"}]},
    ],
)
def test_mistakes_in_a_deployment_file_are_found(change: dict[str, Any]) -> None:
    deployment = {"engine": "fastdeploy", "args": {"max_num_seqs": 8}, "policy": 7756, "release": 2.5}
    accept = [{"invariant": "progress", "reason": "x", "until": "2027-01-31", "status": "undecided"}]
    good = copy.deepcopy(deployment) | {"accept": accept}
    validator("deployment").validate(good)
    assert not validator("deployment").is_valid(good | change)
