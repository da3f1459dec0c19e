"""FastDeploy's flags become the configuration that the engine would run with."""

import pytest

from schedproof import POLICIES, Platform, Role, ServingConfig, SpeculativeConfig, SpeculativeMethod
from schedproof.engines.fastdeploy.releases import ALWAYS_CHUNKING, VERSIONS
from schedproof_gate.deployment.deployment_file import read_command
from schedproof_gate.deployment.engines import NamedVersion
from schedproof_gate.deployment.fastdeploy import FASTDEPLOY
from schedproof_gate.deployment.given import Given, Origin
from schedproof_gate.deployment.settings import Settings, Style
from schedproof_gate.deployment.tree import Node
from schedproof_gate.errors import InputError
from schedproof_gate.report.wording import in_own_flags

MTP = SpeculativeConfig(method=SpeculativeMethod.MTP, num_speculative_tokens=3)
HERE = Origin("a.yaml", 1, "here")


def config(*words: str) -> ServingConfig:
    return read_command(words, FASTDEPLOY).config


def refused(*words: str) -> str:
    with pytest.raises(InputError) as caught:
        config(*words)
    return str(caught.value)


def test_without_flags_the_engine_s_defaults_count() -> None:
    assert config("api_server.py") == ServingConfig(
        max_num_seqs=8,
        max_num_batched_tokens=8192,
        max_model_len=2048,
        block_size=64,
        num_kv_blocks=None,
        speculation=SpeculativeConfig(method=SpeculativeMethod.NONE, num_speculative_tokens=1),
    )


@pytest.mark.parametrize(
    ("words", "field", "value"),
    [
        (["--max-num-seqs", "64"], "max_num_seqs", 64),
        (["--max_num_seqs=64"], "max_num_seqs", 64),
        (["--max-num-seq", "64"], "max_num_seqs", 64),
        (["--max-num-batched-tokens", "4096"], "max_num_batched_tokens", 4096),
        (["--max-model-len", "32768"], "max_model_len", 32768),
        (["--block-size", "32"], "block_size", 32),
        (["--num-gpu-blocks-override", "1024"], "num_kv_blocks", 1024),
        (["--tensor-parallel-size", "4"], "tensor_parallel_size", 4),
        (["-tp", "4"], "tensor_parallel_size", 4),
        (["--data-parallel-size", "8"], "data_parallel_size", 8),
        (["--prealloc-dec-block-slot-num-threshold", "0"], "prealloc_dec_block_slot_num_threshold", 0),
        (["--splitwise-role", "decode"], "role", Role.DECODE),
        (["--splitwise-config", '{"role": "prefill"}'], "role", Role.PREFILL),
        (["--speculative-config", '{"method": "mtp", "num_speculative_tokens": 3}'], "speculation", MTP),
        (["--enable-expert-parallel", "-tp", "2", "--data-parallel-size", "4"], "expert_parallel_size", 8),
        (["-tp", "2", "--data-parallel-size", "4"], "expert_parallel_size", 1),
        (["FD_DISABLE_CHUNKED_PREFILL=1", "api_server.py"], "chunked_prefill", False),
        (["FD_DISABLE_CHUNKED_PREFILL=0", "api_server.py"], "chunked_prefill", True),
        (["FD_DETERMINISTIC_MODE=1", "api_server.py"], "deterministic", True),
        (["FD_DETERMINISTIC_SPLIT_KV_SIZE=32", "api_server.py"], "split_kv_size", 32),
        (["FD_ENC_DEC_BLOCK_NUM=4", "api_server.py"], "enc_dec_block_num", 4),
        (["NVSHMEM_QP_DEPTH=4096", "api_server.py"], "dispatch_queue_depth", 4096),
        (["XPU_VISIBLE_DEVICES=0", "api_server.py"], "platform", Platform.XPU),
        (["MACA_VISIBLE_DEVICES=0", "api_server.py"], "platform", Platform.MACA),
        (["--enable-chunked-prefill"], "enable_chunked_prefill", True),
        (["--no-enable-chunked-prefill"], "enable_chunked_prefill", False),
        (["--splitwise-role", "decode"], "has_router", False),
        (["--splitwise-role", "decode", "--router", "0.0.0.0:30000"], "has_router", True),
        (["--splitwise-role", "prefill", "--router", "$ROUTER"], "has_router", True),
        (["--splitwise-role", "decode", "--scheduler-name", "local"], "has_router", False),
        (["--splitwise-role", "decode", "--scheduler-name", "splitwise"], "has_router", True),
        (["--splitwise-role", "decode", "--scheduler-name", "splitwise"], "has_splitwise_scheduler", True),
        (["--splitwise-role", "decode", "--scheduler-name", "dp"], "has_splitwise_scheduler", False),
        (["--scheduler-name", "splitwise"], "has_splitwise_scheduler", False),
        (["--max-num-seqs", "8"], "has_router", True),
        (["docker", "run", "-e", "NVSHMEM_QP_DEPTH=64", "x", "fastdeploy", "serve"], "dispatch_queue_depth", 64),
    ],
)
def test_each_flag_reaches_its_field(words: list[str], field: str, value: object) -> None:
    assert getattr(config(*words), field) == value


def test_the_budget_defaults_to_the_context_without_chunked_prefill() -> None:
    words = ("FD_DISABLE_CHUNKED_PREFILL=1", "api_server.py", "--max-model-len", "32768")
    assert config(*words).max_num_batched_tokens == 32768
    assert config(*words, "--max-num-batched-tokens", "4096").max_num_batched_tokens == 4096


@pytest.mark.parametrize("platform", ["maca", "iluvatar"])
def test_the_budget_defaults_to_the_context_on_other_gpus(platform: str) -> None:
    settings = Settings(
        source="a.yaml",
        style=Style.FILE,
        flags={"max_model_len": Given(value=32768, origin=HERE)},
        platform=Given(value=platform, origin=HERE),
    )
    assert FASTDEPLOY.understand(settings).config.max_num_batched_tokens == 32768


@pytest.mark.parametrize(
    ("words", "is_on"),
    [
        ([], True),
        (["--splitwise-role", "prefill"], False),
        (["--splitwise-role", "decode"], False),
        (["--splitwise-role", "decode", "--enable-chunked-prefill"], True),
        (["XPU_VISIBLE_DEVICES=0", "api_server.py"], False),
        (["XPU_VISIBLE_DEVICES=0", "api_server.py", "--enable-chunked-prefill"], True),
        (["MACA_VISIBLE_DEVICES=0", "api_server.py"], True),
        (["FD_DISABLE_CHUNKED_PREFILL=1", "api_server.py"], False),
        (["FD_DISABLE_CHUNKED_PREFILL=1", "api_server.py", "--enable-chunked-prefill"], True),
    ],
)
def test_chunked_prefill_is_on_by_default_for_mixed_nodes_on_gpus(words: list[str], is_on: bool) -> None:
    assert config(*words).enables_chunked_prefill is is_on


@pytest.mark.parametrize(("modality", "longest"), [(None, 700), ("mixed", 700), ("text", 0)])
def test_a_model_that_is_deployed_for_text_has_no_items(modality: str | None, longest: int) -> None:
    items = Node({"image": Node(100, 1), "video": Node(700, 1)}, 1)
    settings = Settings(
        source="a.yaml",
        style=Style.FILE,
        flags={} if modality is None else {"deploy_modality": Given(value=modality, origin=HERE)},
        model={"mm_max_tokens_per_item": Given(value=items.value, origin=HERE)},
    )
    assert FASTDEPLOY.understand(settings).config.max_multimodal_item_tokens == longest


@pytest.mark.parametrize("policy", sorted(ALWAYS_CHUNKING))
def test_old_schedulers_cut_prompts_whatever_the_variable_says(policy: str) -> None:
    words = ("FD_DISABLE_CHUNKED_PREFILL=1", "api_server.py", "--max-model-len", "32768")
    deployment = read_command(words, FASTDEPLOY, NamedVersion(VERSIONS[policy]))
    assert deployment.config.chunked_prefill
    assert deployment.config.max_num_batched_tokens == 8192
    assert deployment.notes == (
        "FD_DISABLE_CHUNKED_PREFILL does not stop the scheduler of this version from cutting prompts into chunks; "
        "it does so since PR 7152, in release 2.6",
    )


def test_nothing_stops_an_old_scheduler_from_chunking() -> None:
    words = ("api_server.py", "--no-enable-chunked-prefill")
    deployment = read_command(words, FASTDEPLOY, NamedVersion(VERSIONS["original"]))
    assert deployment.notes[0].endswith("from cutting prompts into chunks; nor does anything else")


@pytest.mark.parametrize(
    ("words", "policy", "sentence"),
    [
        (
            ["--splitwise-role", "decode", "--max-num-seqs", "8", "--max-model-len", "8192"],
            "original",
            "--splitwise-role is decode, and this version does not start such a node with the local scheduler and "
            "without a router; set --router to the address of the router, HOST:PORT",
        ),
        (
            ["--splitwise-role", "decode", "--scheduler-name", "splitwise", "--max-model-len", "8192"],
            "7756",
            "--splitwise-role is decode, and --scheduler-name splitwise serves such nodes no longer; remove "
            "--scheduler-name, and give the router's address as --router",
        ),
        (
            ["--num-gpu-blocks-override", "129", "--max-model-len", "8192"],
            "7756",
            "--max-model-len 8192 is 128 KV blocks of --block-size 64, FD_ENC_DEC_BLOCK_NUM adds 2, and "
            "--num-gpu-blocks-override gives 129; raise --num-gpu-blocks-override to 130 or lower --max-model-len",
        ),
    ],
)
def test_a_refusal_names_the_person_s_flags(words: list[str], policy: str, sentence: str) -> None:
    deployment = read_command(tuple(words), FASTDEPLOY)
    (problem,) = POLICIES[policy].problems(deployment.config)
    assert in_own_flags(problem, deployment) == sentence


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("mtp", SpeculativeMethod.MTP),
        ("hybrid_mtp_ngram", SpeculativeMethod.MTP),
        ("ngram", SpeculativeMethod.NGRAM),
        ("ngram_match", SpeculativeMethod.NGRAM),
        ("suffix", SpeculativeMethod.SUFFIX),
    ],
)
def test_methods_by_every_name(method: str, expected: SpeculativeMethod) -> None:
    speculation = config("--speculative-config", f'{{"method": "{method}", "num_model_steps": 2}}').speculation
    assert speculation == SpeculativeConfig(method=expected, num_speculative_tokens=1, num_model_steps=2)


def test_naive_runs_no_drafts_whatever_is_configured() -> None:
    speculation = config("--speculative-config", '{"method": "naive", "num_speculative_tokens": 4}').speculation
    assert speculation == SpeculativeConfig(method=SpeculativeMethod.NAIVE, num_speculative_tokens=0)


def test_other_flags_of_the_engine_are_passed_over() -> None:
    words = [
        "--port",
        "8180",
        "--quantization",
        "wint4",
        "--enable-prefix-caching",
        "--graph-optimization-config",
        "{}",
        "-x",
        "y",
    ]
    assert config(*words, "--max-num-seqs", "16").max_num_seqs == 16


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--max-num-batchd-tokens", "1"],
            "--max-num-batchd-tokens: unknown flag; did you mean --max-num-batched-tokens?",
        ),
        (["--max-seqs", "1"], "--max-seqs: unknown flag; did you mean --max-num-seqs?"),
        (["--max-num-seqs"], "--max-num-seqs: the flag has no value; write the value after it"),
        (["--max-num-seqs", "--port", "1"], "--max-num-seqs: the flag has no value; write the value after it"),
        (["--max-num-seqs", "8.5"], "--max-num-seqs: '8.5' is not a whole number; give digits only"),
        (["--max-num-seqs", "eight"], "--max-num-seqs: 'eight' is not a whole number; give digits only"),
        (["--max-num-seqs", "-5"], "--max-num-seqs: -5 is out of range; give a number from 1 to 2147483647"),
        (["--max-num-seqs", "0"], "--max-num-seqs: 0 is out of range; give a number from 1 to 2147483647"),
        (
            ["--max-num-seqs", "2147483648"],
            "--max-num-seqs: 2147483648 is out of range; give a number from 1 to 2147483647",
        ),
        (["--max-num-seqs", "9" * 50], "is not a whole number; give digits only"),
        (["--max-num-seqs", "٣"], "--max-num-seqs: '٣' is not a whole number; give digits only"),
        (["--max-num-seqs", "1", "--max-num-seqs", "1"], "the flag is given twice (first as --max-num-seqs)"),
        (["--max-num-seqs", "1", "--max_num_seqs", "2"], "the flag is given twice (first as --max-num-seqs)"),
        (
            ["--max-num-seqs", "1", "--max-num-seq=2"],
            "--max-num-seq: the flag is given twice (first as --max-num-seqs)",
        ),
        (["--max-num", "1"], "the abbreviation stands for any of --max-num-batched-tokens, --max-num-partial"),
        (["--splitwise-role", "decoder"], "'decoder' is not one of mixed, prefill, decode; give one of these"),
        (
            ["--splitwise-role", "mixed", "--splitwise-config", '{"role": "decode"}'],
            "differs from --splitwise-role",
        ),
        (["--deploy-modality", "image"], "--deploy-modality: 'image' is not one of mixed, text; give one of these"),
        (["--speculative-config", "mtp"], "--speculative-config: not valid JSON: Expecting value"),
        (["--speculative-config", "[1]"], "--speculative-config: a list is not a JSON object"),
        (
            ["--speculative-config", '{"method": "eagle"}'],
            "--speculative-config.method: 'eagle' is not one of mtp,",
        ),
        (
            ["--speculative-config", '{"num_speculative_token": 1}'],
            "unknown key; did you mean num_speculative_tokens?",
        ),
        (["--speculative-config", '{"num_speculative_tokens": "3"}'], "'3' is not a whole number"),
        (["--speculative-config", '{"num_speculative_tokens": true}'], "true is not a whole number"),
        (["--speculative-config", '{"num_speculative_tokens": 3.0}'], "3.0 is not a whole number"),
        (
            ["--speculative-config", '{"method": "mtp", "method": "mtp"}'],
            "--speculative-config.method: the key is given twice",
        ),
        (["--enable-expert-parallel=yes"], "--enable-expert-parallel: 'yes' is not 0 or 1; give 0 or 1"),
        (["ENABLE_V1_KVCACHE_SCHEDULER=0", "api_server.py"], "selects the scheduler before V1"),
        (["FD_DISABLE_CHUNKED_PREFIL=1", "api_server.py"], "did you mean FD_DISABLE_CHUNKED_PREFILL?"),
        (["FD_DISABLE_CHUNKED_PREFILL=true", "api_server.py"], "'true' is not 0 or 1; give 0 or 1"),
        (["FD_USE_NEW_TOKEN_RATIO_RESERVE=0", "api_server.py"], "brings back the output reserve of before PR 7444"),
        (["FD_INIT_NEW_TOKEN_RATIO=1.5", "api_server.py"], "reserves more than is left to generate"),
        (["FD_MIN_NEW_TOKEN_RATIO=nan", "api_server.py"], "'nan' is out of range; give a number from 0 to 1"),
        (["FD_NEW_TOKEN_RATIO_DECAY=-1", "api_server.py"], "'-1' is out of range"),
        (["FD_INIT_NEW_TOKEN_RATIO=half", "api_server.py"], "'half' is not a number"),
        (["FD_MAX_INFLIGHT_PREFILL=0", "api_server.py"], "FD_MAX_INFLIGHT_PREFILL: 0 is out of range"),
    ],
)
def test_a_wrong_flag_is_named_with_the_way_out(words: list[str], message: str) -> None:
    error = refused(*words)
    assert error.startswith("command line: ")
    assert message in error
    assert "\n" not in error


def test_a_reserve_within_the_proofs_is_accepted_and_older_versions_have_none() -> None:
    usual = config("api_server.py")
    assert config("FD_INIT_NEW_TOKEN_RATIO=1", "FD_USE_NEW_TOKEN_RATIO_RESERVE=1", "api_server.py") == usual
    words = ("FD_USE_NEW_TOKEN_RATIO_RESERVE=0", "api_server.py")
    assert read_command(words, FASTDEPLOY, NamedVersion(policy=POLICIES["7756"])).config == usual


@pytest.mark.parametrize("word", ["--no-enable-chunked-prefill", "--enable-chunked-prefill=0"])
def test_only_the_variable_stops_the_scheduler_from_chunking(word: str) -> None:
    deployment = read_command(("api_server.py", word), FASTDEPLOY)
    assert deployment.config.chunked_prefill
    assert "FD_DISABLE_CHUNKED_PREFILL=1 does" in deployment.notes[0]


def test_an_expert_parallel_deployment_without_its_model_says_so() -> None:
    deployment = read_command(("--enable-expert-parallel", "-tp", "8"), FASTDEPLOY)
    assert "the model's config.json was not found" in deployment.notes[0]
    assert "taken as the preset 128" in deployment.notes[0]
    assert read_command(("-tp", "8"), FASTDEPLOY).notes == ()


@pytest.mark.parametrize(
    ("words", "notes"),
    [
        (
            ("--swap-space", "4"),
            ("--swap-space turns on KV blocks in host memory, which no verdict here speaks of",),
        ),
        (("--swap-space", "0"), ()),
        (
            ("--kvcache-storage-backend", "file"),
            ("--kvcache-storage-backend turns on KV blocks in storage, which no verdict here speaks of",),
        ),
        (
            ("--enable-output-caching",),
            ("--enable-output-caching turns on prefix caching of output, which no verdict here speaks of",),
        ),
    ],
)
def test_what_is_not_modelled_is_named(words: tuple[str, ...], notes: tuple[str, ...]) -> None:
    assert read_command(words, FASTDEPLOY).notes == notes
