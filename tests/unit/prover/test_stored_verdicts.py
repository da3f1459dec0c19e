"""Shipped verdicts are what deciding gives, and are there only for what the proof run decides."""

from dataclasses import replace

import pytest

from schedproof import NEWEST, POLICIES, REFERENCE, Policy
from schedproof.engines.fastdeploy.releases import VERSIONS
from schedproof_spec import (
    INVARIANTS,
    WORK_RULES,
    Status,
    WorkRule,
    decide_work,
    known_answer,
    known_work,
    new_answer,
)
from schedproof_spec.verdicts.stored_verdicts import read_stored, stored_answer

CHEAP = [INVARIANTS[name] for name in ("decode_fits_budget", "message_fits", "charge_follows_method")]


@pytest.mark.parametrize("invariant", CHEAP, ids=lambda each: each.name)
@pytest.mark.parametrize("policy", [POLICIES["original"], NEWEST, REFERENCE], ids=lambda each: each.name)
def test_a_stored_answer_is_what_deciding_gives(invariant, policy) -> None:  # type: ignore[no-untyped-def]
    stored = known_answer(invariant, policy)
    assert stored.is_stored
    assert replace(stored, is_stored=False) == new_answer(invariant, policy)


def test_every_cell_of_the_matrix_is_stored() -> None:
    for policy in POLICIES.values():
        for invariant in INVARIANTS.values():
            answer = stored_answer(invariant, policy)
            assert answer is not None
            assert (answer.witness is None) is (answer.status is Status.HELD)


class OwnPolicy(type(NEWEST)):  # type: ignore[misc]
    """A policy of one's own, which has the name of a known one."""


@pytest.mark.parametrize("policy", [OwnPolicy(), VERSIONS["release-2.5"]], ids=["own", "release"])
def test_another_policy_is_decided(policy: Policy) -> None:
    assert stored_answer(CHEAP[0], policy) is None
    assert not known_answer(CHEAP[0], policy).is_stored


def test_a_new_invariant_is_decided() -> None:
    assert stored_answer(replace(CHEAP[0], name="new"), NEWEST) is None


@pytest.mark.parametrize("name", ["one_sender", "dispatch_in_bounds"])
def test_the_work_on_tensors_is_stored_as_deciding_gives_it(name: str) -> None:
    for part in WORK_RULES[name]:
        stored = known_work(part)
        assert {verdict.is_stored for verdict in stored} == {True}
        assert tuple(replace(verdict, is_stored=False) for verdict in stored) == decide_work(part)


def test_work_without_a_stored_version_is_decided() -> None:
    (rule,) = WORK_RULES["one_sender"]
    renamed: WorkRule = replace(rule, broken_by=(replace(rule.broken_by[0], name="another name"),))
    assert {verdict.is_stored for verdict in known_work(renamed)} == {False}
    assert read_stored("one_sender_another-name") == {}
