"""The recorded sweeps speak of the code as it is: each module's changes, all killed or explained."""

from __future__ import annotations

from pathlib import Path

import pytest
from proofs.mutation.attempts import FAILED, NO_END
from proofs.mutation.order import Order
from proofs.mutation.record import explained, is_equivalent, percent_killed, recorded, tried_in
from proofs.mutation.sources import changes_of, code_hash, source_of
from proofs.mutation.subjects import SUBJECTS, SWEPT

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
COUNTS = ("num_killed", "num_changes", "num_equivalent")


def outcomes_of(subject):
    return recorded(SUBJECTS[subject])


def counts_of(subject):
    """Return how many changes were killed, tried and found equivalent."""
    return tuple(sum(outcome[count] for outcome in outcomes_of(subject).values()) for count in COUNTS)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_change_of_every_swept_module_was_tried(subject):
    found = outcomes_of(subject)
    assert tuple(found) == tuple(name for name in SUBJECTS[subject].modules if name in SWEPT)
    for name, outcome in found.items():
        changes = [change.lasting_name for change in changes_of(name)]
        again = f"run `python -m proofs.mutation.sweep {subject} --stale`: {name} has moved on"
        assert outcome["num_changes"] == len(changes) == len(set(changes)), again
        assert tried_in(outcome) == set(changes), again
        assert outcome["code"] == code_hash(source_of(name)), again


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_change_has_one_fate(subject):
    for outcome in outcomes_of(subject).values():
        killed = [name for names in outcome["killed_by"].values() for name in names]
        assert len(killed) == len(set(killed)) == outcome["num_killed"]
        assert not outcome["survivors"].keys() & set(killed)
        assert outcome["num_killed"] + len(outcome["survivors"]) == outcome["num_changes"]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_what_killed_a_change_is_still_there(subject):
    for outcome in outcomes_of(subject).values():
        for killer in outcome["killed_by"]:
            if killer.startswith((FAILED, NO_END)) and "::" in killer:
                test_of_file = killer.removeprefix(FAILED).removeprefix(NO_END)
                file, test = test_of_file.split("[")[0].split("::", 1)
                assert (ROOT / file).exists(), killer
                assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8"), killer


@pytest.mark.parametrize("subject", SUBJECTS)
def test_survivors_are_few_and_explained(subject):
    num_killed, num_changes, num_equivalent = counts_of(subject)
    assert num_killed >= 0.95 * num_changes
    assert num_killed >= 0.99 * (num_changes - num_equivalent)
    reasons = explained()
    survivors = {name for outcome in outcomes_of(subject).values() for name in outcome["survivors"]}
    assert survivors <= reasons.keys()


@pytest.mark.parametrize("subject", SUBJECTS)
def test_only_reasons_make_a_survivor_equivalent(subject):
    reasons = explained()
    for name, outcome in outcomes_of(subject).items():
        again = f"run `python -m proofs.mutation.sweep {subject} --reasons`: {name} has other reasons by now"
        assert outcome["survivors"] == {survivor: reasons.get(survivor) for survivor in outcome["survivors"]}, again
        assert outcome["num_equivalent"] == sum(map(is_equivalent, outcome["survivors"].values()))
        assert outcome["percent_killed"] == percent_killed(*(outcome[count] for count in COUNTS))


def test_no_reason_is_left_over():
    survivors = {
        name for subject in SUBJECTS for each in outcomes_of(subject).values() for name in each["survivors"]
    }
    known = {name for name in explained() if name.split(": ")[0].removeprefix("schedproof.") in SWEPT}
    assert known == survivors


@pytest.mark.parametrize("subject", SUBJECTS)
def test_the_readme_has_the_figures(subject):
    num_killed, num_changes, _ = counts_of(subject)
    modules = SUBJECTS[subject].modules
    num_swept = sum(name in SWEPT for name in modules)
    row = f"| `{subject}` | {num_swept} of {len(modules)} | {num_changes} | {num_killed} |"
    assert row in README.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("counts", "percent"),
    [((99, 110, 10), 99.0), ((0, 3, 3), 100.0), ((2, 3, 0), 66.66), ((9999, 10000, 0), 99.99)],
)
def test_the_percentage_leaves_out_what_is_equivalent(counts, percent):
    assert percent_killed(*counts) == percent


def test_what_killed_a_change_before_is_tried_first_and_then_what_kills_most_in_its_time():
    order = Order({"slow": 10.0, "quick": 0.1, "known": 1.0}, {"this": "slow", "that": "known"})
    assert order.for_change("this") == ["slow", "known", "quick"]
    assert order.for_change("other") == ["known", "quick", "slow"]
    for _ in range(3):
        order.note("quick", {"known": 1.0, "quick": 0.1})
    assert order.for_change("other") == ["quick", "known", "slow"]
