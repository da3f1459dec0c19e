"""What takes many requests at once is found by running the scheduler, and is as small as its family has it."""

from __future__ import annotations

import pytest
from schedproof_spec.verdicts.crowd import FAMILIES, smallest_crowd

from schedproof import POLICIES, Role, ServingConfig, SpeculativeConfig, SpeculativeMethod
from schedproof_spec import INVARIANTS, Status, decide
from schedproof_spec.states.domain import is_well_formed

CLAMPED = ServingConfig(
    max_num_seqs=64, max_num_batched_tokens=100, max_model_len=1000, block_size=2, role=Role.DECODE
)
"""A clamped budget of 36 beside 64 decodes: the loop stops before it has visited them all."""

SHORT_PROMPTS = ServingConfig(
    max_num_seqs=64,
    max_num_batched_tokens=600,
    max_model_len=16,
    speculation=SpeculativeConfig(method=SpeculativeMethod.NGRAM, num_speculative_tokens=5),
)
"""The reservation leaves 216 tokens, which 14 prompts use up: the next one waits for nothing."""

FULL_NODE = ServingConfig(
    max_num_seqs=128,
    max_num_batched_tokens=1024,
    max_model_len=32768,
    speculation=SpeculativeConfig(method=SpeculativeMethod.MTP, num_speculative_tokens=5),
)
"""The floor of 512 hands out what the reservation kept."""

CASES = {
    "decodes at the end of their blocks": ("every_decode_served", "7438-clamp", CLAMPED, 37),
    "prompts that use the budget up": ("budget_tight", "7438-block-floor", SHORT_PROMPTS, 15),
    "a prompt beside a full node": ("no_overshoot", "7438", FULL_NODE, 104),
}


@pytest.mark.parametrize("name", CASES)
def test_the_fewest_requests_are_found(name: str) -> None:
    invariant_name, policy_name, config, num_requests = CASES[name]
    invariant, policy = INVARIANTS[invariant_name], POLICIES[policy_name]
    witness = smallest_crowd(invariant, policy, config)
    assert witness is not None
    assert witness.queues is not None
    requests = witness.queues.running + witness.queues.waiting
    assert len(requests) == num_requests
    assert all(is_well_formed(request, config) for request in requests)
    assert not witness.replay(invariant, policy).holds
    assert decide(invariant, policy, config).status is Status.VIOLATED


def test_every_family_fills_the_slots_and_no_more() -> None:
    for family in FAMILIES:
        queues = family.queues(FULL_NODE, FULL_NODE.max_num_seqs - family.num_others, 5)
        assert len(queues.running) + len(queues.waiting) == FULL_NODE.max_num_seqs


def test_a_decode_that_owns_enough_needs_no_visit() -> None:
    one_block_holds_all = ServingConfig(
        max_num_seqs=64, max_num_batched_tokens=100, max_model_len=16, block_size=16, role=Role.DECODE
    )
    verdict = decide(INVARIANTS["every_decode_served"], POLICIES["7438-clamp"], one_block_holds_all)
    assert verdict.status is Status.HELD
