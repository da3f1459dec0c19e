"""What the engine refuses at start-up, and the sentence that says how to get it going."""

import re

import pytest

from schedproof import POLICIES, REFERENCE, Platform, Role, ServingConfig, SpeculativeConfig, SpeculativeMethod
from schedproof.engines.fastdeploy import startup
from schedproof.engines.fastdeploy.releases import VERSIONS

MTP = SpeculativeConfig(method=SpeculativeMethod.MTP, num_speculative_tokens=5)

REFUSED = [
    (
        startup.SEQS_FIT_MESSAGE,
        ServingConfig(max_num_seqs=257, speculation=MTP),
        "max_num_seqs is 257, and the output message has slots for 256 sequences; set it between 1 and 256",
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
        "max_num_batched_tokens is 8192, more than max_model_len * max_num_seqs = 4096 * 1; "
        "lower max_num_batched_tokens to 4096 or raise max_num_seqs to 2",
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
        "num_speculative_tokens is 6; the output message carries 6 tokens per sequence, and more run into those of "
        "the next: lower num_speculative_tokens to 5 or less",
    ),
    (
        startup.WHOLE_PROMPT_FITS_BUDGET,
        ServingConfig(max_num_batched_tokens=8191, chunked_prefill=False),
        "max_num_batched_tokens is 8191, less than max_model_len 8192, and prompts are not cut into chunks, so "
        "that a long one waits forever; raise max_num_batched_tokens to 8192, lower max_model_len to 8191, or set "
        "FD_DISABLE_CHUNKED_PREFILL to 0",
    ),
    (
        startup.ITEM_FITS_BESIDE_DECODES,
        ServingConfig(
            max_num_seqs=5, max_num_batched_tokens=1023, max_multimodal_item_tokens=1000, speculation=MTP
        ),
        "a multimodal item of 1000 tokens and 24 tokens of the other sequences' decodes are more than "
        "max_num_batched_tokens 1023, so that the item can wait forever; raise max_num_batched_tokens to 1024 or "
        "lower max_num_seqs to 4",
    ),
    (
        startup.ALIGNED_CHUNK_FITS_BESIDE_DECODES,
        ServingConfig(max_num_seqs=65, max_num_batched_tokens=79, deterministic=True),
        "an aligned chunk of split_kv_size 16 tokens and 64 tokens of the other sequences' decodes are more than "
        "max_num_batched_tokens 79, so that a prompt can wait forever; raise max_num_batched_tokens to 80 or lower "
        "max_num_seqs to 64",
    ),
    (
        startup.LONGEST_REQUEST_FITS_POOL,
        ServingConfig(num_kv_blocks=127),
        "a request of max_model_len 8192 needs 128 KV blocks, the pool has 127, so that it never ends; "
        "raise num_gpu_blocks_override to 128 or lower max_model_len",
    ),
    (
        startup.DISPATCH_FITS_LIBRARY,
        ServingConfig(max_num_seqs=85, speculation=MTP, expert_parallel_size=8, num_experts=64),
        "512 dispatch tokens per rank break a limit of DeepEP (at most 1024; queue depth 1024 >= 2 * "
        "(tokens + 1); 64 experts divisible by 8 ranks), which ends the process; lower max_num_seqs or raise "
        "NVSHMEM_QP_DEPTH",
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


NAIVE = SpeculativeConfig(method=SpeculativeMethod.NAIVE, num_speculative_tokens=0)
TWO = SpeculativeConfig(method=SpeculativeMethod.MTP, num_speculative_tokens=2)
SIX = SpeculativeConfig(method=SpeculativeMethod.NGRAM, num_speculative_tokens=6)
STEPS = SpeculativeConfig(method=SpeculativeMethod.MTP, num_speculative_tokens=3, num_model_steps=6)
OWN_OF_VERSIONS = [
    (
        "original",
        "seqs_in_range",
        ServingConfig(max_num_seqs=257),
        "max_num_seqs is 257; set it between 1 and 256",
    ),
    (
        "original",
        "seqs_fit_budget",
        ServingConfig(max_num_seqs=65, max_num_batched_tokens=64),
        "max_num_batched_tokens is 64, less than max_num_seqs 65; "
        "raise max_num_batched_tokens to 65 or lower max_num_seqs to 64",
    ),
    (
        "original",
        "pool_holds_context",
        ServingConfig(num_kv_blocks=127),
        "max_model_len 8192 is 128 KV blocks of block_size 64, and num_gpu_blocks_override gives 127; "
        "raise num_gpu_blocks_override to 128 or lower max_model_len",
    ),
    (
        "original",
        "capture_size_is_even",
        ServingConfig(max_num_seqs=7, speculation=TWO),
        "max_num_seqs * (num_speculative_tokens + 1) = 7 * 3 is odd, and this version captures graphs of an even "
        "number of tokens alone, even where CUDA graphs are off; set max_num_seqs to 8, or an odd "
        "num_speculative_tokens",
    ),
    (
        "original",
        "router_is_given",
        ServingConfig(role=Role.PREFILL, has_router=False),
        "splitwise_role is prefill, and this version does not start such a node with the local scheduler and "
        "without a router; set has_router to the address of the router, HOST:PORT",
    ),
    (
        "7237",
        "seqs_in_wider_range",
        ServingConfig(max_num_seqs=513),
        "max_num_seqs is 513; set it between 1 and 512",
    ),
    (
        "7237",
        "pool_holds_context_and_growth",
        ServingConfig(num_kv_blocks=129),
        "max_model_len 8192 is 128 KV blocks of block_size 64, FD_ENC_DEC_BLOCK_NUM adds 2, and "
        "num_gpu_blocks_override gives 129; raise num_gpu_blocks_override to 130 or lower max_model_len",
    ),
    (
        "7237",
        "drafts_in_range",
        ServingConfig(speculation=SIX),
        "num_speculative_tokens is 6; set it between 1 and 5 in speculative_config",
    ),
    (
        "7237",
        "drafts_in_range",
        ServingConfig(speculation=STEPS),
        "num_model_steps is 6; set it between 1 and 5 in speculative_config",
    ),
    (
        "7438",
        "scheduler_serves_role",
        ServingConfig(role=Role.DECODE, has_splitwise_scheduler=True),
        "splitwise_role is decode, and scheduler_name splitwise serves such nodes no longer; remove "
        "scheduler_name, and give the router's address as has_router",
    ),
    (
        "7499",
        "reservation_fits_budget",
        ServingConfig(max_num_seqs=100, max_num_batched_tokens=599, speculation=MTP),
        "max_num_seqs * tokens_per_seq = 100 * 6 = 600 is more than max_num_batched_tokens 599; "
        "raise max_num_batched_tokens to 600 or lower max_num_seqs to 99",
    ),
    (
        "7623-draft",
        "mtp_decodes_fit_budget",
        ServingConfig(max_num_seqs=100, max_num_batched_tokens=599, speculation=MTP),
        "max_num_seqs * tokens_per_seq = 100 * 6 = 600 is more than max_num_batched_tokens 599; "
        "raise max_num_batched_tokens to 600 or lower max_num_seqs to 99",
    ),
    (
        "7756",
        "method_decodes_fit_budget",
        ServingConfig(max_num_seqs=100, max_num_batched_tokens=599, speculation=MTP),
        "max_num_seqs * tokens_per_seq = 100 * 6 = 600 is more than max_num_batched_tokens 599; "
        "raise max_num_batched_tokens to 600 or lower max_num_seqs to 99",
    ),
]
"""Checks that the reference does not make, or makes otherwise: the version, the check, and its sentence."""


@pytest.mark.parametrize(("version", "name", "config", "sentence"), OWN_OF_VERSIONS)
def test_a_version_refuses_with_a_sentence(version: str, name: str, config: ServingConfig, sentence: str) -> None:
    (check,) = [check for check in POLICIES[version].startup_checks() if check.name == name]
    assert not check.holds(config)
    assert POLICIES[version].problems(config) == [sentence]


def test_every_check_of_every_version_has_an_example() -> None:
    shown = {check.name for check, _, _ in REFUSED} | {name for _, name, _, _ in OWN_OF_VERSIONS}
    assert shown == {check.name for version in VERSIONS.values() for check in version.startup_checks()}


@pytest.mark.parametrize(
    ("version", "config"),
    [
        ("original", ServingConfig(max_num_seqs=256)),
        ("original", ServingConfig(num_kv_blocks=128)),
        ("original", ServingConfig(max_num_seqs=7, speculation=MTP)),
        ("original", ServingConfig(speculation=SIX)),
        ("original", ServingConfig(role=Role.DECODE, has_splitwise_scheduler=True)),
        ("original", ServingConfig(has_router=False)),
        ("7237", ServingConfig(max_num_seqs=512)),
        ("7237", ServingConfig(num_kv_blocks=130)),
        ("7237", ServingConfig(max_num_seqs=7, speculation=TWO)),
        ("7237", ServingConfig(speculation=NAIVE)),
        ("7237", ServingConfig(role=Role.DECODE, has_router=False)),
        ("7237", ServingConfig(has_splitwise_scheduler=True)),
        ("7499", ServingConfig(max_num_seqs=100, max_num_batched_tokens=600, speculation=MTP)),
        ("7756", ServingConfig(max_num_seqs=100, max_num_batched_tokens=600, speculation=MTP)),
    ],
)
def test_a_version_starts_at_the_edge(version: str, config: ServingConfig) -> None:
    assert POLICIES[version].problems(config) == []


@pytest.mark.parametrize("version", ["original", "7756", "reference"])
@pytest.mark.parametrize(
    ("config", "is_checked"),
    [
        (ServingConfig(max_num_batched_tokens=63), True),
        (ServingConfig(max_num_batched_tokens=63, platform=Platform.MACA), True),
        (ServingConfig(max_num_batched_tokens=63, platform=Platform.XPU), False),
        (ServingConfig(max_num_batched_tokens=63, platform=Platform.ILUVATAR), False),
        (ServingConfig(max_num_batched_tokens=63, platform=Platform.XPU, enable_chunked_prefill=True), True),
        (ServingConfig(max_num_batched_tokens=63, role=Role.PREFILL), False),
        (ServingConfig(max_num_batched_tokens=63, role=Role.DECODE), False),
        (ServingConfig(max_num_batched_tokens=63, role=Role.DECODE, enable_chunked_prefill=True), True),
        (ServingConfig(max_num_batched_tokens=63, chunked_prefill=False, max_model_len=63), False),
    ],
)
def test_a_block_has_to_fit_only_where_chunked_prefill_is_on(
    version: str, config: ServingConfig, is_checked: bool
) -> None:
    assert bool(POLICIES[version].problems(config)) is is_checked


def test_sentences_offer_no_change_that_does_not_help() -> None:
    item = ServingConfig(max_num_batched_tokens=999, max_multimodal_item_tokens=1000)
    assert startup.ITEM_FITS_BESIDE_DECODES.problem(item).endswith("raise max_num_batched_tokens to 1007")
    limit = ServingConfig(max_num_batched_tokens=5, speculation=MTP)
    assert startup.DECODES_FIT_BUDGET.problem(limit).endswith("raise max_num_batched_tokens to 48")
    raised = startup.DRAFTS_FIT_MESSAGE.problem(ServingConfig(speculation=STEPS))
    assert raised.startswith("num_speculative_tokens (raised from 3 by num_model_steps) is 6; ")
    assert raised.endswith("lower num_model_steps to 5 or less")


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
        ("7438", "max_num_batched_tokens is 64, less than max_num_seqs 65; "),
        ("7499", "max_num_seqs * tokens_per_seq = 65 * 6 = 390 is more than max_num_batched_tokens 64"),
        ("7756", "max_num_seqs * tokens_per_seq = 65 * 6 = 390 is more than max_num_batched_tokens 64"),
    ],
)
def test_upstream_sentences_name_the_limit_too(policy: str, sentence: str) -> None:
    config = ServingConfig(max_num_seqs=65, max_num_batched_tokens=64, speculation=MTP)
    problems = POLICIES[policy].problems(config)
    assert len(problems) == 1
    assert re.search(re.escape(sentence), problems[0])


def test_an_engine_names_every_problem_at_once() -> None:
    config = ServingConfig(max_num_seqs=600, max_num_batched_tokens=63)
    assert [problem.split(" is ")[0] for problem in REFERENCE.problems(config)] == [
        "max_num_seqs",
        "max_num_batched_tokens",
        "max_num_seqs * tokens_per_seq = 600 * 1 = 600",
    ]
