"""What the engine refuses at start-up, and the sentence that says how to get it going."""

import re

import pytest

from schedproof import POLICIES, REFERENCE, Role, ServingConfig, SpeculativeConfig, SpeculativeMethod
from schedproof.engines.fastdeploy import startup

MTP = SpeculativeConfig(method=SpeculativeMethod.MTP, num_speculative_tokens=5)

REFUSED = [
    (
        startup.SEQS_IN_RANGE,
        ServingConfig(max_num_seqs=257),
        "max_num_seqs is 257; set it between 1 and 256",
    ),
    (
        startup.MODEL_LEN_IN_RANGE,
        ServingConfig(max_model_len=15, max_num_batched_tokens=64),
        "max_model_len is 15; set it to at least 16",
    ),
    (
        startup.BLOCK_FITS_BUDGET,
        ServingConfig(max_num_batched_tokens=63),
        "max_num_batched_tokens is 63, less than block_size 64; raise max_num_batched_tokens to 64 or more",
    ),
    (
        startup.BUDGET_CAN_BE_FILLED,
        ServingConfig(max_num_seqs=1, max_model_len=4096),
        "max_num_batched_tokens is 8192, more than max_model_len * max_num_seqs = 4096; "
        "lower it to that or raise max_num_seqs",
    ),
    (
        startup.MTP_DRAFTS_IN_RANGE,
        ServingConfig(speculation=SpeculativeConfig(method=SpeculativeMethod.MTP, num_speculative_tokens=6)),
        "num_speculative_tokens is 6; MTP takes 1 to 5: change it in speculative_config",
    ),
    (
        startup.DECODES_FIT_BUDGET,
        ServingConfig(max_num_seqs=100, max_num_batched_tokens=599, speculation=MTP),
        "max_num_seqs * tokens_per_seq = 100 * 6 = 600 is more than max_num_batched_tokens 599; "
        "raise max_num_batched_tokens to 600 or lower max_num_seqs to 99",
    ),
    (
        startup.DRAFTS_FIT_MESSAGE,
        ServingConfig(speculation=SpeculativeConfig(method=SpeculativeMethod.NGRAM, num_speculative_tokens=6)),
        "num_speculative_tokens is 6; the output message carries 6 tokens per sequence: lower it to 5 or less",
    ),
    (
        startup.WHOLE_PROMPT_FITS_BUDGET,
        ServingConfig(max_num_batched_tokens=8191, chunked_prefill=False),
        "max_num_batched_tokens is 8191, less than max_model_len 8192, and chunked prefill is off; "
        "raise max_num_batched_tokens to 8192 or enable chunked prefill",
    ),
    (
        startup.ITEM_FITS_BESIDE_DECODES,
        ServingConfig(
            max_num_seqs=5, max_num_batched_tokens=1023, max_multimodal_item_tokens=1000, speculation=MTP
        ),
        "a multimodal item of 1000 tokens does not fit max_num_batched_tokens 1023 while the other sequences "
        "decode; raise max_num_batched_tokens or lower max_num_seqs",
    ),
    (
        startup.ALIGNED_CHUNK_FITS_BESIDE_DECODES,
        ServingConfig(max_num_seqs=65, max_num_batched_tokens=79, deterministic=True),
        "split_kv_size 16 does not fit max_num_batched_tokens 79 while the other sequences decode; "
        "raise max_num_batched_tokens or lower max_num_seqs",
    ),
    (
        startup.LONGEST_REQUEST_FITS_POOL,
        ServingConfig(num_kv_blocks=127),
        "a request of max_model_len 8192 needs 128 KV blocks, the pool has 127; "
        "raise num_gpu_blocks_override or lower max_model_len",
    ),
    (
        startup.DISPATCH_FITS_LIBRARY,
        ServingConfig(max_num_seqs=85, speculation=MTP, expert_parallel_size=8, num_experts=64),
        "512 dispatch tokens per rank break a limit of DeepEP (at most 1024; queue depth 1024 >= 2 * "
        "(tokens + 1); 64 experts divisible by 8 ranks); lower max_num_seqs or raise NVSHMEM_QP_DEPTH",
    ),
]


def test_every_check_of_the_reference_has_an_example() -> None:
    assert [check for check, _, _ in REFUSED] == list(REFERENCE.startup_checks())


@pytest.mark.parametrize(("check", "config", "sentence"), REFUSED, ids=[check.name for check, _, _ in REFUSED])
def test_the_sentence_names_the_flags_and_what_would_pass(
    check: startup.StartupCheck, config: ServingConfig, sentence: str
) -> None:
    assert not check.holds(config)
    assert check.problem(config) == sentence
    assert sentence in REFERENCE.problems(config)


ACCEPTED = [
    ServingConfig(),
    ServingConfig(max_num_seqs=256),
    ServingConfig(max_model_len=16, max_num_batched_tokens=64),
    ServingConfig(max_num_seqs=100, max_num_batched_tokens=600, speculation=MTP),
    ServingConfig(max_num_seqs=99, max_num_batched_tokens=599, speculation=MTP),
    ServingConfig(max_num_seqs=100, max_num_batched_tokens=64, role=Role.PREFILL, speculation=MTP),
    ServingConfig(max_num_seqs=5, max_num_batched_tokens=1024, max_multimodal_item_tokens=1000, speculation=MTP),
    ServingConfig(max_num_seqs=65, max_num_batched_tokens=80, deterministic=True),
    ServingConfig(num_kv_blocks=128),
    ServingConfig(max_num_seqs=84, speculation=MTP, expert_parallel_size=8, num_experts=64),
]
"""Each is at an edge that an example above is just beyond."""


@pytest.mark.parametrize("config", ACCEPTED, ids=range(len(ACCEPTED)))
def test_a_configuration_at_the_edge_starts(config: ServingConfig) -> None:
    assert REFERENCE.problems(config) == []


@pytest.mark.parametrize(
    ("policy", "sentence"),
    [
        ("original", "max_num_batched_tokens is 64, less than max_num_seqs 65; raise it to 65 or more"),
        ("7499", "less than max_num_seqs * tokens_per_seq = 65 * 6"),
        ("7756", "less than max_num_seqs * tokens_per_seq = 65 * 6"),
    ],
)
def test_upstream_sentences_name_the_limit_too(policy: str, sentence: str) -> None:
    config = ServingConfig(max_num_seqs=65, max_num_batched_tokens=64, speculation=MTP)
    problems = POLICIES[policy].problems(config)
    assert len(problems) == 1
    assert re.search(re.escape(sentence), problems[0])


def test_an_engine_names_every_problem_at_once() -> None:
    config = ServingConfig(max_num_seqs=300, max_num_batched_tokens=63)
    assert [problem.split(" is ")[0] for problem in REFERENCE.problems(config)] == [
        "max_num_seqs",
        "max_num_batched_tokens",
        "max_num_seqs * tokens_per_seq = 300 * 1 = 300",
    ]
