"""A run that takes many requests at once is found by running the engine, and nothing smaller of its kind breaks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schedproof import POLICIES, REFERENCE, Role, ServingConfig, SpeculativeConfig, SpeculativeMethod
from schedproof.engines.fastdeploy.reference_policy import ReferencePolicy
from schedproof_spec import INVARIANTS, Status, decide
from schedproof_spec.verdicts.crowds import (
    MAX_RUN_STEPS,
    Crowd,
    Runs,
    candidates,
    least,
    smallest_crowd,
    with_pool,
)

EXACT = ServingConfig(max_num_seqs=64, max_num_batched_tokens=64, max_model_len=256, block_size=2)
"""Decodes in all slots use up the budget to the last token, and the loop visits none of them."""

FULL_NODE = ServingConfig(
    max_num_seqs=128,
    max_num_batched_tokens=1024,
    max_model_len=4096,
    speculation=SpeculativeConfig(method=SpeculativeMethod.MTP, num_speculative_tokens=5),
)
"""The floor of 512 hands out what the reservation kept."""

FEW_BLOCKS = ServingConfig(max_num_seqs=4, max_num_batched_tokens=64, max_model_len=64, block_size=4)

SMALLEST_POOL = ServingConfig(
    max_num_seqs=4,
    max_num_batched_tokens=64,
    max_model_len=256,
    block_size=16,
    num_kv_blocks=18,
    speculation=SpeculativeConfig(method=SpeculativeMethod.MTP, num_speculative_tokens=1),
)
"""The longest prompt, its spare block and a last block to grow; nothing for the reserve of its own output."""

CASES = {
    "a prompt that waits for its own reserve": ("progress", "8022", SMALLEST_POOL),
    "decodes at the end of their blocks": ("every_decode_served", "7756", EXACT),
    "a prompt beside a full node": ("no_overshoot", "7438", FULL_NODE),
    "a reservation for nobody": ("budget_tight", "7438", FULL_NODE),
}


@pytest.mark.parametrize("name", CASES)
def test_a_crowd_is_found_and_no_smaller_one_breaks_as_soon(name: str) -> None:
    invariant_name, policy_name, config = CASES[name]
    invariant, policy = INVARIANTS[invariant_name], POLICIES[policy_name]
    witness = smallest_crowd(invariant, policy, config)
    assert witness is not None
    assert not witness.replay(invariant, policy).holds
    assert invariant.on_run is not None
    assert [invariant.on_run(step, policy) for step in witness.run(policy)].count(False) == 1, (
        "up to the first break"
    )
    arrivals = witness.arrivals
    num_requests = sum(arrival.times for arrival in arrivals)
    assert num_requests <= config.max_num_seqs
    for index, arrival in enumerate(arrivals):
        fewer = replace(arrival, times=arrival.times - 1)
        smaller = replace(witness, arrivals=(*arrivals[:index], fewer, *arrivals[index + 1 :]))
        assert arrival.times == 1 or smaller.replay(invariant, policy).holds, f"fewer of {arrival.request_id}"


def test_a_verdict_about_a_full_node_rests_on_a_crowd() -> None:
    verdict = decide(INVARIANTS["no_overshoot"], POLICIES["7438"], FULL_NODE)
    assert verdict.status is Status.VIOLATED
    assert verdict.witness == smallest_crowd(INVARIANTS["no_overshoot"], POLICIES["7438"], FULL_NODE)


def test_nothing_is_found_where_a_rule_is_kept() -> None:
    for name in ("no_overshoot", "budget_tight", "every_decode_served"):
        assert smallest_crowd(INVARIANTS[name], REFERENCE, FEW_BLOCKS) is None


def test_a_rule_about_configurations_has_no_crowd() -> None:
    assert smallest_crowd(INVARIANTS["message_fits"], POLICIES["7438"], FULL_NODE) is None


def test_a_decode_that_owns_enough_needs_no_visit() -> None:
    one_block_holds_all = ServingConfig(max_num_seqs=64, max_num_batched_tokens=64, max_model_len=16, block_size=16)
    assert smallest_crowd(INVARIANTS["every_decode_served"], POLICIES["7756"], one_block_holds_all) is None


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("item_tokens", [0, 8])
def test_every_crowd_fits_the_slots_and_the_length(role: Role, item_tokens: int) -> None:
    config = replace(FULL_NODE, role=role, max_multimodal_item_tokens=item_tokens)
    crowds = list(candidates(config, POLICIES["8022"]))
    assert crowds
    assert any(crowd.last_has_item for crowd in crowds) == (item_tokens > 0 and role is not Role.DECODE)
    for crowd in crowds:
        arrivals = crowd.arrivals(config)
        assert 1 <= sum(arrival.times for arrival in arrivals) <= config.max_num_seqs
        for arrival in arrivals:
            assert arrival.num_prompt_tokens + arrival.max_new_tokens == config.max_model_len
            for item in arrival.items:
                assert item.start >= 0
                assert item.end == arrival.num_prompt_tokens
                assert item.end - item.start <= item_tokens


def test_a_crowd_is_written_as_requests_alike() -> None:
    crowd = Crowd(num_alike=3, prompt_alike=2, prompt_last=10, last_before_step=2)
    alike, last = crowd.arrivals(FEW_BLOCKS)
    assert (alike.request_id, alike.times, alike.before_step) == ("request", 3, 1)
    assert (last.request_id, last.times, last.before_step, last.num_prompt_tokens) == ("last", 1, 2, 10)
    assert len(Crowd(num_alike=0, prompt_alike=1, prompt_last=5).arrivals(FEW_BLOCKS)) == 1
    assert len(Crowd(num_alike=2, prompt_alike=1).arrivals(FEW_BLOCKS)) == 1


def test_a_pool_that_is_not_named_is_enough_for_every_slot() -> None:
    sized = with_pool(FEW_BLOCKS)
    assert sized.num_kv_blocks is not None
    assert sized.num_kv_blocks >= FEW_BLOCKS.max_num_seqs * FEW_BLOCKS.max_blocks_per_seq
    named = replace(FEW_BLOCKS, num_kv_blocks=20)
    assert with_pool(named) == named


def test_a_run_ends_where_nothing_is_left_to_happen() -> None:
    runs = Runs(INVARIANTS["no_overshoot"], REFERENCE, with_pool(FEW_BLOCKS))
    assert runs.first_broken(Crowd(num_alike=2, prompt_alike=60)) is None
    endless = replace(with_pool(FEW_BLOCKS), max_model_len=16 * MAX_RUN_STEPS, max_num_batched_tokens=64)
    runs = Runs(INVARIANTS["no_overshoot"], REFERENCE, with_pool(replace(endless, num_kv_blocks=None)))
    assert runs.first_broken(Crowd(num_alike=1, prompt_alike=1)) is None, "given up after MAX_RUN_STEPS"


@pytest.mark.parametrize("smallest", [0, 1, 5, 63, 64])
def test_the_least_good_value_is_found_by_halving(smallest: int) -> None:
    asked: list[int] = []

    def is_good(value: int) -> bool:
        asked.append(value)
        return value >= smallest

    assert least(64, is_good) == smallest
    assert len(asked) <= 7


class AtMostOneDecode(ReferencePolicy):
    name = "at-most-one-decode"

    def initial_budget(self, config: ServingConfig, num_decoding: int) -> int:
        if num_decoding > 1:
            raise RuntimeError("one at a time")
        return super().initial_budget(config, num_decoding)


def test_a_crowd_for_which_a_rule_raises_breaks_what_is_claimed() -> None:
    witness = smallest_crowd(INVARIANTS["no_overshoot"], AtMostOneDecode(), FEW_BLOCKS)
    assert witness is not None
    assert sum(arrival.times for arrival in witness.arrivals) == 2
    assert "one at a time (RuntimeError)" in witness.replay(INVARIANTS["no_overshoot"], AtMostOneDecode()).lines[-1]
