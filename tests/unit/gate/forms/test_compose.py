"""Docker Compose: what a service runs, with the variables that Compose itself replaces."""

from pathlib import Path

import pytest
from reading_forms import example, line, only, summary, written

from schedproof import Role
from schedproof_gate.deployment.deployment import Deployment
from schedproof_gate.deployment.deployment_file import Unreadable

PREFIX = "python -m fastdeploy.entrypoints.openai.api_server"


def service(body: str) -> str:
    return "services:\n  llm:\n    image: x\n" + "".join(f"    {line}\n" for line in body.splitlines())


def test_a_stack_has_a_deployment_for_each_node() -> None:
    found = example("compose.yaml")
    assert summary(found) == [("compose.yaml:30 (service prefill)", 16), ("compose.yaml:50 (service decode)", 10)]
    prefill, decode = found
    assert isinstance(prefill, Deployment)
    assert isinstance(decode, Deployment)
    assert (prefill.config.role, decode.config.role) == (Role.PREFILL, Role.DECODE)
    assert (line(prefill), line(prefill, "max_model_len"), line(decode)) == (34, 33, 53)


def test_environment_is_that_of_a_service_over_the_one_that_it_extends() -> None:
    _, decode = example("compose.yaml")
    assert isinstance(decode, Deployment)
    assert decode.config.dispatch_queue_depth == 4096
    assert (line(decode, "dispatch_queue_depth"), line(decode, "chunked_prefill")) == (44, 26)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (f"command: {PREFIX} --max-num-seqs 4", 4),
        (f"command: [{PREFIX.replace(' ', ', ')}, --max-num-seqs, 4]", 4),
        (f"command: {PREFIX} --max-num-seqs=${{N:-4}}", 4),
        (f"command: {PREFIX} --max-num-seqs=${{N-4}} --served-model-name 'a  b'", 4),
        (f"entrypoint: {PREFIX}\ncommand: --max-num-seqs 4", 4),
        (f"entrypoint: [bash, -c]\ncommand: ['{PREFIX} --max-num-seqs 4']", 4),
        (f'environment: {{N: 4}}\ncommand: sh -c "{PREFIX} --max-num-seqs $$N"', 4),
        (f'environment: [N=4]\ncommand: sh -c "{PREFIX} --max-num-seqs $${{N}}"', 4),
        (f"command: >-\n  {PREFIX}\n  --max-num-seqs\n  4", 4),
        (f"command: |\n  bash -c '\n  {PREFIX} \\\n    --max-num-seqs 4'", 4),
    ],
)
def test_every_way_to_write_a_command_means_the_same(body: str, expected: int, tmp_path: Path) -> None:
    assert only(written(tmp_path, "compose.yaml", service(body))).config.max_num_seqs == expected


def test_a_variable_comes_from_the_person_before_the_file_beside_it(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("# limits\nexport N='5'\n")
    text = service(f"command: {PREFIX} --max-num-seqs ${{N:-4}}")
    assert only(written(tmp_path, "compose.yaml", text)).config.max_num_seqs == 5
    assert only(written(tmp_path, "compose.yaml", text, N="6")).config.max_num_seqs == 6


def test_a_file_of_variables_reaches_the_container(tmp_path: Path) -> None:
    (tmp_path / "engine.env").write_text("FD_DETERMINISTIC_MODE=1\n")
    text = service(f"env_file: engine.env\ncommand: {PREFIX}")
    assert only(written(tmp_path, "compose.yaml", text)).config.deterministic


def test_a_variable_that_nobody_sets_is_asked_for(tmp_path: Path) -> None:
    (found,) = written(tmp_path, "compose.yaml", service(f"command: >\n  {PREFIX}\n  --max-num-seqs ${{N}}"))
    assert isinstance(found, Unreadable)
    assert str(found.error).removeprefix(str(tmp_path)) == (
        "/compose.yaml:6: --max-num-seqs: the value of $N is not known here; "
        "give --set N=VALUE, set it once in the same file, or write the value"
    )


def test_a_mounted_config_file_is_read_where_it_is_here(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "fast.yaml").write_text("block_size: 32\nmax_num_seqs: 7\n")
    text = service(f"command: {PREFIX} --config /cfg/a.yaml\nvolumes: ['./conf/fast.yaml:/cfg/a.yaml:ro']")
    deployment = only(written(tmp_path, "compose.yaml", text))
    assert (deployment.config.max_num_seqs, line(deployment)) == (7, 2)
    origin = deployment.place("max_num_seqs")
    assert origin is not None
    assert origin.source == str(tmp_path / "conf" / "fast.yaml")


def test_what_is_only_in_the_container_is_named(tmp_path: Path) -> None:
    (found,) = written(tmp_path, "compose.yaml", service(f"command: {PREFIX} --config /cfg/a.yaml"))
    assert isinstance(found, Unreadable)
    assert found.error.problem == "the file /cfg/a.yaml of the container is not here"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("extends: {file: base.yaml, service: llm}", "a service of another file is not followed"),
        ("extends: llm", "services extend each other"),
        ("command: fastdeploy serve 'x", "a quote is not closed"),
        ('command: bash -c "fastdeploy serve \'x"', "a ' is not closed"),
        ("command: sleep 1", "no launch command of a known engine (fastdeploy)"),
    ],
)
def test_what_cannot_be_used_is_named(body: str, problem: str, tmp_path: Path) -> None:
    (found,) = written(tmp_path, "compose.yaml", service(body))
    assert isinstance(found, Unreadable)
    assert found.error.problem == problem


def test_a_file_of_variables_that_is_not_here_is_noted(tmp_path: Path) -> None:
    (tmp_path / "here.env").write_text("FD_DETERMINISTIC_MODE=1\n", encoding="utf-8")
    body = f"command: {PREFIX} --max-num-seqs 4\nenv_file: [here.env, {{path: other.env}}]"
    found = only(written(tmp_path, "compose.yaml", service(body)))
    assert found.config.deterministic
    assert found.notes == ("other.env, which env_file names, is not here: what it sets is not known",)
