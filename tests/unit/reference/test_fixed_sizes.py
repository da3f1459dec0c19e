"""Sizes fixed at start-up: drafts, the largest step, the dispatch buffer."""

import pytest

from schedproof import POLICIES, REFERENCE, Platform, Role, ServingConfig, SpeculativeConfig, SpeculativeMethod
from schedproof.engines.fastdeploy.rules.capacity import fits_dispatch_library


def speculating(
    method: SpeculativeMethod, drafts: int = 3, steps: int = 1, role: Role = Role.MIXED
) -> ServingConfig:
    speculation = SpeculativeConfig(method=method, num_speculative_tokens=drafts, num_model_steps=steps)
    return ServingConfig(max_num_seqs=100, role=role, speculation=speculation)


@pytest.mark.parametrize(("method", "tokens"), [("none", 1), ("naive", 1), ("ngram", 4), ("suffix", 4), ("mtp", 4)])
def test_a_decode_runs_its_drafts_where_the_target_model_verifies_them(method: str, tokens: int) -> None:
    assert speculating(SpeculativeMethod(method)).tokens_per_seq == tokens


def test_without_a_speculative_config_a_decode_runs_one_token() -> None:
    assert ServingConfig().tokens_per_seq == 1
    assert ServingConfig().num_speculative_tokens == 0


def test_mtp_runs_at_least_its_model_steps_and_one_draft_on_a_prefill_node() -> None:
    assert speculating(SpeculativeMethod.MTP, drafts=1, steps=3).tokens_per_seq == 4
    assert speculating(SpeculativeMethod.MTP, drafts=3, role=Role.PREFILL).tokens_per_seq == 2


def test_a_prefill_node_decodes_nothing() -> None:
    config = speculating(SpeculativeMethod.MTP, role=Role.PREFILL)
    assert config.max_decode_tokens == 0
    assert not config.uses_low_latency_dispatch


@pytest.mark.parametrize(
    ("policy", "platform", "planned"),
    [
        ("reference", Platform.GPU, 400),
        ("reference", Platform.XPU, 400),
        ("7623", Platform.GPU, 100),
        ("7756", Platform.GPU, 400),
        ("7756", Platform.XPU, 8192),
    ],
)
def test_a_decode_node_plans_for_every_slot_decoding(policy: str, platform: Platform, planned: int) -> None:
    config = ServingConfig(
        max_num_seqs=100,
        role=Role.DECODE,
        platform=platform,
        speculation=SpeculativeConfig(method=SpeculativeMethod.MTP, num_speculative_tokens=3),
    )
    assert POLICIES[policy].max_chunk_tokens(config) == planned


@pytest.mark.parametrize("role", [Role.MIXED, Role.PREFILL])
def test_another_node_plans_for_the_limit(role: Role) -> None:
    assert REFERENCE.max_chunk_tokens(ServingConfig(role=role)) == 8192


def test_upstream_plans_for_an_item_past_the_limit() -> None:
    config = ServingConfig(max_num_batched_tokens=1024, max_multimodal_item_tokens=300)
    assert POLICIES["7756"].max_chunk_tokens(config) == 1324
    assert REFERENCE.max_chunk_tokens(config) == 1024


@pytest.mark.parametrize(
    ("configured", "tokens", "is_override"), [(None, 84, False), (0, 84, True), (84, 84, False), (128, 84, True)]
)
def test_the_dispatch_buffer_is_derived_and_an_override_recorded(
    configured: int | None, tokens: int, is_override: bool
) -> None:
    config = ServingConfig(
        max_num_seqs=27,
        speculation=SpeculativeConfig(method=SpeculativeMethod.NGRAM, num_speculative_tokens=2),
        num_max_dispatch_tokens_per_rank=configured,
    )
    capacity = REFERENCE.dispatch_capacity(config)
    assert config.max_decode_tokens == 81
    assert (capacity.tokens, capacity.configured, capacity.is_override) == (tokens, configured, is_override)
    assert "max_num_seqs * tokens_per_seq" in capacity.reason


@pytest.mark.parametrize(
    ("configured", "by_hand", "merged"), [(None, 128, 32), (0, 0, 0), (64, 64, 32), (32, 32, 32)]
)
def test_upstream_takes_the_preset_for_an_absent_value_and_leaves_0_alone(
    configured: int | None, by_hand: int, merged: int
) -> None:
    config = ServingConfig(max_num_seqs=32, num_max_dispatch_tokens_per_rank=configured)
    assert POLICIES["original"].dispatch_capacity(config).tokens == by_hand
    assert POLICIES["7237"].dispatch_capacity(config).tokens == merged


def test_the_version_under_review_fails_without_speculation_when_it_replaces_a_value() -> None:
    with pytest.raises(UnboundLocalError, match="num_spec_tokens"):
        POLICIES["7237-draft"].dispatch_capacity(
            ServingConfig(max_num_seqs=32, num_max_dispatch_tokens_per_rank=64)
        )


@pytest.mark.parametrize(
    ("capacity", "ranks", "depth", "experts", "fits"),
    [
        (1024, 8, 4096, 64, True),
        (1025, 8, 4096, 64, False),  # more than DeepEP takes
        (128, 8, 258, 64, True),
        (128, 8, 257, 64, False),  # the queue is one entry short
        (126, 1, 4096, 64, False),  # 126 is no multiple of 4
        (126, 2, 4096, 64, True),
        (128, 8, 4096, 60, False),  # 60 experts on 8 ranks
    ],
)
def test_the_limits_of_the_dispatch_library(
    capacity: int, ranks: int, depth: int, experts: int, fits: bool
) -> None:
    config = ServingConfig(expert_parallel_size=ranks, dispatch_queue_depth=depth, num_experts=experts)
    assert fits_dispatch_library(capacity, config) is fits
