"""The witness of a refuted claim is the smallest: checked by trying everything in a small box."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from schedproof_spec.prover.context import Context
from schedproof_spec.prover.prove import Theorem, failures, search
from schedproof_spec.prover.verdict import Status

SIDE = 12
"""Numbers from 0 to 12 are tried."""

Condition = Callable[[Any, Any, Any], Any]

CLAIMS: dict[str, Condition] = {
    "a sum stays small": lambda x, y, z: x + y + z < 7,
    "a product stays small": lambda x, y, z: x * y + z < 12,
    "no remainder of 3": lambda x, y, z: (x + 2 * y) % 5 != 3,
    "no steep triple": lambda x, y, z: not (x > 2 * y > 2 * z > 1),
    "no right triangle": lambda x, y, z: not (x > 0 and y > 0 and x * x + y * y == z * z),
    "a quotient stays small": lambda x, y, z: x // (y + 1) < 2 or z < 3,
}


def theorem_of(claim: Condition, *, merges: bool) -> Theorem:
    def theorem(ctx: Context) -> None:
        x, y, z = (ctx.integer(name, 0) for name in "xyz")
        ctx.prove("claim", ctx.merged(lambda: claim(x, y, z)) if merges else claim(x, y, z))

    return theorem


@pytest.mark.parametrize("name", CLAIMS)
def test_a_merged_claim_has_the_smallest_sum_then_the_smallest_numbers(name: str) -> None:
    claim = CLAIMS[name]
    broken = [numbers for numbers in itertools.product(range(SIDE + 1), repeat=3) if not claim(*numbers)]
    smallest = min(broken, key=lambda numbers: (sum(numbers), numbers))
    assert sum(smallest) <= SIDE, "the box holds every state of that sum"
    outcome = search(theorem_of(claim, merges=True))
    assert outcome.status is Status.VIOLATED
    assert outcome.values == dict(zip("xyz", smallest, strict=True))


@pytest.mark.parametrize("name", CLAIMS)
def test_over_several_paths_the_sum_is_the_smallest(name: str) -> None:
    claim = CLAIMS[name]

    def theorem(ctx: Context) -> None:
        x, y, z = (ctx.integer(label, 0) for label in "xyz")
        if x > y or y > z:
            ctx.prove("claim", ctx.merged(lambda: claim(x, y, z)))
        else:
            ctx.prove("claim", ctx.merged(lambda: claim(x, y, z)))

    broken = [numbers for numbers in itertools.product(range(SIDE + 1), repeat=3) if not claim(*numbers)]
    outcome = search(theorem)
    assert outcome.values is not None
    assert sum(outcome.values.values()) == min(map(sum, broken))
    assert failures(theorem, outcome.values) == ["claim"]


def test_numbers_below_zero_count_by_their_size() -> None:
    def theorem(ctx: Context) -> None:
        x, y = ctx.integer("x"), ctx.integer("y")
        ctx.prove("claim", ctx.merged(lambda: not (x * y < -5)))

    outcome = search(theorem)
    assert outcome.values is not None
    assert sum(map(abs, outcome.values.values())) == 5


def test_choices_count_by_their_index_and_truth_as_one() -> None:
    def theorem(ctx: Context) -> None:
        which = ctx.one_of("which", ("first", "second", "third"))
        flag = ctx.boolean("flag")
        x = ctx.integer("x", 0)
        ctx.assume(ctx.merged(lambda: x > 3 or flag))
        ctx.prove("claim", which == "first")

    assert search(theorem).values == {"which": 1, "flag": 1, "x": 0}
