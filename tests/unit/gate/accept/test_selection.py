"""Invariants are asked for by name, family or consequence; what is left out is listed."""

import findings
import pytest

from schedproof_gate.accept.selection import IGNORED, NOT_SELECTED, selection_of
from schedproof_gate.errors import InputError
from schedproof_spec import INVARIANTS, Consequence


def asked_for(select: list[str], ignore: list[str]) -> set[str]:
    selection = selection_of(select, ignore)
    return {name for name in INVARIANTS if selection.why_not(name) is None}


def test_names_families_and_consequences_select() -> None:
    assert asked_for([], []) == set(INVARIANTS)
    assert asked_for(["progress,no_overshoot"], []) == {"progress", "no_overshoot"}
    assert asked_for(["chunk"], []) == {name for name, rule in INVARIANTS.items() if rule.family == "chunk"}
    costly = {name for name, rule in INVARIANTS.items() if rule.consequence is Consequence.COST}
    assert asked_for(["cost"], []) == costly
    assert asked_for([], ["cost"]) == set(INVARIANTS) - costly
    assert asked_for(["budget"], ["budget_tight"]) == asked_for(["budget"], []) - {"budget_tight"}
    assert asked_for(["wrong-output"], []) >= {"message_fits"}


def test_the_start_up_is_always_looked_at() -> None:
    assert selection_of(["progress"], []).why_not("startup") is None
    with pytest.raises(InputError, match="start-up cannot be left out; accept the finding instead"):
        selection_of([], ["startup"])


@pytest.mark.parametrize(
    ("select", "ignore", "message"),
    [
        (
            ["no_overshot"],
            [],
            "--select: unknown invariant, family or consequence 'no_overshot'; did you mean",
        ),
        ([], ["crsh"], "--ignore: unknown invariant, family or consequence 'crsh'; did you mean crash?"),
        (["xyz"], [], "'xyz'; `schedproof explain` lists them all"),
        (["cost"], ["budget_tight"], "--ignore: nothing is left to check"),
    ],
)
def test_a_mistake_is_one_line_with_the_nearest_name(select: list[str], ignore: list[str], message: str) -> None:
    with pytest.raises(InputError) as caught:
        selection_of(select, ignore)
    assert message in str(caught.value)


def test_left_out_results_are_listed_with_the_reason() -> None:
    (subject,) = findings.report("a.yaml", findings.result(), findings.result("budget_tight")).subjects
    chosen = selection_of(["budget"], ["budget_tight"]).applied_to(subject)
    assert [result.invariant for result in chosen.results] == ["startup", "no_overshoot"]
    assert [(skipped.invariant, skipped.reason) for skipped in chosen.not_checked] == [("budget_tight", IGNORED)]
    other = selection_of(["progress"], []).applied_to(subject)
    assert {skipped.reason for skipped in other.not_checked} == {NOT_SELECTED}
