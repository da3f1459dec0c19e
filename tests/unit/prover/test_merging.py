"""A merged function equals the function: on every number, and path by path. Functions are generated."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import z3
from hypothesis import given, settings
from hypothesis import strategies as st

from schedproof_spec.prover.context import SymbolicContext
from schedproof_spec.prover.merge import merge
from schedproof_spec.prover.paths import PathExplorer
from schedproof_spec.prover.symbolic import SymInt, UnsupportedError

NAMES = ("x", "y")
BOX = list(itertools.product(range(-2, 4), repeat=2))
"""Every pair of numbers on which a generated function is run."""

Expression = tuple[Any, ...]


def numbers() -> st.SearchStrategy[Expression]:
    """Generate integer expressions over x and y: arithmetic, choices, and divisions that may fail."""
    leaves = st.builds(lambda name: ("name", name), st.sampled_from(NAMES)) | st.builds(
        lambda number: ("number", number), st.integers(-2, 2)
    )
    return st.recursive(leaves, extended, max_leaves=8)


def extended(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    """Put integer expressions together."""
    compared = st.tuples(st.sampled_from(("<", "<=", "==", "!=")), inner, inner)
    condition = (
        compared
        | st.tuples(st.sampled_from(("and", "or")), compared, compared)
        | st.tuples(st.just("not"), compared)
    )
    return (
        st.tuples(st.sampled_from(("+", "-", "*", "//", "%", "min", "max")), inner, inner)
        | st.tuples(st.just("if"), condition, inner, inner)
        | st.tuples(st.just("abs"), inner)
    )


def run(expression: Expression, values: dict[str, Any]) -> Any:
    """Evaluate with Python's own operators and control flow, on numbers or on symbols."""
    kind, *parts = expression
    if kind == "name":
        return values[parts[0]]
    if kind == "number":
        return parts[0]
    if kind == "if":
        condition, yes, no = parts
        return run(yes, values) if run(condition, values) else run(no, values)
    if kind == "and":
        return run(parts[0], values) and run(parts[1], values)
    if kind == "or":
        return run(parts[0], values) or run(parts[1], values)
    return OPERATORS[kind](*(run(part, values) for part in parts))


OPERATORS: dict[str, Any] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "min": min,
    "max": max,
    "abs": abs,
    "not": lambda a: not a,
}

FAILS = "division by zero"


def in_python(expression: Expression, x: int, y: int) -> int | str:
    try:
        return int(run(expression, {"x": x, "y": y}))
    except ZeroDivisionError:
        return FAILS


def at(term: Any, x: int, y: int) -> Any:
    """Return the value of a term, a symbol or a number for these numbers."""
    term = getattr(term, "term", term)
    if isinstance(term, int):
        return term
    value = z3.simplify(z3.substitute(term, (z3.Int("x"), z3.IntVal(x)), (z3.Int("y"), z3.IntVal(y))))
    return value.as_long() if z3.is_int(value) else z3.is_true(value)


@settings(max_examples=100)
@given(expression=numbers())
def test_merged_is_the_function_on_every_number(expression: Expression) -> None:
    symbols = {name: SymInt(z3.Int(name)) for name in NAMES}
    result = merge(PathExplorer(), lambda: run(expression, symbols))
    for x, y in BOX:
        expected = in_python(expression, x, y)
        fails = [error for split, error in result.errors if at(split.conditions[0], x, y)]
        if expected == FAILS:
            assert [type(error) for error in fails] == [ZeroDivisionError]
        else:
            assert fails == []
            assert at(result.value, x, y) == expected


@settings(max_examples=60)
@given(expression=numbers())
def test_paths_are_the_function_and_every_number_has_exactly_one(expression: Expression) -> None:
    explorer = PathExplorer()
    context = SymbolicContext(explorer)
    paths = [
        (z3.And(*explorer.conditions()), value, error)
        for value, error in explorer.runs(lambda: run(expression, {name: context.integer(name) for name in NAMES}))
    ]
    for x, y in BOX:
        taken = [(value, error) for condition, value, error in paths if at(condition, x, y)]
        assert len(taken) == 1
        ((value, error),) = taken
        found = FAILS if isinstance(error, ZeroDivisionError) else at(value, x, y)
        assert found == in_python(expression, x, y)


@settings(max_examples=40)
@given(expression=numbers(), claimed=numbers())
def test_a_claim_about_a_function_is_decided_as_its_numbers_say(
    expression: Expression, claimed: Expression
) -> None:
    """Within the box, the solver's answer about all states is the answer of trying each."""
    explorer = PathExplorer()
    context = SymbolicContext(explorer)

    def broken() -> bool:
        values = {name: context.integer(name, -2, 3) for name in NAMES}
        return bool(run(expression, values) > run(claimed, values))

    answers = {FAILS if error is not None else value for value, error in explorer.runs(broken)}
    assert answers == {compared(expression, claimed, x, y) for x, y in BOX}


def compared(left: Expression, right: Expression, x: int, y: int) -> bool | str:
    a, b = in_python(left, x, y), in_python(right, x, y)
    return FAILS if isinstance(a, str) or isinstance(b, str) else a > b


def test_values_that_cannot_be_merged_are_refused() -> None:
    x = SymInt(z3.Int("x"))
    with pytest.raises(UnsupportedError, match="cannot be merged"):
        merge(PathExplorer(), lambda: "less" if x < 0 else "more")
