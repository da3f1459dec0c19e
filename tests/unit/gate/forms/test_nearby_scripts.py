"""Scripts beside a deployment that it sources, mounts or copies: findings point into them."""

from pathlib import Path

from reading_forms import only, outcomes, written

from schedproof_gate.deployment.deployment import Deployment
from schedproof_gate.deployment.given import Origin
from schedproof_gate.deployment.inputs import GivenValues, read_inputs

SERVE = '#!/bin/sh\nexec fastdeploy serve \\\n  --max-num-seqs $SEQS "$@"\n'


def test_a_sourced_script_sets_variables_and_functions(tmp_path: Path) -> None:
    (tmp_path / "common.sh").write_text('SEQS=4\nstart() {\n  fastdeploy serve --max-num-seqs $SEQS "$@"\n}\n')
    text = 'source "$(dirname "$0")/common.sh"\nSEQS=5\nstart --block-size 32\n'
    deployment = only(written(tmp_path, "run.sh", text))
    assert (deployment.config.max_num_seqs, deployment.config.block_size, deployment.notes) == (5, 32, ())


def test_a_script_that_another_one_runs_is_followed_and_no_deployment_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "serve.sh").write_text(SERVE)
    (tmp_path / "run.sh").write_text("export SEQS=4\nbash ./serve.sh --block-size 32\n")
    found = read_inputs([str(tmp_path)], GivenValues())
    deployment = only(found.outcomes)
    assert (deployment.config.max_num_seqs, deployment.config.block_size) == (4, 32)
    assert deployment.source == str(tmp_path / "run.sh")
    assert deployment.place("max_num_seqs") == Origin(str(tmp_path / "serve.sh"), 3, "--max-num-seqs")
    assert found.skipped == [str(tmp_path / "serve.sh")]


def test_a_script_that_a_service_mounts(tmp_path: Path) -> None:
    (tmp_path / "serve.sh").write_text(SERVE)
    text = "services:\n  a: &a\n    image: x\n    environment: {SEQS: 4, NVSHMEM_QP_DEPTH: 4096}\n"
    text += "    volumes: [{type: bind, source: ./serve.sh, target: /opt/start.sh}]\n    command: [/opt/start.sh]\n"
    text += "  b:\n    <<: *a\n    environment: {SEQS: 5}\n    command: bash /opt/start.sh --block-size 32\n"
    first, second = written(tmp_path, "compose.yaml", text)
    assert isinstance(first, Deployment)
    assert isinstance(second, Deployment)
    assert (first.config.max_num_seqs, second.config.max_num_seqs, second.config.block_size) == (4, 5, 32)
    assert first.source == f"{tmp_path}/compose.yaml:6 (service a)"
    assert first.place("max_num_seqs") == Origin(str(tmp_path / "serve.sh"), 3, "--max-num-seqs")
    assert first.place("dispatch_queue_depth") == Origin(str(tmp_path / "compose.yaml"), 4, "NVSHMEM_QP_DEPTH")


def test_a_script_that_an_image_copies(tmp_path: Path) -> None:
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker" / "serve.sh").write_text(SERVE)
    text = (
        'FROM x\nENV SEQS=4\nCOPY docker/serve.sh /usr/bin/\nENTRYPOINT ["/usr/bin/serve.sh"]\nCMD ["--tp", "1"]\n'
    )
    assert only(written(tmp_path, "Dockerfile", text)).config.max_num_seqs == 4


def test_nothing_above_the_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / "serve.sh").write_text("fastdeploy serve --max-num-seqs 4\n")
    text = "services:\n  a:\n    image: x\n    volumes: ['./../serve.sh:/s.sh']\n    command: [/s.sh]\n"
    (found,) = written(tmp_path / "a", "compose.yaml", text)
    assert not isinstance(found, Deployment)


def test_a_script_that_runs_itself_ends(tmp_path: Path) -> None:
    (tmp_path / "a.sh").write_text("bash b.sh\nbash a.sh\n")
    (tmp_path / "b.sh").write_text("bash a.sh\nbash b.sh\nfastdeploy serve\n")
    assert len(outcomes(tmp_path / "a.sh")) <= 20_000


def test_a_file_of_variables_reaches_the_engine_where_all_are_exported(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("FD_DETERMINISTIC_MODE=1\nSEQS=4\n")
    deployment = only(
        written(tmp_path, "run.sh", "set -a\n. ./.env\nset +a\nfastdeploy serve --max-num-seqs $SEQS\n")
    )
    assert (deployment.config.max_num_seqs, deployment.config.deterministic, deployment.notes) == (4, True, ())
