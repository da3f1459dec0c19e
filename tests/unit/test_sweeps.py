"""The recorded sweeps speak of the code as it is: each module's changes, all killed or explained."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from proofs.mutation.sweep import HERE, SUBJECTS, changes_of, explained

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"


def recorded(subject):
    return json.loads((HERE / SUBJECTS[subject].outcome).read_text(encoding="utf-8"))


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_change_of_every_module_was_tried(subject):
    found = recorded(subject)
    assert tuple(found) == SUBJECTS[subject].modules
    for name, outcome in found.items():
        changes = list(changes_of(name))
        again = f"run `python -m proofs.mutation.sweep {subject} --only {name}`"
        assert outcome["num_changes"] == len(changes), again
        assert outcome["survivors"].keys() <= {change.lasting_name for change in changes}, again
        killed = Counter(edit_of(change) for change in outcome["killed_by"])
        assert killed.total() == outcome["num_killed"], again
        assert killed <= Counter(change.edit for change in changes), again


def edit_of(name):
    """Return what a recorded change edits; its line and column may have moved since."""
    return name.split(": ", 1)[1]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_what_killed_a_change_is_still_there(subject):
    for outcome in recorded(subject).values():
        for killer in outcome["killed_by"].values():
            if killer.startswith("FAILED "):
                file, test = killer.removeprefix("FAILED ").split("[")[0].split("::", 1)
                assert (ROOT / file).exists(), killer
                assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8"), killer


@pytest.mark.parametrize("subject", SUBJECTS)
def test_survivors_are_few_and_explained(subject):
    found = recorded(subject).values()
    num_changes = sum(outcome["num_changes"] for outcome in found)
    assert sum(outcome["num_killed"] for outcome in found) >= 0.95 * num_changes
    reasons = explained()
    survivors = {name for outcome in found for name in outcome["survivors"]}
    assert survivors <= reasons.keys()


def test_no_reason_is_left_over():
    survivors = {
        name for subject in SUBJECTS for outcome in recorded(subject).values() for name in outcome["survivors"]
    }
    assert explained().keys() == survivors


@pytest.mark.parametrize("subject", SUBJECTS)
def test_the_readme_has_the_figures(subject):
    found = recorded(subject).values()
    num_killed, num_changes = (sum(outcome[count] for outcome in found) for count in ("num_killed", "num_changes"))
    row = f"| `{subject}` | {num_changes} | {num_killed} |"
    assert row in README.read_text(encoding="utf-8")
