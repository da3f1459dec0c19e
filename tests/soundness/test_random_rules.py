"""Random small rules: the prover never contradicts what comes out when all small numbers are tried."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.soundness.random_rules import Compared, compare, proved, rule_of, tried
from tests.soundness.rule_writer import PRELUDE

from schedproof_spec import Status

MANY = settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@MANY
@given(chance=st.randoms(use_true_random=False), outside=st.sampled_from([0.0, 0.1]))
def test_a_random_rule_is_what_the_prover_says(chance: random.Random, outside: float) -> None:
    compared = compare(chance, outside)
    assert compared.agree, str(compared)


def test_most_random_rules_are_decided() -> None:
    found = [compare(random.Random(f"decided-{number}"), outside=0.0) for number in range(40)]
    decided = [each for each in found if each.outcome.status is not Status.UNDECIDED]
    assert len(decided) > 30
    assert {each.found for each in decided} == {Status.HELD, Status.VIOLATED}


@pytest.mark.parametrize(
    ("body", "most", "found"),
    [
        ("return n", 4, Status.HELD),
        ("return n", 3, Status.VIOLATED),
        ("return n // config.block_size", 4, Status.VIOLATED),
        ("return config.block_size // 2 % -3", 0, Status.HELD),
        ("assert n < 4, f'{n}'\n    return 0", 9, Status.VIOLATED),
    ],
)
def test_the_comparison_knows_what_is_so(body: str, most: int, found: Status) -> None:
    rule = rule_of(f"{PRELUDE}    {body}\n")
    assert tried(rule, most) is found
    assert proved(rule, most).status is found


def test_a_contradiction_is_seen() -> None:
    """Where the prover is told something else than what runs, the two contradict each other."""
    told, runs = (rule_of(f"{PRELUDE}    return n {sign} 1\n") for sign in "+-")
    assert not Compared("", 3, proved(told, 3), tried(runs, 3)).agree
    assert not Compared("", 4, proved(runs, 4), tried(told, 4)).agree
