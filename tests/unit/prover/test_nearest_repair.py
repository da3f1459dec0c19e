"""A repair that is offered is safe, and nothing nearer is: its neighbourhood is tried value by value."""

from __future__ import annotations

import pytest

from schedproof import (
    POLICIES,
    REFERENCE,
    Policy,
    Role,
    ServingConfig,
    SpeculativeConfig,
    SpeculativeMethod,
)
from schedproof_spec import (
    INVARIANTS,
    Change,
    Status,
    decide,
    find_repairs,
    find_repairs_of,
    find_repairs_of_startup,
)
from schedproof_spec.verdicts.repair import value_of, with_value

FIELDS = ("max_num_batched_tokens", "max_num_seqs", "num_speculative_tokens")
NEIGHBOURS = 3

REFUSED = ServingConfig(
    max_num_seqs=100,
    max_num_batched_tokens=590,
    speculation=SpeculativeConfig(method=SpeculativeMethod.MTP, num_speculative_tokens=5),
)
"""100 sequences of 6 tokens do not fit 590: the engine does not start."""

FULL = ServingConfig(max_num_seqs=64, max_num_batched_tokens=64, role=Role.DECODE)
"""Upstream leaves no budget beside 64 decodes, and visits none of them."""

LONG_DRAFTS = ServingConfig(
    max_num_seqs=8,
    max_num_batched_tokens=64,
    role=Role.DECODE,
    speculation=SpeculativeConfig(method=SpeculativeMethod.NGRAM, num_speculative_tokens=6),
)
"""Seven tokens a sequence do not fit the output message."""

CASES = {
    "refused at start-up": (
        REFERENCE,
        REFUSED,
        {
            Change("max_num_batched_tokens", 590, 600),
            Change("max_num_seqs", 100, 98),
            Change("num_speculative_tokens", 5, 4),
        },
    ),
    "no budget is left": (
        POLICIES["7756"],
        FULL,
        {Change("max_num_batched_tokens", 64, 65), Change("max_num_seqs", 64, 63)},
    ),
    "drafts too long": (POLICIES["7756"], LONG_DRAFTS, {Change("num_speculative_tokens", 6, 5)}),
}


def is_safe(policy: Policy, config: ServingConfig) -> bool:
    """The engine starts, and every invariant that applies is held in every state."""
    return not policy.problems(config) and all(
        decide(invariant, policy, config).status is Status.HELD
        for invariant in INVARIANTS.values()
        if invariant.applies(config)
    )


@pytest.mark.parametrize("name", CASES)
def test_repairs_are_the_nearest_safe_values(name: str) -> None:
    policy, config, expected = CASES[name]
    assert not is_safe(policy, config)
    verdicts = [decide(invariant, policy, config) for invariant in INVARIANTS.values() if invariant.applies(config)]
    repairs = find_repairs(policy, config, verdicts, FIELDS)
    assert {change for repair in repairs for change in repair} == expected
    assert all(len(repair) == 1 for repair in repairs)
    for change in expected:
        assert is_safe(policy, with_value(config, change.field, change.new))
        towards_old = 1 if change.old > change.new else -1
        for distance in range(1, NEIGHBOURS + 1):
            nearer = change.new + towards_old * distance
            if nearer == change.old:
                break
            assert not is_safe(policy, with_value(config, change.field, nearer)), nearer


@pytest.mark.parametrize("name", CASES)
def test_where_no_repair_is_offered_the_neighbours_are_not_safe(name: str) -> None:
    policy, config, expected = CASES[name]
    offered = {(change.field, change.new > change.old) for change in expected}
    for field in FIELDS:
        old = value_of(config, field)
        for is_up in (True, False):
            if old is None or (field, is_up) in offered:
                continue
            values = [old + distance if is_up else old - distance for distance in range(1, NEIGHBOURS + 1)]
            unsafe = [value for value in values if not is_safe(policy, with_value(config, field, value))]
            assert unsafe == values, field


UNPAID = ServingConfig(
    max_num_seqs=16,
    max_num_batched_tokens=64,
    max_model_len=256,
    speculation=SpeculativeConfig(method=SpeculativeMethod.NGRAM, num_speculative_tokens=5),
)
"""A version under review charges n-gram drafts nothing; no single flag repairs everything that comes of it."""

OWN: dict[str, set[Change]] = {
    "no_overshoot": {Change("max_num_seqs", 16, 1)},
    "charge_follows_method": set(),
    "decode_fits_budget": {
        Change("max_num_batched_tokens", 64, 96),
        Change("max_num_seqs", 16, 10),
        Change("num_speculative_tokens", 5, 3),
    },
}


def held_names(policy: Policy, config: ServingConfig) -> set[str]:
    """The invariants that hold, or say nothing about the configuration."""
    return {
        name
        for name, invariant in INVARIANTS.items()
        if not invariant.applies(config) or decide(invariant, policy, config).status is Status.HELD
    }


def test_where_nothing_repairs_everything_each_violation_has_its_own_repairs() -> None:
    policy = POLICIES["7623-draft"]
    verdicts = [decide(invariant, policy, UNPAID) for invariant in INVARIANTS.values() if invariant.applies(UNPAID)]
    assert find_repairs(policy, UNPAID, verdicts, FIELDS) == []
    held = held_names(policy, UNPAID)
    violated = {verdict.invariant: verdict for verdict in verdicts if verdict.status is Status.VIOLATED}
    assert OWN.keys() <= violated.keys()
    for name, expected in OWN.items():
        repairs = find_repairs_of(policy, UNPAID, violated[name], verdicts, FIELDS)
        assert {change for repair in repairs for change in repair} == expected, name
        for change in expected:
            repaired = with_value(UNPAID, change.field, change.new)
            assert not policy.problems(repaired)
            assert held | {name} <= held_names(policy, repaired)
            nearer = change.new + (1 if change.old > change.new else -1)
            assert not held | {name} <= held_names(policy, with_value(UNPAID, change.field, nearer)), nearer


@pytest.mark.parametrize("policy", [POLICIES["7756"], POLICIES["7499"], REFERENCE], ids=lambda policy: policy.name)
def test_a_refused_start_is_repaired_for_itself(policy: Policy) -> None:
    """Whatever else may be violated then: the nearest value that starts, and no nearer one does."""
    repairs = find_repairs_of_startup(policy, REFUSED, FIELDS)
    assert repairs == [
        (Change("max_num_batched_tokens", 590, 600),),
        (Change("max_num_seqs", 100, 98),),
        (Change("num_speculative_tokens", 5, 4),),
    ]
    for (change,) in repairs:
        assert not policy.problems(with_value(REFUSED, change.field, change.new))
        nearer = change.new + (1 if change.new < change.old else -1)
        assert policy.problems(with_value(REFUSED, change.field, nearer))
