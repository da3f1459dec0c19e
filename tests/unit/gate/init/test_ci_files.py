"""The files for CI are well-formed, and each command in them is one that the command line takes."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from schedproof_gate.check.command import check

ROOT = Path(__file__).parents[4]
CI = ROOT / "examples" / "ci"
EXAMPLES = [path for path in CI.iterdir() if path.suffix != ".md"]
FILES = [ROOT / "action.yml", ROOT / ".pre-commit-hooks.yaml", *EXAMPLES]
COMMAND = re.compile(r"schedproof\"? check ?([^\n'|]*)")


@pytest.mark.parametrize("path", [path for path in FILES if path.suffix in (".yml", ".yaml")], ids=lambda p: p.name)
def test_it_is_yaml(path: Path) -> None:
    assert yaml.safe_load(path.read_text())


def commands() -> list[str]:
    return [words for path in FILES for words in COMMAND.findall(path.read_text())]


@pytest.mark.parametrize("words", sorted(set(commands())))
def test_its_commands_are_understood(words: str) -> None:
    check.make_context("check", [*shlex.split(words), "deploy/a.yaml"])


def test_there_are_commands_in_them() -> None:
    assert len(commands()) >= 5


def test_the_action_proves_once() -> None:
    (step,) = [each for each in yaml.safe_load((ROOT / "action.yml").read_text())["runs"]["steps"] if "id" in each]
    (words,) = COMMAND.findall(step["run"])
    parameters = check.make_context("check", [*shlex.split(words), "deploy/a.yaml"]).params
    assert (parameters["form"], [form for form, _ in parameters["also"]]) == ("github", ["sarif", "text"])


def test_the_action_s_options_and_the_readme_name_what_is_there() -> None:
    (step,) = yaml.safe_load((CI / "github.yaml").read_text())["jobs"]["check"]["steps"][1:]
    inputs = yaml.safe_load((ROOT / "action.yml").read_text())["inputs"]
    assert set(step["with"]) <= set(inputs)
    assert {name for name, each in inputs.items() if each.get("required")} <= set(step["with"])
    listed = set(re.findall(r"\]\(([\w.-]+)\)", (CI / "README.md").read_text()))
    assert listed == {path.name for path in CI.iterdir()} - {"README.md"}


JOB_KEYS = {"image", "variables", "cache", "script", "artifacts", "rules"}
"""Keys of a job that GitLab knows and this one uses."""


def test_the_gitlab_job_hands_its_findings_to_the_merge_request() -> None:
    (job,) = yaml.safe_load((CI / "gitlab-ci.yml").read_text()).values()
    assert set(job) == JOB_KEYS
    assert all(isinstance(line, str) for line in job["script"])
    (words,) = [shlex.split(line) for line in job["script"] if line.startswith("schedproof check")]
    assert job["artifacts"] == {"when": "always", "reports": {"junit": words[words.index("--output") + 1]}}
    assert words[words.index("--format") + 1] == "junit"
    assert all(set(rule) <= {"if", "changes"} and rule["if"].startswith("$CI_") for rule in job["rules"])


def test_the_jenkins_stage_publishes_what_the_command_writes() -> None:
    text = (CI / "Jenkinsfile").read_text()
    assert text.count("{") == text.count("}")
    order = [
        text.index(word)
        for word in ("pipeline {", "agent {", "stages {", "stage(", "steps {", "post {", "always {")
    ]
    assert order == sorted(order)
    (written,) = re.findall(r"--format junit --output (\S+)'", text)
    assert f"junit '{written}'" in text


@pytest.mark.parametrize("name", ["gitlab-ci.yml", "Jenkinsfile"])
def test_its_commands_write_what_a_server_reads(name: str, tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    for role in ("decode", "prefill"):
        deployment = (ROOT / "examples" / "pd-prefill.yaml").read_text()
        (tmp_path / "deploy" / f"{role}.yaml").write_text(deployment)
    (words,) = COMMAND.findall((CI / name).read_text())
    program = str(Path(sys.executable).parent / "schedproof")
    ran = subprocess.run([program, "check", *shlex.split(words)], cwd=tmp_path, capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")
    suites = ElementTree.parse(tmp_path / "schedproof.xml").getroot()
    assert suites.tag == "testsuites"
    assert {suite.get("name") for suite in suites} == {"deploy/decode.yaml", "deploy/prefill.yaml"}
    assert int(suites.get("failures", "-1")) == 0 < int(suites.get("tests", "0"))
