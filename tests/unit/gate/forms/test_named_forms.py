"""Forms of one project each, engines that are known by name alone, and forms that are known and not read."""

from pathlib import Path

import pytest
from reading_forms import example, line, summary, written

from schedproof import Role
from schedproof_gate.deployment.deployment import Deployment
from schedproof_gate.deployment.deployment_file import NotModelled, Unreadable, read_deployments
from schedproof_gate.errors import InputError


def test_the_services_of_a_dynamo_graph() -> None:
    found = example("dynamo.yaml")
    assert summary(found) == [
        ("dynamo.yaml:25 (DynamoGraphDeployment/disagg, prefill)", "sglang"),
        ("dynamo.yaml:38 (DynamoGraphDeployment/disagg, decode)", 10),
    ]
    decode = found[1]
    assert isinstance(decode, Deployment)
    assert (decode.config.role, decode.config.deterministic) == (Role.DECODE, True)
    assert (line(decode), line(decode, "role"), line(decode, "deterministic")) == (40, 39, 8)


def test_the_objects_of_kserve() -> None:
    assert summary(example("kserve.yaml")) == [
        ("kserve.yaml:9 (ServingRuntime/fastdeploy, container kserve-container)", 6),
        ("kserve.yaml:21 (InferenceService/ernie, container kserve-container)", 7),
        ("kserve.yaml:31 (LLMInferenceService/mtp, container main)", "vllm"),
        ("kserve.yaml:37 (LLMInferenceService/mtp, prefill, container main)", "vllm"),
    ]


def test_the_values_of_the_llm_d_chart() -> None:
    assert summary(example("llm-d-values.yaml")) == [
        ("llm-d-values.yaml:11 (decode, container engine)", 8),
        ("llm-d-values.yaml:16 (prefill, container vllm)", "vllm"),
    ]


def test_the_roles_of_an_srt_slurm_recipe() -> None:
    found = example("srt-slurm.yaml")
    assert summary(found) == [("srt-slurm.yaml:7 (prefill)", 4), ("srt-slurm.yaml:8 (decode)", 32)]
    prefill = found[0]
    assert isinstance(prefill, Deployment)
    assert not prefill.config.chunked_prefill
    assert (line(found[0]), line(found[1])) == (7, 9)
    assert summary(example("srt-slurm-trtllm.yaml")) == [
        ("srt-slurm-trtllm.yaml:3 (prefill)", "tensorrt-llm"),
        ("srt-slurm-trtllm.yaml:7 (decode)", "tensorrt-llm"),
    ]


def test_the_servers_of_a_tensorrt_llm_file(tmp_path: Path) -> None:
    text = "hostname: h\nbackend: pytorch\ncontext_servers: {num_instances: 1}\ngeneration_servers: {urls: [a]}\n"
    found = written(tmp_path, "disagg.yaml", text)
    assert [type(outcome) for outcome in found] == [NotModelled, NotModelled]


@pytest.mark.parametrize(
    ("command", "engine"),
    [
        ("vllm serve Qwen/Qwen3-8B --max-num-seqs 4", "vllm"),
        ("python3 -m vllm.entrypoints.openai.api_server --model x", "vllm"),
        ("python /opt/vllm/entrypoints/openai/api_server.py --model x", "vllm"),
        ("uv run vllm serve x", "vllm"),
        ("docker run --gpus all -e A=B vllm/vllm-openai:v1 vllm serve x", "vllm"),
        ("python -m sglang.launch_server --model-path x --tp 8", "sglang"),
        ("SGLANG_X=1 sglang serve --model-path x", "sglang"),
        ("mpirun -n 8 trtllm-llmapi-launch trtllm-serve serve x --max_batch_size 32", "tensorrt-llm"),
        ("trtllm-serve x", "tensorrt-llm"),
        ("python3 -m dynamo.trtllm --model-path x", "tensorrt-llm"),
    ],
)
def test_engines_without_rules_are_named(command: str, engine: str, tmp_path: Path) -> None:
    (found,) = written(tmp_path, "run.sh", command)
    assert isinstance(found, NotModelled)
    assert (found.engine, found.line) == (engine, 1)
    name = {"vllm": "vLLM", "sglang": "SGLang", "tensorrt-llm": "TensorRT-LLM"}[engine]
    sentence = f"the engine is {name}, which is recognised and for which schedproof has no rules"
    assert found.sentence == f"{sentence}: nothing was checked"
    with pytest.raises(InputError, match=sentence):
        read_deployments(tmp_path / "run.sh")


@pytest.mark.parametrize(
    "command",
    [
        "pip install fastdeploy",
        "cd /opt/fastdeploy",
        "echo python -m fastdeploy.entrypoints.openai.api_server",
        "pkill -f fastdeploy.entrypoints.openai.api_server",
        "docker pull paddlepaddle/fastdeploy",
        "grep -c 'vllm serve' log",
        "fastdeploy bench latency",
        "cmake .. \n  --max-num-seqs 4",
    ],
)
def test_a_command_that_only_names_an_engine_starts_none(command: str, tmp_path: Path) -> None:
    (found,) = written(tmp_path, "run.sh", command)
    assert isinstance(found, Unreadable)
    assert found.error.problem.startswith("no launch command of a known engine")


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("kustomization.yaml", "kind: Kustomization\nresources: [a.yaml]\n", "a Kustomization is not read"),
        ("a.yaml", "kind: Pod\nspec:\n  {{- if .Values.x }}\n  a: 1\n", "a template of a Helm chart is not read"),
        ("a.yaml", "kind: Pod\nspec: {a: '{{ .Values.x }}'}\n", "a template of a Helm chart is not read"),
        ("a.yaml", "kind: HelmRelease\n", "a Flux HelmRelease is not read"),
        ("a.yaml", "on: push\njobs: {a: {}}\n", "a GitHub workflow is not read"),
        ("a.yaml", "- {hosts: all, tasks: []}\n", "an Ansible playbook is not read"),
        ("a.service", "[Unit]\nA=b\n[Service]\nExecStart=fastdeploy serve\n", "a systemd unit is not read"),
        ("a.ipynb", '{"cells": [], "nbformat": 4}', "a Jupyter notebook is not read"),
    ],
)
def test_a_known_form_that_is_not_read_says_its_name(name: str, text: str, problem: str, tmp_path: Path) -> None:
    (found,) = written(tmp_path, name, text)
    assert isinstance(found, Unreadable)
    assert found.error.problem == problem
    assert found.error.advice
