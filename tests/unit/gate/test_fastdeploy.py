"""FastDeploy's flags become the configuration that the engine would run with."""

import pytest

from schedproof import Platform, Role, ServingConfig, SpeculativeConfig, SpeculativeMethod
from schedproof_gate.deployment.deployment_file import read_command
from schedproof_gate.deployment.fastdeploy import FASTDEPLOY
from schedproof_gate.errors import InputError

MTP = SpeculativeConfig(method=SpeculativeMethod.MTP, num_speculative_tokens=3)


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
        (["docker", "run", "-e", "NVSHMEM_QP_DEPTH=64", "x", "fastdeploy", "serve"], "dispatch_queue_depth", 64),
    ],
)
def test_each_flag_reaches_its_field(words: list[str], field: str, value: object) -> None:
    assert getattr(config(*words), field) == value


def test_the_budget_defaults_to_the_context_without_chunked_prefill() -> None:
    words = ("FD_DISABLE_CHUNKED_PREFILL=1", "api_server.py", "--max-model-len", "32768")
    assert config(*words).max_num_batched_tokens == 32768
    assert config(*words, "--max-num-batched-tokens", "4096").max_num_batched_tokens == 4096


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
    ],
)
def test_a_wrong_flag_is_named_with_the_way_out(words: list[str], message: str) -> None:
    error = refused(*words)
    assert error.startswith("command line: ")
    assert message in error
    assert "\n" not in error


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
