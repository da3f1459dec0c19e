"""Ways to say `held` or `violated` without having proved it."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from schedproof_spec.prover import prove as prove_module
from schedproof_spec.prover.context import Context
from schedproof_spec.prover.paths import PathExplorer
from schedproof_spec.prover.prove import prove, search
from schedproof_spec.prover.verdict import Status


def test_a_truth_value_that_equals_a_number_is_compared_or_refused() -> None:
    """In Python ``True == 1``."""

    def theorem(ctx: Context) -> None:
        x = ctx.integer("x", 0, 5)
        ctx.prove("a truth value is never 1", ctx.merged(lambda: (x < 3) != 1))

    assert prove(theorem).status is not Status.HELD


def test_a_float_that_equals_a_number_is_compared_or_refused() -> None:
    def theorem(ctx: Context) -> None:
        x = ctx.integer("x", 0, 5)
        ctx.prove("no integer is 2.0", ctx.merged(lambda: x != 2.0))

    assert prove(theorem).status is not Status.HELD


def test_a_name_drawn_twice_is_an_error() -> None:
    """Two draws of one name would be one unknown, and a proof about equal values only."""

    def theorem(ctx: Context) -> None:
        first, second = ctx.integer("x", 0), ctx.integer("x", 0)
        ctx.prove("any two numbers are equal", first == second)

    assert prove(theorem).status is not Status.HELD


def test_an_exception_on_a_path_that_may_not_exist_is_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    """No sum of three cubes is 4, so nothing is raised; a solver that gives up does not know."""
    monkeypatch.setattr(prove_module, "PathExplorer", functools.partial(PathExplorer, 2_000))

    def theorem(ctx: Context) -> None:
        x, y, z = (ctx.integer(name) for name in "xyz")
        if x * x * x + y * y * y + z * z * z == 4:
            raise ValueError("unreachable")
        ctx.prove("an integer is itself", x == x)

    assert prove(theorem).status is Status.UNDECIDED


def test_an_operation_that_the_prover_does_not_have_is_undecided() -> None:
    """The function itself raises nothing."""

    def theorem(ctx: Context) -> None:
        x: Any = ctx.integer("x", 0)
        ctx.prove("half is not negative", ctx.merged(lambda: x * 0.5 >= 0))

    assert prove(theorem).status is Status.UNDECIDED


def test_the_earlier_numbers_are_the_smallest_over_all_paths() -> None:
    def theorem(ctx: Context) -> None:
        x, y = ctx.integer("x", 0), ctx.integer("y", 0)
        if x > y:
            ctx.prove("claim", x + y != 3)
        else:
            ctx.prove("claim", x + y != 3)

    assert search(theorem).values == {"x": 0, "y": 3}
