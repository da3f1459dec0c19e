"""Paths are followed where some state takes them, with as few questions as that needs."""

from __future__ import annotations

import itertools
from typing import Any

import z3
from hypothesis import given, settings
from hypothesis import strategies as st

from schedproof_spec.prover.context import SymbolicContext
from schedproof_spec.prover.paths import PathExplorer

Limits = list[tuple[int, int]]
"""Coefficients of x and y; a path asks of each whether their sum is positive."""


def signs(limits: Limits, x: Any, y: Any) -> tuple[bool, ...]:
    """Ask one question after the other."""
    return tuple(bool(a * x + b * y > 0) for a, b in limits)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(-2, 2), st.integers(-2, 2)), max_size=4))
def test_the_paths_are_those_that_some_state_takes(limits: Limits) -> None:
    explorer = PathExplorer()
    context = SymbolicContext(explorer)

    def run() -> tuple[bool, ...]:
        return signs(limits, context.integer("x", -3, 3), context.integer("y", -3, 3))

    found = [value for value, _ in explorer.runs(run)]
    taken = {signs(limits, x, y) for x, y in itertools.product(range(-3, 4), repeat=2)}
    assert sorted(found) == sorted(taken)


def test_a_side_that_a_known_state_takes_needs_no_question() -> None:
    explorer = PathExplorer()
    context = SymbolicContext(explorer)

    def run() -> None:
        x = context.integer("x", 0)
        if x > 5:
            bool(x > 7)

    list(explorer.runs(run))
    assert explorer.num_paths == 3
    assert explorer.work.num_questions == 3, "two for the first decision, one for the second"


def test_an_assumption_that_the_known_state_breaks_is_not_forgotten() -> None:
    explorer = PathExplorer()
    context = SymbolicContext(explorer)

    def run() -> str:
        x = context.integer("x", 0, 9)
        if x > 5:
            context.assume(x == 8)
            return "eight" if x == 8 else "another"
        context.assume(x >= 6)
        return "never" if x == 7 else "neither"

    assert [value for value, _ in explorer.runs(run)] == ["eight"]


def test_a_bound_ends_the_paths_beyond_it() -> None:
    explorer = PathExplorer()
    context = SymbolicContext(explorer)
    seen = []

    def run() -> None:
        x = context.integer("x", 0)
        bits = [bool(x % 2 == 1), bool(x > 8), bool(x > 90)]
        seen.append(bits)

    for _ in explorer.runs(run):
        explorer.bound = z3.Int("x") <= 10
    assert [True, True, True] in seen, "the first path begins before there is a bound"
    assert all(not bits[2] for bits in seen[1:])
    assert [False, True, False] in seen


def test_what_a_theorem_supposes_counts() -> None:
    explorer = PathExplorer()
    context = SymbolicContext(explorer)

    def run() -> tuple[bool, bool]:
        x = context.integer("x", 0)
        possible = explorer.is_possible()
        with explorer.supposing((x < 0).term):
            under_more = explorer.is_possible()
        return possible, under_more

    assert [value for value, _ in explorer.runs(run)] == [(True, False)]


def test_a_path_that_nothing_takes_has_no_value() -> None:
    explorer = PathExplorer()
    context = SymbolicContext(explorer)

    def run() -> str:
        x = context.integer("x", 0)
        context.assume(x < 0)
        return "some" if x > 5 else "none"

    assert list(explorer.runs(run)) == []
