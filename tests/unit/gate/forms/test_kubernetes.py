"""Kubernetes objects: containers wherever they stand, their environment, and the files of a ConfigMap."""

from pathlib import Path

import pytest
from reading_forms import example, line, only, summary, written

from schedproof import Role
from schedproof_gate.deployment.deployment import Deployment
from schedproof_gate.deployment.deployment_file import Unreadable

POD = """\
kind: Pod
metadata: {name: llm}
spec:
  containers:
    - name: engine
      image: paddlepaddle/fastdeploy:2.5
"""
COMMAND = "      command: [python, -m, fastdeploy.entrypoints.openai.api_server]\n"


def test_the_engines_of_a_manifest_are_found_among_all_the_rest() -> None:
    found = example("deployment.yaml")
    assert summary(found) == [
        ("deployment.yaml:44 (Deployment/decode, container engine)", 24),
        ("deployment.yaml:14 (StatefulSet/prefill, container engine)", 12),
    ]
    decode, prefill = found
    assert isinstance(decode, Deployment)
    assert isinstance(prefill, Deployment)
    assert (decode.config.role, prefill.config.role) == (Role.DECODE, Role.PREFILL)
    assert (decode.config.max_model_len, decode.config.max_num_batched_tokens) == (16384, 8192)
    assert not prefill.config.chunked_prefill


def test_a_finding_points_into_the_config_file_and_the_script_of_a_config_map() -> None:
    decode, prefill = example("deployment.yaml")
    assert (line(decode), line(decode, "max_num_batched_tokens"), line(decode, "max_model_len")) == (8, 9, 51)
    assert (line(prefill), line(prefill, "role")) == (17, 16)


def test_lists_jobs_and_leader_worker_sets_are_followed() -> None:
    found = example("list.yaml", SEQS="6")
    assert summary(found) == [
        ("list.yaml:14 (Job/batch, container run)", 4),
        ("list.yaml:30 (LeaderWorkerSet/wide, leader, container engine)", 5),
        ("list.yaml:38 (LeaderWorkerSet/wide, worker, container engine)", 6),
    ]
    assert line(found[1]) == 31


def test_what_only_the_cluster_knows_is_asked_for() -> None:
    *_, worker = example("list.yaml")
    assert isinstance(worker, Unreadable)
    assert worker.error.problem == "the value of $(SEQS) is not known here"
    assert worker.error.advice.startswith("give --set SEQS=VALUE")


def test_one_bad_container_does_not_lose_the_other() -> None:
    assert summary(example("bad.yaml")) == [
        ("bad.yaml:7 (Pod/bad, container one)", "'many' is not a whole number"),
        ("bad.yaml:9 (Pod/bad, container two)", 8),
    ]


@pytest.mark.parametrize(
    "body",
    [
        "      command: [fastdeploy, serve, --max-num-seqs, '4']\n",
        COMMAND + "      args: ['--max-num-seqs=4']\n",
        COMMAND + "      args: ['--max-num-seqs', $(N)]\n      env: [{name: N, value: '4'}]\n",
        "      args: ['--max-num-seqs', '4']\n",
        "      command: [sh, -c]\n      args: ['fastdeploy serve --max-num-seqs $N']\n"
        "      env: [{name: M, value: '4'}, {name: N, value: $(M)}]\n",
        "      command: [sh, -c, 'exec \"$@\"', --]\n      args: [fastdeploy, serve, --max-num-seqs, '4']\n",
    ],
)
def test_every_way_to_write_a_command_means_the_same(body: str, tmp_path: Path) -> None:
    assert only(written(tmp_path, "pod.yaml", POD + body)).config.max_num_seqs == 4


def test_a_doubled_dollar_is_no_reference(tmp_path: Path) -> None:
    body = "      command: [sh, -c, 'fastdeploy serve --max-num-seqs $$(nproc)']\n"
    (found,) = written(tmp_path, "pod.yaml", POD + body)
    assert isinstance(found, Unreadable)
    assert found.error.problem == "the value of $(…) is not known here"


def test_flags_of_another_image_are_not_taken_for_an_engine_s(tmp_path: Path) -> None:
    text = "kind: Pod\nspec:\n  containers:\n    - {name: a, image: nginx, args: [--max-num-seqs, '4']}\n"
    (found,) = written(tmp_path, "pod.yaml", text)
    assert isinstance(found, Unreadable)
    assert found.error.problem.startswith("no launch command of a known engine")


def test_a_script_alone_in_a_config_map_is_read(tmp_path: Path) -> None:
    text = "kind: ConfigMap\nmetadata: {name: scripts}\ndata:\n  run.sh: |\n    set -e\n    fastdeploy serve \\\n"
    text += "      --max-num-seqs 4\n  notes.txt: fastdeploy serve\n"
    deployment = only(written(tmp_path, "cm.yaml", text))
    assert (deployment.config.max_num_seqs, line(deployment)) == (4, 7)


def test_config_files_of_the_same_name_are_told_apart_by_their_path(tmp_path: Path) -> None:
    text = POD + COMMAND + "      args: [--config, /b/c.yaml]\n"
    text += "      volumeMounts: [{name: a, mountPath: /a}, {name: b, mountPath: /b/}]\n"
    text += "  volumes: [{name: a, configMap: {name: one}}, {name: b, configMap: {name: two}}]\n"
    for name, number in (("one", 1), ("two", 2)):
        text += f"---\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata:\n  c.yaml: 'max_num_seqs: {number}'\n"
    assert only(written(tmp_path, "pod.yaml", text)).config.max_num_seqs == 2


def test_text_that_is_on_one_line_of_the_file_stays_there(tmp_path: Path) -> None:
    config, script = "a: 1\\nmax_num_seqs: 4\\n", "cd /\\nfastdeploy serve --config /c.yaml\\\\\\n --block-size 32"
    text = '{"kind": "List", "items": [\n{"kind": "ConfigMap", "metadata": {"name": "c"}, "data": {\n'
    text += f'"c.yaml": "{config}"}}}},\n'
    text += f'{{"kind": "Pod", "spec": {{"containers": [{{\n"command": ["sh", "-c",\n"{script}"]}}],\n'
    text += '"volumes": [{"name": "c", "configMap": {"name": "c"}}]}}]}'
    deployment = only(written(tmp_path, "pod.json", text))
    assert (deployment.config.max_num_seqs, deployment.config.block_size) == (4, 32)
    assert (line(deployment), line(deployment, "block_size")) == (3, 6)


def test_an_object_without_containers_starts_nothing(tmp_path: Path) -> None:
    (found,) = written(tmp_path, "service.yaml", "kind: Service\nspec: {ports: [{port: 80}]}\n")
    assert isinstance(found, Unreadable)
    assert found.error.problem.startswith("no launch command of a known engine")


@pytest.mark.parametrize("value", ["1", "[1]", "{a: 1}", "null", "true", "[[x]]", "[{name: x}]", "'$(A'"])
@pytest.mark.parametrize(
    "key", ["containers", "command", "args", "env", "envFrom", "image", "volumeMounts", "name"]
)
def test_values_of_the_wrong_kind_are_answered(key: str, value: str, tmp_path: Path) -> None:
    text = f"kind: Pod\nspec:\n  containers:\n    - command: [fastdeploy, serve]\n      {key}: {value}\n"
    if key in ("containers", "command"):
        text = f"kind: Pod\nspec:\n  containers:\n    - {{name: x}}\n    - {key}: {value}\n"
    for outcome in written(tmp_path, "pod.yaml", text):
        assert not isinstance(outcome, Unreadable) or outcome.error.problem


def test_sources_of_variables_that_are_not_here_are_noted(tmp_path: Path) -> None:
    config_map = "---\nkind: ConfigMap\nmetadata: {name: here}\ndata: {FD_DETERMINISTIC_MODE: '1'}\n"
    names = "[{configMapRef: {name: here}}, {configMapRef: {name: other}}, {secretRef: {name: token}}]"
    text = f"{POD}{COMMAND}      args: [--max-num-seqs, '4']\n      envFrom: {names}\n{config_map}"
    found = only(written(tmp_path, "pod.yaml", text))
    assert found.config.deterministic
    assert found.notes == (
        "ConfigMap other, which envFrom names, is not here: what it sets is not known",
        "Secret token, which envFrom names, is not here: what it sets is not known",
    )
