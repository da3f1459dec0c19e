"""What vLLM refuses, warns of or leaves unchecked, and the sentence that says how to get it going."""

import re
from dataclasses import replace

import pytest

from schedproof.engines.vllm import startup
from schedproof.engines.vllm.config import ServingConfig
from schedproof.engines.vllm.life.engine import Engine
from schedproof.engines.vllm.speculation import SpeculativeConfig, SpeculativeMethod

SMALL = {"max_num_seqs": 4, "max_num_batched_tokens": 64, "max_model_len": 128}
NGRAM = SpeculativeConfig(method=SpeculativeMethod.NGRAM, num_speculative_tokens=3)
MODULES = SpeculativeConfig(method=SpeculativeMethod.MTP, num_speculative_tokens=5, num_mtp_modules=5)
DFLASH = SpeculativeConfig(method=SpeculativeMethod.DFLASH, num_speculative_tokens=7)

PROBLEMS = {
    "sizes_are_positive": (
        {"max_num_scheduled_tokens": 0},
        "max_num_scheduled_tokens is 0; set it to at least 1",
    ),
    "whole_prompt_fits_budget": (
        {"enable_chunked_prefill": False},
        "max_num_batched_tokens is 64, less than max_model_len 128, and prompts are not cut into chunks; raise "
        "max_num_batched_tokens to 128, lower max_model_len to 64, or turn enable_chunked_prefill on",
    ),
    "seqs_fit_budget": (
        {"max_num_seqs": 65},
        "max_num_seqs is 65, more than max_num_batched_tokens 64; lower max_num_seqs to 64 or raise "
        "max_num_batched_tokens to 65",
    ),
    "active_seqs_fit": (
        {"max_num_active_seqs": 5},
        "max_num_active_seqs is 5, more than max_num_seqs 4; set it to 4 or less",
    ),
    "threshold_fits_context": (
        {"long_prefill_token_threshold": 129},
        "long_prefill_token_threshold is 129, more than max_model_len 128; set it to 128 or less",
    ),
    "drafts_are_positive": (
        {"speculation": SpeculativeConfig(method=SpeculativeMethod.NGRAM, num_speculative_tokens=0)},
        "num_speculative_tokens is 0; set it to at least 1, or leave speculative_config out",
    ),
    "lookahead_fits": (
        {
            "max_num_batched_tokens": 7,
            "speculation": SpeculativeConfig(method=SpeculativeMethod.MTP, num_speculative_tokens=7),
        },
        "the drafter writes 7 tokens ahead, and max_num_batched_tokens is 7; raise max_num_batched_tokens to 8 or "
        "lower num_speculative_tokens",
    ),
    "budget_can_be_filled": (
        {"max_num_batched_tokens": 513},
        "max_num_batched_tokens is 513, more than max_num_seqs * max_model_len = 4 * 128; lower it to 512 or raise "
        "max_num_seqs to 5",
    ),
    "budget_is_large": (
        {"speculation": NGRAM},
        "a step runs at most 64 tokens, and with speculation vLLM advises 8192; raise max_num_batched_tokens or "
        "lower num_speculative_tokens",
    ),
    "drafting_pass_fits": (
        {"max_num_batched_tokens": 31, "speculation": DFLASH},
        "the drafter's own pass takes 8 of max_num_batched_tokens 31 for each request, so that vLLM lowers "
        "max_num_active_seqs to 3",
    ),
    "prefix_caching_is_off": (
        {"enable_prefix_caching": True},
        "the engine over many steps shares no blocks; set enable_prefix_caching to false",
    ),
    "prefills_in_every_step": (
        {"prefill_schedule_interval": 4},
        "prefill_schedule_interval 4 is not modelled; set it to 1, which lets every step prefill",
    ),
    "has_one_pipeline_stage": (
        {"pipeline_parallel_size": 2},
        "pipeline_parallel_size 2 is not modelled; set it to 1",
    ),
    "item_fits_budget": (
        {"max_multimodal_item_tokens": 100, "disable_chunked_mm_input": True},
        "an item has up to 100 tokens, more than max_num_batched_tokens 64, and disable_chunked_mm_input keeps it "
        "whole; raise max_num_batched_tokens to 100, or turn disable_chunked_mm_input off",
    ),
    "every_decode_is_served": (
        {"max_num_seqs": 20, "max_num_scheduled_tokens": 60, "speculation": NGRAM},
        "with 20 running requests the last can find no budget, in every step until one before it ends; raise "
        "max_num_batched_tokens to 77 and max_num_scheduled_tokens to 77, or lower max_num_active_seqs to 15",
    ),
    "threshold_leaves_drafts_whole": (
        {"long_prefill_token_threshold": 3, "speculation": NGRAM},
        "long_prefill_token_threshold is 3, less than the 4 tokens of a decode with its drafts: a request that "
        "starts with one token beside decodes ends the engine by an assertion; set it to 0 or to at least 4",
    ),
    "chunk_reaches_past_lookahead": (
        {"max_num_scheduled_tokens": 4, "speculation": MODULES},
        "the drafter reads 5 prompt tokens ahead, and a request gets at most 4 in a step, so that a longer prompt "
        "never ends; raise max_num_scheduled_tokens to at least 5",
    ),
    "longest_request_fits_pool": (
        {"num_gpu_blocks": 8},
        "a request of max_model_len 128 needs 8 KV blocks, and num_gpu_blocks 8 leaves 7, so that it never ends; "
        "raise num_gpu_blocks to 9 or lower max_model_len",
    ),
}
TABLES = (startup.REFUSALS, startup.WARNINGS, startup.NOT_MODELLED, startup.UNCHECKED)
CHECKS = {check.name: check for table in TABLES for check in table}


def test_every_check_has_an_example():
    assert sorted(PROBLEMS) == sorted(CHECKS)
    assert len(CHECKS) == sum(len(table) for table in TABLES)


@pytest.mark.parametrize("name", CHECKS)
def test_a_broken_check_says_what_to_change(name):
    changes, sentence = PROBLEMS[name]
    assert CHECKS[name].problem(ServingConfig(**SMALL | changes)) == sentence
    assert not CHECKS[name].holds(ServingConfig(**SMALL | changes))


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_a_sound_configuration_keeps_every_check(check):
    assert check.holds(ServingConfig(max_num_seqs=64, max_num_batched_tokens=8192))


@pytest.mark.parametrize("check", (*startup.REFUSALS, *startup.NOT_MODELLED), ids=lambda check: check.name)
def test_an_engine_does_not_start_with_what_is_refused(check):
    changes, sentence = PROBLEMS[check.name]
    with pytest.raises(startup.InvalidConfigError, match=re.escape(sentence)):
        Engine(ServingConfig(**SMALL | changes))


@pytest.mark.parametrize("check", (*startup.WARNINGS, *startup.UNCHECKED), ids=lambda check: check.name)
def test_an_engine_starts_with_the_others(check):
    assert not Engine(ServingConfig(**SMALL | PROBLEMS[check.name][0])).has_work


def test_items_need_a_threshold():
    check = CHECKS["every_decode_is_served"]
    config = ServingConfig(**SMALL | {"max_multimodal_item_tokens": 20, "speculation": NGRAM})
    assert check.problem(config) == (
        "an item can end a chunk while there is budget left, so that several prompts with items run ahead of a "
        "decode and leave it nothing; set long_prefill_token_threshold between 4 and 21"
    )
    for threshold, is_served in ((0, False), (4, True), (21, True), (22, False)):
        assert check.holds(replace(config, long_prefill_token_threshold=threshold)) == is_served
    adaptive = replace(config, long_prefill_token_threshold_adaptive=True)
    assert check.problem(adaptive).endswith("between 4 and 21 and its adaptive form off")
    crowded = replace(config, max_num_seqs=20)
    assert check.problem(crowded).endswith(
        "set long_prefill_token_threshold to 4, and then: with 20 running requests the last can find no budget, "
        "in every step until one before it ends; raise max_num_batched_tokens to 77, or lower "
        "max_num_active_seqs to 16"
    )
    assert check.holds(replace(config, max_num_seqs=1))


def test_the_values_that_a_message_names_pass():
    served = CHECKS["every_decode_is_served"]
    starved = SMALL | PROBLEMS["every_decode_is_served"][0]
    assert served.holds(ServingConfig(**starved | {"max_num_batched_tokens": 77, "max_num_scheduled_tokens": 77}))
    assert served.holds(ServingConfig(**starved | {"max_num_active_seqs": 15}))
    assert not served.holds(ServingConfig(**starved | {"max_num_active_seqs": 16}))
