"""A side of a decision that a glance leaves open is followed, and changes no outcome."""

from __future__ import annotations

import pytest

from schedproof_spec.prover import paths
from schedproof_spec.prover.context import Context
from schedproof_spec.prover.prove import prove
from schedproof_spec.prover.verdict import Outcome, Status


@pytest.fixture(autouse=True)
def hardly_a_glance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the solver give up at once where a decision is made."""
    monkeypatch.setattr(paths, "GLANCE", 1)


def proved_where_square_is(square: int, then: str) -> Outcome:
    def theorem(ctx: Context) -> None:
        number = ctx.integer("number", 0, 100)
        if number * number == square:
            if then == "claim":
                ctx.prove("nobody gets here", False)
            elif then == "raise":
                raise ValueError
            else:
                hash(number)
        ctx.prove("there are others", number >= 0)

    return prove(theorem)


@pytest.mark.parametrize("then", ["claim", "raise", "leave the language"])
def test_what_no_state_gets_to_is_not_told(then: str) -> None:
    outcome = proved_where_square_is(50, then)
    assert outcome.status is Status.HELD, outcome.reason
    assert outcome.reached == {"there are others"}
    assert not outcome.unreached
    assert outcome.num_paths + (then == "claim") == 2, "the side was followed"


@pytest.mark.parametrize(
    ("then", "status"),
    [("claim", Status.VIOLATED), ("raise", Status.VIOLATED), ("leave the language", Status.UNDECIDED)],
)
def test_what_some_state_gets_to_is(then: str, status: Status) -> None:
    assert proved_where_square_is(49, then).status is status


def test_a_claim_behind_an_impossible_assumption_is_told() -> None:
    def theorem(ctx: Context) -> None:
        number = ctx.integer("number", 0, 100)
        ctx.prove("there are numbers", number >= 0)
        if number * number == 49:
            ctx.assume(number > 7)
            ctx.prove("nobody gets here", number > 8)

    outcome = prove(theorem)
    assert outcome.status is Status.HELD
    assert outcome.unreached == {"nobody gets here"}
