"""What a person names: files, folders, patterns and standard input. One bad file loses no other."""

import io
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from reading_forms import line, only, summary

from schedproof_gate.deployment import inputs as module
from schedproof_gate.deployment.deployment import Deployment
from schedproof_gate.deployment.deployment_file import Unreadable
from schedproof_gate.deployment.given_values import GivenValues, given_values
from schedproof_gate.deployment.inputs import Inputs, read_inputs
from schedproof_gate.errors import InputError

GOOD = "engine: fastdeploy\nargs: {max_num_seqs: 4}\n"
COMPOSE = "services:\n  llm:\n    image: x\n    command: fastdeploy serve --max-num-seqs 5\n"


def read(*names: str, **given: str) -> Inputs:
    return read_inputs(names, GivenValues(given))


def folder(tmp_path: Path, **files: str) -> Path:
    for name, text in files.items():
        path = tmp_path / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def sources(found: Inputs, root: Path) -> list[str]:
    return [outcome.source.removeprefix(f"{root}/") for outcome in found.outcomes]


def test_a_folder_is_searched_for_what_looks_like_a_deployment(tmp_path: Path) -> None:
    root = folder(
        tmp_path,
        b_DOT_yaml=GOOD,
        a__compose_DOT_yml=COMPOSE,
        a__Dockerfile="FROM fastdeploy\nCMD fastdeploy serve\n",
        values_DOT_yaml="image: fastdeploy\nport: 80\n",
        other_DOT_yaml="kind: Service\n",
        README_DOT_md="fastdeploy serve --max-num-seqs 4\n",
        install_DOT_sh="pip install fastdeploy\n",
        notes_DOT_txt="Don't run fastdeploy serve here.\n",
        package_DOT_json='{"name": "x", "config": {"port": 80}}',
        broken_DOT_yaml="a: b: c\n",
        _DOT_git__config_DOT_yaml=GOOD,
        node_modules__x_DOT_yaml=GOOD,
    )
    (root / "model.sh").write_bytes(b"fastdeploy serve\0")
    found = read(str(root))
    assert sources(found, root) == ["b.yaml", "a/Dockerfile", "a/compose.yml"]
    skipped = sorted(Path(name).name for name in found.skipped)
    not_read = "README.md broken.yaml install.sh model.sh notes.txt other.yaml package.json values.yaml"
    assert skipped == not_read.split()


def test_one_bad_file_does_not_lose_the_others(tmp_path: Path) -> None:
    root = folder(tmp_path, a_DOT_yaml="engine: fastdeploy\nargs: {max_num_seqs: x}\n", b_DOT_yaml=GOOD)
    (root / "c.sh").write_text("fastdeploy serve 'x\n")
    found = read(str(root), str(root / "absent.yaml"))
    assert [type(outcome) for outcome in found.outcomes] == [Unreadable, Deployment, Unreadable, Unreadable]
    assert not found.is_complete


def test_a_config_file_that_a_script_of_the_folder_names_is_no_deployment_of_its_own(tmp_path: Path) -> None:
    root = folder(
        tmp_path,
        a_DOT_yaml="max_num_seqs: 6\n",
        b_DOT_yaml="max_num_seqs: 7\n",
        run_DOT_sh="fastdeploy serve --config a.yaml\n",
    )
    found = read(str(root))
    assert [value for _, value in summary(found.outcomes)] == [7, 6]
    assert found.skipped == [str(root / "a.yaml")]


def test_a_pattern_names_files_and_folders(tmp_path: Path) -> None:
    root = folder(tmp_path, a__x_DOT_yaml=GOOD, b__x_DOT_yaml=COMPOSE, b__y_DOT_yml=GOOD)
    assert sources(read(f"{root}/**/*.yaml"), root) == ["a/x.yaml", "b/x.yaml"]
    assert sources(read(f"{root}/[b]"), root) == ["b/x.yaml", "b/y.yml"]
    (nothing,) = read(f"{root}/*.toml").outcomes
    assert isinstance(nothing, Unreadable)
    assert nothing.error.problem == "no file matches"


def test_a_file_is_read_once(tmp_path: Path) -> None:
    root = folder(tmp_path, a_DOT_yaml=GOOD)
    assert len(read(str(root / "a.yaml"), str(root)).outcomes) == 1


def test_links_lead_nowhere_twice(tmp_path: Path) -> None:
    root = folder(tmp_path, a__x_DOT_yaml=GOOD)
    (root / "a" / "loop").symlink_to(root)
    (root / "a" / "self.yaml").symlink_to(root / "a" / "self.yaml")
    (root / "link.yaml").symlink_to(root / "a" / "x.yaml")
    os.mkfifo(root / "pipe.yaml")
    found = read(str(root))
    assert sources(found, root) == ["link.yaml"]


def test_a_folder_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FILES", 2)
    root = folder(tmp_path, a_DOT_yaml=GOOD, b_DOT_yaml=GOOD, c_DOT_yaml=GOOD)
    error = read(str(root)).outcomes[-1]
    assert isinstance(error, Unreadable)
    assert error.error.problem == "more than 2 files"


def test_standard_input_can_be_of_any_form(monkeypatch: pytest.MonkeyPatch) -> None:
    for text, number in ((GOOD, 4), (COMPOSE, 5), ("fastdeploy serve --max-num-seqs 6", 6), (f"---\n{COMPOSE}", 5)):
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(text.encode())))
        deployment = only(read("-").outcomes)
        assert (deployment.source, deployment.config.max_num_seqs) == ("standard input", number)
        assert line(deployment) is not None
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"")))
    (empty,) = read("-").outcomes
    assert isinstance(empty, Unreadable)
    assert str(empty.error).startswith("standard input: the file is empty")


def test_several_documents_are_read_whatever_their_forms(tmp_path: Path) -> None:
    root = folder(tmp_path, all_DOT_yaml=f"{GOOD}---\n{COMPOSE}---\nmax_num_seqs: 6\n---\nkind: Service\n")
    found = read(str(root / "all.yaml"))
    assert [value for _, value in summary(found.outcomes)] == [4, 5, 6]
    assert sources(found, root) == ["all.yaml:1", "all.yaml:7 (service llm)", "all.yaml:9"]


def test_a_value_that_nothing_asks_for_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.sh"
    path.write_text("fastdeploy serve --max-num-seqs $N\n")
    given = given_values(["N=4", "M=5"])
    assert only(read_inputs([str(path)], given).outcomes).config.max_num_seqs == 4
    with pytest.raises(InputError, match="no file leaves this variable open"):
        given.refuse_unused()


@pytest.mark.parametrize(
    ("settings", "problem"),
    [(["N"], "is not NAME=VALUE"), (["=1"], "is not NAME=VALUE"), (["N=1", "N=2"], "the name is given twice")],
)
def test_a_setting_has_a_name_and_a_value(settings: list[str], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        given_values(settings)
