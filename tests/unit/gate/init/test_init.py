"""`schedproof init` finds deployments and writes what is not there."""

import tomllib
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from schedproof_gate.command_line import cli
from schedproof_gate.deployment import inputs as inputs_module
from schedproof_gate.deployment.given_values import GivenValues
from schedproof_gate.deployment.inputs import read_inputs
from schedproof_gate.errors import InputError
from schedproof_gate.init.files import PRE_COMMIT, PROJECT_FILE, WORKFLOW
from schedproof_gate.init.finding import deployments_below

DEPLOYMENT = "engine: fastdeploy\nargs: {max_num_seqs: 8}\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in {
        "deploy/it's one.yaml": DEPLOYMENT,
        "deploy/run.sh": "set -e\nfastdeploy serve --max-num-seqs 8\n",
        "deploy/bad.json": '{"engine": "fastdeploy", "args": 3}',
        "deploy/values.yaml": "image: fastdeploy\nreplicas: 3\n",
        "deploy/broken.yaml": "a: b: c\n",
        "compose.yaml": "services: {llm: {image: x, command: fastdeploy serve --max-num-seqs 8}}\n",
        "setup.sh": "pip install .\n",
        "notes.md": DEPLOYMENT,
        ".hidden/a.yaml": DEPLOYMENT,
        "node_modules/a.yaml": DEPLOYMENT,
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


def init(*words: str) -> str:
    done = CliRunner().invoke(cli, ["init", *words], catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


def test_deployments_are_told_from_other_files(project: Path) -> None:
    found = [path.relative_to(project).as_posix() for path in deployments_below(project)]
    assert found == ["compose.yaml", "deploy/bad.json", "deploy/it's one.yaml", "deploy/run.sh"]


def test_what_is_written_is_well_formed_and_names_the_deployments(project: Path) -> None:
    init(str(project), "--github", "--pre-commit")
    assert tomllib.loads((project / PROJECT_FILE).read_text()) == {}
    lines = (project / PROJECT_FILE).read_text().splitlines()
    uncommented = "\n".join(line.removeprefix("# ") for line in lines[lines.index("# [[accept]]") :])
    assert tomllib.loads(uncommented)["accept"][0]["invariant"] == "budget_tight"
    workflow = yaml.safe_load((project / WORKFLOW).read_text())
    run = workflow["jobs"]["check"]["steps"][-1]["run"]
    files = """compose.yaml deploy/bad.json 'deploy/it'"'"'s one.yaml' deploy/run.sh"""
    assert run == f"schedproof check --format github {files}"
    assert "deploy/it's one.yaml" in workflow[True]["pull_request"]["paths"]
    (hook,) = yaml.safe_load((project / PRE_COMMIT).read_text())["repos"][0]["hooks"]
    assert (hook["entry"], hook["language"]) == ("schedproof check", "python")


def test_nothing_is_overwritten(project: Path) -> None:
    for path in (PROJECT_FILE, WORKFLOW, PRE_COMMIT):
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text("mine\n")
    output = init(str(project), "--github", "--pre-commit")
    assert output.count("is there and stays as it is") == 3
    assert "add to its `repos`:" in output
    assert {(project / path).read_text() for path in (PROJECT_FILE, WORKFLOW, PRE_COMMIT)} == {"mine\n"}


def test_only_what_is_asked_for_is_written(project: Path) -> None:
    init(str(project))
    assert (project / PROJECT_FILE).exists()
    assert not (project / WORKFLOW).exists()
    assert not (project / PRE_COMMIT).exists()


def test_what_is_found_is_what_check_reads_in_a_folder(project: Path) -> None:
    (project / PROJECT_FILE).write_text("accept = []\n")
    inputs = read_inputs([str(project)], GivenValues())
    assert list(map(Path, inputs.files)) == deployments_below(project)
    skipped = sorted(Path(file).name for file in inputs.skipped)
    assert skipped == ["broken.yaml", "notes.md", "setup.sh", "values.yaml"]


def test_too_large_a_folder_is_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs_module, "MAX_FILES", 2)
    with pytest.raises(InputError, match="more than 2 files"):
        deployments_below(project)


def test_without_a_deployment_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no deployment is found here or below"):
        cli.main(["init", str(tmp_path)], standalone_mode=False)
    assert list(tmp_path.iterdir()) == []
