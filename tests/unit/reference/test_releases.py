"""Which version each release has, and what its engine refuses."""

from dataclasses import fields, replace

import pytest

from schedproof import POLICIES, Request, Role, ServingConfig, SpeculativeConfig, SpeculativeMethod
from schedproof.engines.fastdeploy.releases import ALWAYS_CHUNKING, RELEASES, VERSIONS, Release, release_named

MTP = SpeculativeConfig(method=SpeculativeMethod.MTP, num_speculative_tokens=2)
SUFFIX = SpeculativeConfig(method=SpeculativeMethod.SUFFIX, num_speculative_tokens=2)
CONTEXT = 8192
"""Tokens of a context; 128 KV blocks."""


def test_every_release_has_its_policy_and_says_how_it_is_known() -> None:
    assert {name: release.policy for name, release in RELEASES.items()} == {
        "2.3": "original",
        "2.4": "original",
        "2.5.0": "original",
        "2.5": "7438",
        "2.6": "7444",
    }
    for name, release in RELEASES.items():
        assert release.name == name
        assert release.source
        assert isinstance(release.version, type(POLICIES[release.policy]))
        assert VERSIONS[release.version.name] is release.version


def test_a_release_is_a_value() -> None:
    assert all(field.kw_only for field in fields(Release))


@pytest.mark.parametrize(
    ("threshold", "block_size", "speculation", "free_slots"),
    [(12, 64, None, 12), (12, 64, MTP, 36), (12, 16, MTP, 31), (0, 64, MTP, 0)],
)
def test_release_2_6_grows_a_decode_earlier_with_drafts(
    threshold: int, block_size: int, speculation: SpeculativeConfig | None, free_slots: int
) -> None:
    config = ServingConfig(
        block_size=block_size, prealloc_dec_block_slot_num_threshold=threshold, speculation=speculation
    )
    total = 8 * block_size - free_slots
    few = Request(
        request_id="a", need_prefill_tokens=1, num_computed_tokens=total - 1, num_total_tokens=total, num_blocks=8
    )
    version = RELEASES["2.6"].version
    assert version.decode_blocks(few, config) == 2
    assert version.decode_blocks(replace(few, num_total_tokens=total - 1), config) == 0


def test_versions_are_the_policies_and_the_releases_that_differ() -> None:
    assert VERSIONS.keys() - POLICIES.keys() == {
        "release-2.3",
        "release-2.5.0",
        "release-2.5",
        "release-2.6",
    }
    assert VERSIONS.keys() >= ALWAYS_CHUNKING


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("2.4", "2.4"),
        ("v2.4", "2.4"),
        ("2.4.0", "2.4"),
        ("v2.4.1", "2.4"),
        ("release/2.4", "2.4"),
        ("2.5.0", "2.5.0"),
        ("2.5.1", "2.5"),
        ("2.5", "2.5"),
        ("2.6.0", "2.6"),
    ],
)
def test_a_release_has_several_names(text: str, name: str) -> None:
    assert release_named(text) is RELEASES[name]


@pytest.mark.parametrize("text", ["", "2", "2.7", "2.4.x", "2.4.", "2.5.0.1.2", "original", "vv2.4", "²"])
def test_an_unknown_release_is_none(text: str) -> None:
    assert release_named(text) is None


@pytest.mark.parametrize(
    ("config", "refusing"),
    [
        (ServingConfig(max_num_seqs=256), ""),
        (ServingConfig(max_num_seqs=257), "2.3 2.4 2.5.0 2.5"),
        (ServingConfig(max_num_seqs=512), "2.3 2.4 2.5.0 2.5"),
        (ServingConfig(max_num_seqs=513), "2.3 2.4 2.5.0 2.5 2.6"),
        (ServingConfig(max_model_len=CONTEXT, num_kv_blocks=130), ""),
        (ServingConfig(max_model_len=CONTEXT, num_kv_blocks=129), "2.5.0 2.5 2.6"),
        (ServingConfig(max_model_len=CONTEXT, num_kv_blocks=128), "2.5.0 2.5 2.6"),
        (ServingConfig(max_model_len=CONTEXT, num_kv_blocks=127), "2.4 2.5.0 2.5 2.6"),
        (ServingConfig(max_num_seqs=15, speculation=MTP), "2.3 2.4 2.5.0 2.5"),
        (ServingConfig(max_num_seqs=15, speculation=SUFFIX), "2.5.0 2.5"),
        (ServingConfig(max_num_seqs=16, speculation=SUFFIX), ""),
        (ServingConfig(role=Role.DECODE, has_router=False), "2.4 2.5.0 2.5"),
        (ServingConfig(role=Role.DECODE, has_splitwise_scheduler=True), "2.6"),
        (ServingConfig(role=Role.DECODE, max_num_batched_tokens=63), ""),
        (ServingConfig(max_num_batched_tokens=63), "2.3 2.4 2.5.0 2.5 2.6"),
    ],
)
def test_what_the_engine_of_a_release_refuses(config: ServingConfig, refusing: str) -> None:
    assert [name for name, release in RELEASES.items() if release.version.problems(config)] == refusing.split()


@pytest.mark.parametrize("name", ["2.5", "2.6"])
def test_branches_without_pr_7237_leave_the_dispatch_buffer_as_it_is(name: str) -> None:
    config = ServingConfig(max_num_seqs=100, num_max_dispatch_tokens_per_rank=64)
    release = RELEASES[name]
    assert release.version.dispatch_capacity(config).tokens == 64
    assert POLICIES[release.policy].dispatch_capacity(config).tokens == 100
