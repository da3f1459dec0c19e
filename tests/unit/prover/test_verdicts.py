"""The prover says `held` only of what it has proved."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

from schedproof_spec.prover import prove as prove_module
from schedproof_spec.prover.context import Context
from schedproof_spec.prover.paths import PathExplorer
from schedproof_spec.prover.prove import Theorem, prove, search
from schedproof_spec.prover.verdict import Outcome, Status

DECIDERS = pytest.mark.parametrize("decide", [prove, search])
Decide = Callable[[Theorem], Outcome]


@pytest.fixture
def tiny_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a question cost next to nothing."""
    monkeypatch.setattr(prove_module, "PathExplorer", functools.partial(PathExplorer, 2_000))


def sum_of_three_cubes(ctx: Context) -> Any:
    """True that 42 is one, but the numbers have seventeen digits."""
    x, y, z = (ctx.integer(name) for name in "xyz")
    return x * x * x + y * y * y + z * z * z == 42


@DECIDERS
def test_a_true_claim_is_held(decide: Decide) -> None:
    def theorem(ctx: Context) -> None:
        x = ctx.integer("x", 0)
        ctx.prove("a square is not less than its root", x * x >= x)

    outcome = decide(theorem)
    assert outcome.status is Status.HELD
    assert outcome.reached == {"a square is not less than its root"}
    assert outcome.unreached == frozenset()


@DECIDERS
def test_an_unknown_is_undecided_and_names_the_limit(decide: Decide, tiny_limit: None) -> None:
    def theorem(ctx: Context) -> None:
        is_sum = sum_of_three_cubes(ctx)
        ctx.prove("no sum of three cubes is 42", ctx.merged(lambda: not is_sum))

    outcome = decide(theorem)
    assert outcome.status is Status.UNDECIDED
    assert outcome.values is None
    assert "no sum of three cubes is 42" in outcome.reason
    assert "2000 resource units" in outcome.reason


@DECIDERS
def test_an_assumption_that_may_be_empty_is_never_held(decide: Decide, tiny_limit: None) -> None:
    def theorem(ctx: Context) -> None:
        ctx.assume(sum_of_three_cubes(ctx))
        ctx.prove("anything", True)

    assert decide(theorem).status in (Status.UNDECIDED, Status.VACUOUS)


@DECIDERS
def test_an_undecided_claim_is_not_hidden_by_proved_ones(decide: Decide, tiny_limit: None) -> None:
    def theorem(ctx: Context) -> None:
        ctx.prove("before", ctx.integer("a", 0) >= 0)
        is_sum = sum_of_three_cubes(ctx)
        ctx.prove("no sum of three cubes is 42", ctx.merged(lambda: not is_sum))
        ctx.prove("after", ctx.integer("b", 0) >= 0)

    assert decide(theorem).status is Status.UNDECIDED


@DECIDERS
def test_unsatisfiable_assumptions_are_vacuous(decide: Decide) -> None:
    def theorem(ctx: Context) -> None:
        x = ctx.integer("x")
        ctx.assume(x > 0)
        ctx.assume(x < 0)
        ctx.prove("anything", x == x + 1)

    assert decide(theorem).status is Status.VACUOUS


@DECIDERS
def test_a_plainly_false_assumption_is_vacuous(decide: Decide) -> None:
    def theorem(ctx: Context) -> None:
        ctx.assume(False)
        ctx.prove("anything", False)

    assert decide(theorem).status is Status.VACUOUS


@DECIDERS
def test_no_claims_are_vacuous(decide: Decide) -> None:
    def theorem(ctx: Context) -> None:
        ctx.assume(ctx.integer("x") > 0)

    assert decide(theorem).status is Status.VACUOUS


@DECIDERS
def test_a_claim_that_no_state_gets_to_is_told_apart(decide: Decide) -> None:
    def theorem(ctx: Context) -> None:
        x = ctx.integer("x", 0)
        ctx.prove("reached", x >= 0)
        ctx.assume(x < 0)
        ctx.prove("not reached", x == 7)

    outcome = decide(theorem)
    assert outcome.reached == {"reached"}
    assert outcome.unreached <= {"not reached"}
    assert "not reached" not in outcome.reached


def test_an_exception_on_a_path_is_a_violation_with_a_witness() -> None:
    def theorem(ctx: Context) -> None:
        x, y = ctx.integer("x", 3), ctx.integer("y", 0)
        ctx.prove("a quotient is not negative", x // (y - 2) >= -x)

    assert prove(theorem).status is Status.VIOLATED
    outcome = search(theorem)
    assert outcome.status is Status.VIOLATED
    assert outcome.reason == "raises ZeroDivisionError"
    assert outcome.values == {"x": 3, "y": 2}


def test_an_exception_inside_a_merged_function_is_a_violation_too() -> None:
    def theorem(ctx: Context) -> None:
        table = {0: "a", 1: "b"}
        x = ctx.integer("x", 0, 2)
        ctx.prove("it is in the table", ctx.merged(lambda: len(table[2 if x == 2 else 0]) == 1))

    outcome = search(theorem)
    assert (outcome.status, outcome.reason, outcome.values) == (Status.VIOLATED, "raises KeyError", {"x": 2})


def test_an_exception_that_no_state_reaches_is_no_violation() -> None:
    def theorem(ctx: Context) -> None:
        x = ctx.integer("x", 1)
        ctx.prove("a remainder is small", ctx.merged(lambda: 10 % x < x))

    assert prove(theorem).status is Status.HELD


def test_an_endless_loop_meets_a_limit_and_is_undecided() -> None:
    def theorem(ctx: Context) -> None:
        x = ctx.integer("x", 0)
        steps = 0
        while steps < x:
            steps += 1
        ctx.prove("it ends", steps == x)

    outcome = prove(theorem)
    assert outcome.status is Status.UNDECIDED
    assert "400 decisions" in outcome.reason


def test_a_witness_that_does_not_replay_is_not_shown() -> None:
    """A theorem that behaves differently on numbers has no witness, so it is not called violated."""

    def theorem(ctx: Context) -> None:
        x = ctx.integer("x", 0)
        ctx.prove("x is an int", isinstance(x, int))

    outcome = search(theorem)
    assert outcome.status is Status.UNDECIDED
    assert "does not replay" in outcome.reason
    assert outcome.values is None


@DECIDERS
def test_a_claim_must_be_a_truth_value(decide: Decide) -> None:
    def theorem(ctx: Context) -> None:
        ctx.prove("a number is not a claim", ctx.integer("x"))

    assert decide(theorem).status is not Status.HELD
