"""Dockerfiles: the last stage's entrypoint and command, in both forms."""

from pathlib import Path

import pytest
from reading_forms import example, line, only, written

from schedproof import Role
from schedproof_gate.deployment.deployment_file import Unreadable

SERVER = '"python", "-m", "fastdeploy.entrypoints.openai.api_server"'


def test_a_real_one_is_read_to_its_last_stage() -> None:
    deployment = only(example("Dockerfile"))
    assert (deployment.config.max_num_seqs, deployment.config.role) == (10, Role.DECODE)
    assert deployment.config.deterministic
    assert (line(deployment), line(deployment, "role"), line(deployment, "deterministic")) == (23, 22, 11)


def test_the_exec_form_keeps_its_lines() -> None:
    deployment = only(example("exec.dockerfile"))
    assert (deployment.config.max_num_seqs, line(deployment)) == (9, 4)


@pytest.mark.parametrize(
    "body",
    [
        f'CMD [{SERVER}, "--max-num-seqs", "4"]',
        f'ENTRYPOINT [{SERVER}]\nCMD ["--max-num-seqs=4"]',
        "CMD fastdeploy serve --max-num-seqs 4",
        "cmd fastdeploy serve --max-num-seqs 4",
        "ENV N=4\nCMD fastdeploy serve --max-num-seqs $N",
        "ENV N 4\nCMD fastdeploy serve --max-num-seqs ${N}",
        "ARG M=4\nENV N=${M} X='a b'\nCMD fastdeploy serve --max-num-seqs $N",
        'CMD ["bash", "-c", "fastdeploy serve --max-num-seqs 4"]',
        "CMD fastdeploy serve --max-num-seqs 1\nCMD fastdeploy serve --max-num-seqs 4",
        "ENTRYPOINT fastdeploy serve --max-num-seqs 4\nCMD ignored",
        'CMD ["ignored"]\nENTRYPOINT fastdeploy serve --max-num-seqs 4',
        "CMD fastdeploy serve \\\n# a comment\n\n  --max-num-seqs 4",
        "RUN <<EOF\nCMD false\nEOF\nCMD fastdeploy serve --max-num-seqs 4",
        "ENV N=1\nENV N=4 M=$N\nCMD fastdeploy serve --max-num-seqs $N",
    ],
)
def test_every_way_to_write_a_command_means_the_same(body: str, tmp_path: Path) -> None:
    assert only(written(tmp_path, "Dockerfile", f"FROM x\n{body}\n")).config.max_num_seqs == 4


def test_a_stage_has_what_the_one_that_it_comes_from_set(tmp_path: Path) -> None:
    text = 'FROM x AS base\nENV N=4\nENTRYPOINT ["fastdeploy", "serve"]\nFROM base\nCMD ["--max-num-seqs", "3"]\n'
    assert only(written(tmp_path, "a.dockerfile", text)).config.max_num_seqs == 3


@pytest.mark.parametrize(("given", "expected"), [({}, 4), ({"M": "6"}, 6)])
def test_a_build_argument_is_its_default_or_the_person_s(
    given: dict[str, str], expected: int, tmp_path: Path
) -> None:
    text = "FROM x\nARG M=4\nENV N=$M\nCMD fastdeploy serve --max-num-seqs $N\n"
    assert only(written(tmp_path, "Dockerfile", text, **given)).config.max_num_seqs == expected


def test_a_build_argument_without_a_default_is_asked_for(tmp_path: Path) -> None:
    text = "FROM x\nARG N\nENV S=$N\nCMD fastdeploy serve --max-num-seqs $S\n"
    (found,) = written(tmp_path, "Dockerfile", text)
    assert isinstance(found, Unreadable)
    assert (found.error.line, found.error.problem) == (4, "the value of $N is not known here")


@pytest.mark.parametrize(
    "text", ["FROM x\n", "FROM x\nCMD\n", "FROM\n", "FROM x\nCMD [1]\n", "FROM x\nENV\nCMD [\n"]
)
def test_one_that_starts_nothing_says_so(text: str, tmp_path: Path) -> None:
    (found,) = written(tmp_path, "Dockerfile", text)
    assert isinstance(found, Unreadable)
    assert found.error.problem.startswith("no launch command of a known engine")
