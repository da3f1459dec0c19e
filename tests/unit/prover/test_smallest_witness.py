"""The witness of a refuted claim is the smallest: checked by trying everything in a small box."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from schedproof_spec.prover import prove
from schedproof_spec.prover.context import Context
from schedproof_spec.prover.paths import PathExplorer
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


def is_root_of_two(x: Any, y: Any) -> Any:
    """Hold for no numbers, which the solver cannot tell."""
    return x * x == 2 * (y + 1) * (y + 1)


@pytest.fixture
def _little_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prove, "PathExplorer", lambda: PathExplorer(resource_limit=20_000))


@pytest.mark.usefixtures("_little_work")
def test_a_state_that_may_not_be_the_smallest_is_not_called_so() -> None:
    theorem = theorem_of(lambda x, y, z: (x < 1000) & (is_root_of_two(x, y) == (z < 0)), merges=True)
    outcome = prove.search(theorem)
    assert outcome.status is Status.VIOLATED
    assert outcome.message == "claim; a smaller state may exist (solver limit: 20000 resource units an attempt)"
    assert outcome.values is not None
    assert failures(theorem, outcome.values) == ["claim"]


@pytest.mark.usefixtures("_little_work")
def test_a_state_beside_an_undecided_claim_may_not_be_the_smallest() -> None:
    def theorem(ctx: Context) -> None:
        x, y = ctx.integer("x", 0), ctx.integer("y", 0)
        if x > 5:
            ctx.prove("no root", ctx.merged(lambda: not is_root_of_two(x, y)))
        ctx.prove("small", x < 8)

    outcome = prove.search(theorem)
    assert outcome.status is Status.VIOLATED
    assert outcome.message == "small; a smaller state may exist (undecided: no root)"
    assert outcome.values == {"x": 8, "y": 0}


@pytest.mark.usefixtures("_little_work")
def test_a_state_behind_an_undecided_search_may_not_be_the_smallest() -> None:
    undecided = prove.search(theorem_of(lambda x, y, z: not is_root_of_two(x, y), merges=True))
    held = prove.search(theorem_of(lambda x, y, z: x >= 0, merges=True))
    found = prove.search(theorem_of(lambda x, y, z: x < 8, merges=True))
    assert [undecided.status, held.status, found.status] == [Status.UNDECIDED, Status.HELD, Status.VIOLATED]
    assert prove.last_of([held, found]) == found
    doubtful = prove.last_of([held, undecided, found])
    assert doubtful.message == f"claim; a smaller state may exist (undecided: {undecided.reason})"
    assert doubtful.values == found.values


def test_the_smallest_state_has_no_caveat() -> None:
    assert search(theorem_of(CLAIMS["a sum stays small"], merges=True)).message == "claim"
