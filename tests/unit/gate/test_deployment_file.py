"""Every form of a deployment means the same, and keeps the person's own spelling and lines."""

from pathlib import Path

import pytest

from schedproof import POLICIES, Platform, Role, ServingConfig, SpeculativeConfig, SpeculativeMethod
from schedproof.engines.fastdeploy.releases import RELEASES
from schedproof_gate.deployment.deployment import Deployment
from schedproof_gate.deployment.deployment_file import read_command, read_deployments
from schedproof_gate.deployment.engines import NamedVersion
from schedproof_gate.deployment.fastdeploy import FASTDEPLOY
from schedproof_gate.deployment.given import Origin
from schedproof_gate.errors import InputError
from schedproof_gate.report.wording import flag_values, in_own_flags

EXPECTED = ServingConfig(
    max_num_seqs=64,
    max_num_batched_tokens=4096,
    max_model_len=2048,
    role=Role.DECODE,
    speculation=SpeculativeConfig(method=SpeculativeMethod.MTP, num_speculative_tokens=3),
    has_router=False,
)

FORMS = {
    "deployment.yaml": """\
engine: fastdeploy
args:
  max-num-seqs: 64
  max_num_batched_tokens: 4096
  splitwise_role: decode
  speculative_config: {method: mtp, num_speculative_tokens: 3}
""",
    "deployment.yml": """\
engine: fastdeploy
args:
  - --max-num-seqs=64
  - --max-num-batched-tokens
  - 4096
  - --splitwise-role
  - decode
  - --speculative-config
  - '{"method": "mtp", "num_speculative_tokens": 3}'
""",
    "deployment.toml": """\
engine = "fastdeploy"
[args]
max-num-seqs = 64
max_num_batched_tokens = 4096
splitwise_role = "decode"
speculative_config = '{"method": "mtp", "num_speculative_tokens": 3}'
""",
    "deployment.json": """\
{"engine": "fastdeploy", "args": {"max_num_seqs": 64, "max_num_batched_tokens": 4096, "splitwise_role": "decode",
 "speculative_config": {"method": "mtp", "num_speculative_tokens": 3}}}
""",
    "engine.yaml": """\
max_num_seqs: 64
max_num_batched_tokens: 4096
splitwise_role: decode
gpu_memory_utilization: 0.9
speculative_config:
  method: mtp
  num_speculative_tokens: 3
""",
    "launch.sh": """\
N=64
python -m fastdeploy.entrypoints.openai.api_server --model /m --max-num-seqs $N \\
  --max-num-batched-tokens 4096 --splitwise-role decode \\
  --speculative-config '{"method": "mtp", "num_speculative_tokens": 3}' > log 2>&1 &
""",
    "flags.txt": """\
--max-num-seqs 64 --max-num-batched-tokens 4096 --splitwise-role decode
--speculative-config '{"method": "mtp", "num_speculative_tokens": 3}'
""".replace("\n--", " \\\n--"),
    "without_suffix": "max_num_seqs: 64\nmax_num_batched_tokens: 4096\nsplitwise_role: decode\n"
    "speculative_config: {method: mtp, num_speculative_tokens: 3}\n",
}


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def read_one(path: Path, text: str) -> Deployment:
    (deployment,) = read_deployments(written(path, text))
    return deployment


def refused(path: Path, text: str) -> str:
    with pytest.raises(InputError) as caught:
        read_deployments(written(path, text))
    return str(caught.value).removeprefix(str(path))


@pytest.mark.parametrize("name", list(FORMS))
def test_every_form_means_the_same(name: str, tmp_path: Path) -> None:
    assert read_one(tmp_path / name, FORMS[name]).config == EXPECTED


@pytest.mark.parametrize(
    ("name", "spelling", "line"),
    [
        ("deployment.yaml", "max-num-seqs", 3),
        ("deployment.yml", "--max-num-seqs", 3),
        ("deployment.toml", "max-num-seqs", 3),
        ("deployment.json", "max_num_seqs", 1),
        ("engine.yaml", "max_num_seqs", 1),
        ("launch.sh", "--max-num-seqs", 2),
    ],
)
def test_every_value_keeps_its_spelling_and_line(name: str, spelling: str, line: int, tmp_path: Path) -> None:
    path = tmp_path / name
    deployment = read_one(path, FORMS[name])
    assert deployment.place("max_num_seqs") == Origin(str(path), line, spelling)


@pytest.mark.parametrize(
    ("name", "flag", "nested"),
    [
        ("engine.yaml", "num_gpu_blocks_override", "speculative_config.num_speculative_tokens"),
        ("launch.sh", "--num-gpu-blocks-override", "--speculative-config.num_speculative_tokens"),
    ],
)
def test_a_flag_that_was_not_given_is_spelled_in_the_style_of_the_form(
    name: str, flag: str, nested: str, tmp_path: Path
) -> None:
    deployment = read_one(tmp_path / name, FORMS[name])
    assert deployment.spelling("num_kv_blocks") == flag
    assert deployment.spelling("num_speculative_tokens") == nested


def test_messages_and_values_are_shown_in_the_person_s_flags(tmp_path: Path) -> None:
    path = tmp_path / "launch.sh"
    deployment = read_one(path, FORMS["launch.sh"])
    message = "max_num_seqs * tokens_per_seq exceeds max_num_batched_tokens; num_kv_blocks, block_sizes"
    assert in_own_flags(message, deployment) == (
        "--max-num-seqs * tokens_per_seq exceeds --max-num-batched-tokens; --num-gpu-blocks-override, block_sizes"
    )
    shown = flag_values(("max_num_seqs", "num_speculative_tokens", "max_model_len", "deterministic"), deployment)
    assert [(flag.flag, flag.value, flag.place) for flag in shown] == [
        ("--max-num-seqs", "64", "line 2"),
        ("--speculative-config.num_speculative_tokens", "3", "line 4"),
        ("--max-model-len", "2048", "default"),
    ]


def test_the_other_keys_of_a_deployment_count(tmp_path: Path) -> None:
    text = "engine: fastdeploy\npolicy: 7623\nplatform: xpu\nenv: {NVSHMEM_QP_DEPTH: 4096}\n"
    text += "model_config: {num_experts: 64, mm_max_tokens_per_item: {image: 100, video: 700}}\nargs: {}\n"
    deployment = read_one(tmp_path / "a.yaml", text)
    assert deployment.policy is not None
    assert deployment.policy.name == "7623"
    config = deployment.config
    assert (config.platform, config.dispatch_queue_depth) == (Platform.XPU, 4096)
    assert (config.num_experts, config.max_multimodal_item_tokens) == (64, 700)


@pytest.mark.parametrize("release", ["2.5", "'2.5'", "v2.5", "release/2.5", "2.5.3"])
def test_a_deployment_can_name_its_release(release: str, tmp_path: Path) -> None:
    deployment = read_one(tmp_path / "a.yaml", f"engine: fastdeploy\nrelease: {release}\nargs: {{}}\n")
    assert deployment.policy is RELEASES["2.5"].version
    assert deployment.notes[0].startswith("release 2.5 is version release-2.5: as 7438, ")
    assert deployment.notes[0].endswith(RELEASES["2.5"].note)


def test_a_release_that_is_a_policy_is_that_policy(tmp_path: Path) -> None:
    deployment = read_one(tmp_path / "a.toml", 'engine = "fastdeploy"\nrelease = "2.4"\n[args]\n')
    assert deployment.policy is POLICIES["original"]
    assert deployment.notes[0].startswith("release 2.4 is version original: budget B, ")


def test_a_version_that_is_named_on_the_command_line_counts_before_the_file(tmp_path: Path) -> None:
    path = written(tmp_path / "a.yaml", "engine: fastdeploy\nrelease: 2.5\nargs: {}\n")
    (deployment,) = read_deployments(path, NamedVersion(POLICIES["7623"]))
    assert (deployment.policy, deployment.notes) == (POLICIES["7623"], ())


def test_the_default_limit_is_that_of_the_release(tmp_path: Path) -> None:
    text = "engine: fastdeploy\nenv: {FD_DISABLE_CHUNKED_PREFILL: 1}\nargs: {max_model_len: 32768}\nrelease: "
    old, new = read_one(tmp_path / "a.yaml", text + "2.5\n"), read_one(tmp_path / "b.yaml", text + "2.6\n")
    assert (old.config.chunked_prefill, old.config.max_num_batched_tokens) == (True, 8192)
    assert "does not stop the scheduler of this version" in old.notes[1]
    assert (new.config.chunked_prefill, new.config.max_num_batched_tokens) == (False, 32768)
    assert len(new.notes) == 1


def test_a_model_beside_the_deployment_is_read(tmp_path: Path) -> None:
    written(
        tmp_path / "model" / "config.json",
        '{"num_max_dispatch_tokens_per_rank": 64, "text_config": {"n_routed_experts": [64, 96]}}',
    )
    deployment = read_one(tmp_path / "run.sh", "fastdeploy serve --model model --enable-expert-parallel -tp 8")
    assert deployment.config.num_max_dispatch_tokens_per_rank == 64
    assert deployment.config.num_experts == 32
    assert deployment.notes == ()
    place = deployment.place("num_max_dispatch_tokens_per_rank")
    assert place == Origin(str(tmp_path / "model" / "config.json"), 1, "num_max_dispatch_tokens_per_rank")


def test_a_model_can_be_named_by_file(tmp_path: Path) -> None:
    written(tmp_path / "m.json", '{"num_max_dispatch_tokens_per_rank": 0}')
    text = "engine: fastdeploy\nmodel_config: m.json\nargs: {max_num_seqs: 4}\n"
    assert read_one(tmp_path / "a.yaml", text).config.num_max_dispatch_tokens_per_rank == 0


def test_flags_override_the_config_file_that_they_name(tmp_path: Path) -> None:
    written(tmp_path / "c.yaml", "max_num_seqs: 4\nblock_size: 32\n")
    deployment = read_one(tmp_path / "run.sh", "fastdeploy serve --config c.yaml --max-num-seqs 16")
    assert (deployment.config.max_num_seqs, deployment.config.block_size) == (16, 32)
    assert deployment.place("block_size") == Origin(str(tmp_path / "c.yaml"), 2, "block_size")


def test_a_script_that_starts_two_nodes_is_two_deployments(tmp_path: Path) -> None:
    text = "api_server.py --splitwise-role prefill &\napi_server.py --splitwise-role decode &\nwait\n"
    path = written(tmp_path / "pd.sh", text)
    prefill, decode = read_deployments(path)
    assert (prefill.source, prefill.config.role) == (f"{path}:1", Role.PREFILL)
    assert (decode.source, decode.config.role) == (f"{path}:2", Role.DECODE)


def test_arguments_of_the_script_are_noted(tmp_path: Path) -> None:
    deployment = read_one(tmp_path / "run.sh", 'fastdeploy serve --max-num-seqs 4 "$@"')
    assert deployment.notes == ("arguments that are given to the script itself are not checked",)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.yaml", "- 1\n", ":1: the file is not a mapping; give `engine:` and `args:`"),
        ("a.yaml", "engine: fastdeploy\n", ":1: the key `args` is missing; add `args:`"),
        ("a.yaml", "args: {}\n", ":1: the key `engine` is missing; add `engine:`"),
        ("a.yaml", "engine: vllm\nargs: {}\n", ":1: engine: unknown engine 'vllm'; give one of: fastdeploy"),
        ("a.yaml", "engine: 5\nargs: {}\n", ":1: engine: 5 is not text; give text"),
        ("a.yaml", "engine: fastdeploy\nargs: 5\n", ":2: args: is neither a mapping nor a list; "),
        ("a.yaml", "engine: fastdeploy\nargs: [[1]]\n", ":2: args: an item is not a word; "),
        ("a.yaml", "engine: fastdeploy\nargs: {}\npolice: 1\n", ":3: police: unknown key; did you mean policy?"),
        (
            "a.yaml",
            "engine: fastdeploy\nargs: {}\npolicy: 775\n",
            ":3: policy: unknown policy '775'; did you mean 7756?",
        ),
        (
            "a.yaml",
            "engine: fastdeploy\nargs: {}\npolicy: x\n",
            ":3: policy: unknown policy 'x'; give one of: original,",
        ),
        (
            "a.yaml",
            "engine: fastdeploy\nargs: {}\nplatform: tpu\n",
            ":3: platform: 'tpu' is not one of cuda, gpu, xpu, maca, iluvatar; ",
        ),
        (
            "a.yaml",
            "engine: fastdeploy\nargs: {}\nrelease: 2.7\n",
            ":3: release: unknown release '2.7'; give one of: 2.3, 2.4, 2.5.0, 2.5, 2.6",
        ),
        (
            "a.yaml",
            "engine: fastdeploy\nargs: {}\nrelease: [2.4]\n",
            ":3: release: a list is not text; give text",
        ),
        (
            "a.yaml",
            "engine: fastdeploy\nargs: {}\npolicy: 7623\nrelease: 2.4\n",
            ":4: release: `policy` is given too, and both name the engine's version; keep one of the two",
        ),
        (
            "a.yaml",
            "engine: fastdeploy\nargs: {}\nplatform: dcu\n",
            ":3: platform: schedproof does not know FastDeploy's rules on 'dcu'; "
            "only cuda, gpu, xpu, maca, iluvatar can be checked",
        ),
        ("a.yaml", "engine: fastdeploy\nargs: {}\nenv: [1]\n", ":3: env: a list is not a JSON object; "),
        ("a.yaml", "engine: fastdeploy\nargs: {}\nmodel_config: x.json\n", "x.json: no such file; check the path"),
        (
            "a.yaml",
            "engine: fastdeploy\nargs:\n  max_num_seqs: '8'\n",
            ":3: max_num_seqs: '8' is not a whole number; ",
        ),
        (
            "a.yaml",
            "engine: fastdeploy\nargs:\n  max_num_seqs: true\n",
            ":3: max_num_seqs: true is not a whole number; ",
        ),
        (
            "a.yaml",
            "engine: fastdeploy\nargs:\n  max_num_seqs:\n",
            ":3: max_num_seqs: null is not a whole number; ",
        ),
        (
            "a.yaml",
            "engine: fastdeploy\nargs:\n  max_num_seqs: [8]\n",
            ":3: max_num_seqs: a list is not a whole number; ",
        ),
        (
            "a.yaml",
            "engine: fastdeploy\nargs:\n  max_num_seqs: 8\n  max-num-seqs: 8\n",
            ":4: max-num-seqs: the flag is given twice (first on line 3 as max_num_seqs); keep one of them",
        ),
        (
            "a.yaml",
            "max_num_batchd_tokens: 1\n",
            ":1: max_num_batchd_tokens: unknown flag; did you mean max_num_batched",
        ),
        ("a.yaml", "name: x\n", ":1: no key is a flag of a known engine; give `engine:` (fastdeploy) and `args:`"),
        ("a.sh", "echo hello\n", ": no launch command of a known engine (fastdeploy); "),
        ("a.sh", "fastdeploy serve --max-num-seqs $N\n", ":1: --max-num-seqs: the value of $N is not known here; "),
        ("a.sh", "fastdeploy serve --max-num-seqs=$N\n", ":1: --max-num-seqs: the value of $N is not known here; "),
        (
            "a.sh",
            "fastdeploy serve $ARGS\n",
            ":1: $ARGS: the value of $ARGS is not known here, and it can hold any flag; ",
        ),
        (
            "a.sh",
            "fastdeploy serve --$F 1\n",
            ":1: --$F: the value of $F is not known here, and it can hold any flag; ",
        ),
        (
            "a.sh",
            'fastdeploy serve --speculative-config "{\\"num_speculative_tokens\\": $K}"\n',
            ":1: --speculative-config: the value of $K is not known here; ",
        ),
        ("a.sh", "fastdeploy serve --config c.yaml\n", "c.yaml: no such file; check the path"),
        ("a.sh", "fastdeploy serve --config $C\n", ":1: --config: the value of $C is not known here; "),
    ],
)
def test_what_cannot_be_used_is_named_with_its_place(name: str, text: str, message: str, tmp_path: Path) -> None:
    assert refused(tmp_path / name, text).removeprefix(str(tmp_path) + "/").startswith(message)


def test_an_unknown_variable_where_it_does_not_matter_is_fine(tmp_path: Path) -> None:
    text = 'fastdeploy serve --model "$MODEL" --port $PORT --max-num-seqs 4'
    assert read_one(tmp_path / "run.sh", text).config.max_num_seqs == 4


def test_flags_on_the_command_line_have_no_file() -> None:
    deployment = read_command(("--max-num-seqs", "4"), FASTDEPLOY)
    assert deployment.source == "command line"
    assert deployment.place("max_num_seqs") == Origin("command line", None, "--max-num-seqs")
