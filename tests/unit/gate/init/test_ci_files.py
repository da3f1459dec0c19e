"""The files for CI are well-formed, and each command in them is one that the command line takes."""

import re
import shlex
from pathlib import Path

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
