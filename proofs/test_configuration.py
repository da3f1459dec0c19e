"""The configuration's defaults, the values that the prover relies on, and what start-up says to people."""

from __future__ import annotations

from dataclasses import replace

from schedproof.engines.fastdeploy import startup
from schedproof.engines.fastdeploy.config import Role, ServingConfig
from schedproof.engines.fastdeploy.policies import REFERENCE
from schedproof.engines.fastdeploy.speculation import SpeculativeConfig, SpeculativeMethod
from schedproof.engines.fastdeploy.turns import Queues

FASTDEPLOY_DEFAULTS = {
    "max_num_seqs": 8,
    "max_num_batched_tokens": 8192,
    "max_model_len": 8192,
    "block_size": 64,
    "split_kv_size": 16,
    "max_multimodal_item_tokens": 0,
    "enc_dec_block_num": 2,
    "prealloc_dec_block_slot_num_threshold": 12,
    "tensor_parallel_size": 1,
    "data_parallel_size": 1,
    "expert_parallel_size": 1,
    "num_experts": 0,
    "dispatch_queue_depth": 1024,
}


def test_defaults_are_fastdeploys():
    config = ServingConfig()
    assert {name: getattr(config, name) for name in FASTDEPLOY_DEFAULTS} == FASTDEPLOY_DEFAULTS
    assert config.chunked_prefill
    assert not config.deterministic
    assert SpeculativeConfig() == SpeculativeConfig(num_speculative_tokens=1, num_model_steps=1)


def test_queues_hold_and_reserve_nothing_unless_they_say_so():
    queues = Queues(running=(), waiting=(), num_free_blocks=1)
    assert (queues.num_held_slots, queues.num_reserved_blocks_per_seq) == (0, 0)


MTP = SpeculativeConfig(method=SpeculativeMethod.MTP, num_speculative_tokens=5)
NGRAM = SpeculativeConfig(method=SpeculativeMethod.NGRAM, num_speculative_tokens=9)
EXPERTS = {"role": Role.DECODE, "expert_parallel_size": 8, "num_experts": 256}
REFUSED = {
    "seqs_fit_message": ServingConfig(
        max_num_seqs=257, speculation=SpeculativeConfig(method=SpeculativeMethod.MTP)
    ),
    "model_len_in_range": ServingConfig(max_model_len=15, max_num_batched_tokens=64),
    "block_fits_budget": ServingConfig(max_num_batched_tokens=63),
    "budget_can_be_filled": ServingConfig(max_num_seqs=2, max_model_len=1024),
    "decodes_fit_budget": ServingConfig(max_num_seqs=256, max_num_batched_tokens=1024, speculation=MTP),
    "drafts_fit_message": ServingConfig(speculation=NGRAM),
    "whole_prompt_fits_budget": ServingConfig(max_num_batched_tokens=4096, chunked_prefill=False),
    "item_fits_beside_decodes": ServingConfig(max_multimodal_item_tokens=8186),
    "aligned_chunk_fits_beside_decodes": ServingConfig(deterministic=True, split_kv_size=8186),
    "longest_request_fits_pool": ServingConfig(num_kv_blocks=127),
    "dispatch_fits_library": ServingConfig(
        max_num_seqs=256, speculation=replace(MTP, num_speculative_tokens=1), **EXPERTS
    ),
}
"""One configuration for each check, most of them refused by one token."""


def test_startup_sentences(golden):
    assert REFUSED.keys() == {check.name for check in REFERENCE.startup_checks()}
    for check in REFERENCE.startup_checks():
        assert check.problem(REFUSED[check.name]) in REFERENCE.problems(REFUSED[check.name])
    golden("startup_sentences", {name: REFERENCE.problems(config) for name, config in REFUSED.items()})


def test_a_sentence_names_what_the_user_wrote():
    steps = replace(MTP, num_speculative_tokens=1, num_model_steps=6)
    sentence = startup.DRAFTS_FIT_MESSAGE.problem(ServingConfig(speculation=steps))
    assert sentence.startswith("num_speculative_tokens (raised from 1 by num_model_steps) is 6;")
    assert sentence.endswith("lower num_model_steps to 5 or less")
    sentence = startup.DRAFTS_IN_RANGE.problem(ServingConfig(speculation=steps))
    assert sentence == "num_model_steps is 6; set it between 1 and 5 in speculative_config"


def test_a_sentence_asks_for_fewer_sequences_down_to_one():
    sentence = startup.DECODES_FIT_BUDGET.problem(ServingConfig(max_num_batched_tokens=6, speculation=MTP))
    assert sentence.endswith("raise max_num_batched_tokens to 48 or lower max_num_seqs to 1")


def test_a_sentence_does_not_ask_for_no_sequences():
    sentence = startup.DECODES_FIT_BUDGET.problem(ServingConfig(max_num_batched_tokens=5, speculation=MTP))
    assert sentence.endswith("raise max_num_batched_tokens to 48")
