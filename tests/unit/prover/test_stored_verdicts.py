"""Shipped verdicts are what deciding gives, and are there only for what the proof run decides."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from schedproof import NEWEST, POLICIES, REFERENCE, Policy
from schedproof.engines.fastdeploy.releases import VERSIONS
from schedproof_gate.errors import InputError
from schedproof_gate.policies.stored import shipped_answer, shipped_work
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
from schedproof_spec.verdicts.stored_verdicts import read_stored, stored_answer, work_name

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


def spoilt(path: tuple[str, ...], value: object) -> str:
    """Return what is stored of the newest version with one value in another's place."""
    table = json.loads(json.dumps(read_stored(f"policy_{NEWEST.name}")))
    *above, last = path
    place = table
    for name in above:
        place = place[name]
    place[last] = value
    return json.dumps(table)


BROKEN = "blocks_cover_tokens"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "3",
        "\x00",
        "{",
        spoilt((BROKEN,), [1]),
        spoilt((BROKEN,), {}),
        spoilt((BROKEN, "status"), "maybe"),
        spoilt((BROKEN, "witness"), 3),
        spoilt((BROKEN, "witness"), []),
        spoilt((BROKEN, "witness", "config", "max_num_seqs"), -1),
        spoilt((BROKEN, "witness", "config", "max_num_seqs"), 10**12),
        spoilt((BROKEN, "witness", "config", "block_size"), 0),
        spoilt((BROKEN, "witness", "steps"), None),
    ],
)
def test_a_damaged_file_is_one_clear_error(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("schedproof_spec.verdicts.stored_verdicts.FOLDER", str(tmp_path))
    (tmp_path / f"policy_{NEWEST.name}.json").write_text(text)
    read_stored.cache_clear()
    try:
        with pytest.raises(InputError, match=rf"^stored verdicts: policy_{NEWEST.name}\.json: ") as caught:
            shipped_answer(INVARIANTS[BROKEN], NEWEST)
    finally:
        read_stored.cache_clear()
    assert str(caught.value).endswith("; install schedproof again, or give --verify")


@pytest.mark.parametrize("text", ["", "3", '{"broken": 3, "smallest": {}}', '{"broken": "x"}'])
def test_a_damaged_file_of_the_work_on_tensors_is_one_clear_error(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (rule,) = WORK_RULES["one_sender"]
    monkeypatch.setattr("schedproof_spec.verdicts.stored_verdicts.FOLDER", str(tmp_path))
    for version in rule.broken_by:
        (tmp_path / f"{work_name(rule, version)}.json").write_text(text)
    read_stored.cache_clear()
    try:
        with pytest.raises(InputError, match=r"^stored verdicts: one_sender_.*\.json: "):
            shipped_work(rule)
    finally:
        read_stored.cache_clear()


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
