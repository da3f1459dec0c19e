"""Symbols mean what Python means: every operator, on random numbers, negative ones and zero included."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import pytest
import z3
from hypothesis import given, settings
from hypothesis import strategies as st

from schedproof_spec.prover.context import SymbolicContext
from schedproof_spec.prover.paths import PathExplorer
from schedproof_spec.prover.symbolic import SymInt, UnsupportedError

BINARY = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": operator.floordiv,
    "%": operator.mod,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "min": min,
    "max": max,
}
UNARY: dict[str, Callable[[Any], Any]] = {
    "-": operator.neg,
    "+": operator.pos,
    "abs": abs,
    "bool": bool,
    "not": operator.not_,
}
NUMBERS = st.integers(-7, 7) | st.integers()
FEW = settings(max_examples=30)


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"
    BLUE = "blue"


def value_of(function: Callable[..., Any], *numbers: int) -> Any:
    """Run a function on symbols that are known to equal these numbers; return its value or its exception's type."""
    explorer = PathExplorer()
    context = SymbolicContext(explorer)

    def run() -> Any:
        symbols = [context.integer(f"n{i}", number, number) for i, number in enumerate(numbers)]
        return function(*symbols)

    outcomes = []
    for value, error in explorer.runs(run):
        if error is not None:
            outcomes.append(type(error))
            continue
        found, state = explorer.look()
        assert found == z3.sat
        assert state is not None
        outcomes.append(concrete(value, explorer, state))
    assert len(outcomes) == 1, "one state takes one path"
    return outcomes[0]


def concrete(value: Any, explorer: PathExplorer, state: z3.ModelRef) -> Any:
    """Return the number or truth value of a result in a state of the current path."""
    if not hasattr(value, "term"):
        return value
    term = explorer.value_in(state, value.term)
    return term.as_long() if z3.is_int(term) else z3.is_true(term)


def in_python(function: Callable[..., Any], *numbers: int) -> Any:
    try:
        return function(*numbers)
    except ZeroDivisionError as error:
        return type(error)


@pytest.mark.parametrize("name", BINARY)
@FEW
@given(a=NUMBERS, b=NUMBERS)
def test_an_operator_on_two_symbols(name: str, a: int, b: int) -> None:
    assert value_of(BINARY[name], a, b) == in_python(BINARY[name], a, b)


@pytest.mark.parametrize("name", BINARY)
@FEW
@given(a=NUMBERS, b=NUMBERS)
def test_an_operator_on_a_symbol_and_a_number(name: str, a: int, b: int) -> None:
    expected = in_python(BINARY[name], a, b)
    assert value_of(lambda x: BINARY[name](x, b), a) == expected
    assert value_of(lambda y: BINARY[name](a, y), b) == expected


@pytest.mark.parametrize("name", UNARY)
@FEW
@given(a=NUMBERS)
def test_an_operator_on_one_symbol(name: str, a: int) -> None:
    assert value_of(UNARY[name], a) == UNARY[name](a)


@pytest.mark.parametrize("divisor", [-3, -1, 1, 3])
@pytest.mark.parametrize("dividend", [-7, -6, -1, 0, 1, 6, 7])
def test_division_rounds_down_and_the_remainder_has_the_divisors_sign(dividend: int, divisor: int) -> None:
    assert value_of(lambda x, y: x // y, dividend, divisor) == dividend // divisor
    assert value_of(lambda x, y: x % y, dividend, divisor) == dividend % divisor
    assert value_of(lambda x, y: x // y * y + x % y, dividend, divisor) == dividend


@FEW
@given(a=NUMBERS, b=NUMBERS, c=NUMBERS)
def test_truth_values_combine_and_count(a: int, b: int, c: int) -> None:
    def combined(x: Any, y: Any, z: Any) -> Any:
        return ((x < y) & (y < z)) | ((x == z) ^ (x != y))

    def counted(x: Any, y: Any, z: Any) -> Any:
        return sum([x < y, y < z, x == z])

    assert value_of(combined, a, b, c) == combined(a, b, c)
    assert value_of(counted, a, b, c) == counted(a, b, c)


@pytest.mark.parametrize("index", range(3))
def test_a_member_is_compared_hashed_and_looked_up(index: int) -> None:
    lengths = {Colour.RED: 3, Colour.GREEN: 5, Colour.BLUE: 4}
    colour = list(Colour)[index]
    context = SymbolicContext(PathExplorer())

    def run() -> tuple[bool, bool, bool, int]:
        member = context.member("colour", Colour)
        context.assume(member == colour)
        return bool(member == Colour.RED), bool(member != "green"), member == 7, lengths[member]

    outcomes = [value for value, _ in context.explorer.runs(run)]
    assert outcomes == [(colour == Colour.RED, colour != "green", False, lengths[colour])]


@pytest.mark.parametrize("mask", [0, 1, 5, 12, 255, -1, -2, -6, 2**70 + 9])
@FEW
@given(a=NUMBERS)
def test_bits_are_those_of_an_integer_of_any_size(mask: int, a: int) -> None:
    for operation in (operator.and_, operator.or_, operator.xor):
        assert value_of(lambda x, op=operation: op(x, mask), a) == operation(a, mask)
        assert value_of(lambda x, op=operation: op(mask, x), a) == operation(mask, a)
    assert value_of(lambda x: ~x, a) == ~a


@pytest.mark.parametrize("places", [0, 1, 3])
@FEW
@given(a=NUMBERS)
def test_shifts_and_powers_by_a_constant(places: int, a: int) -> None:
    assert value_of(lambda x: x << places, a) == a << places
    assert value_of(lambda x: x >> places, a) == a >> places
    assert value_of(lambda x: x**places, a) == a**places


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("other", [-2, 0, 3, True])
@pytest.mark.parametrize("a", [0, 1])
def test_a_truth_value_counts_as_a_number(name: str, other: int, a: int) -> None:
    expected = in_python(BINARY[name], a == 1, other)
    assert value_of(lambda x: BINARY[name](x == 1, other), a) == expected


@pytest.mark.parametrize("a", [0, 1])
def test_a_truth_value_is_a_place(a: int) -> None:
    assert value_of(lambda x: (7, 8)[x == 1], a) == (7, 8)[a]
    assert value_of(lambda x: int(x == 1) + ~(x == 1) - (x == 1), a) == a + (-a - 1) - a


@FEW
@given(a=st.integers(-(2**53) + 1, 2**53 - 1), b=st.integers(-9, 9) | st.integers(-(2**53) + 1, 2**53 - 1))
def test_rounding_a_true_division_is_exact_below_2_to_the_53(a: int, b: int) -> None:
    for rounding in (math.ceil, math.floor):
        expected = in_python(lambda x, y, to=rounding: to(x / y), a, b)
        assert value_of(lambda x, y, to=rounding: to(x / y), a, b) == expected


@pytest.mark.parametrize(("a", "b"), [(7, 2), (-7, 2), (7, -2), (0, 3), (1, 0)])
def test_quotient_and_remainder_together(a: int, b: int) -> None:
    assert value_of(lambda x, y: sum(divmod(x, y)), a, b) == in_python(lambda x, y: sum(divmod(x, y)), a, b)
    assert value_of(lambda y: sum(divmod(a, y)), b) == in_python(lambda y: sum(divmod(a, y)), b)


def test_an_attribute_that_no_integer_has_is_python_s_own_error() -> None:
    assert value_of(lambda x: x.nothing, 1) is AttributeError


@pytest.mark.parametrize(
    "misuse",
    [
        lambda x: range(x),
        lambda x: [0][x],
        lambda x: int(x),
        lambda x: x / 2 + 1,
        lambda x: x / 2 == 1,
        lambda x: 2**x,
        lambda x: x**9,
        lambda x: x & x,
        lambda x: 1 << x,
        lambda x: x < 0.5,
        lambda x: x * 0.5,
        lambda x: {x: 1},
        lambda x: {x < 1},
        lambda x: f"{x}",
        lambda x: str(x < 1),
        lambda x: "%s" % x,  # noqa: UP031
        lambda x: float(x),
        lambda x: round(x),
        lambda x: x.bit_length(),
        lambda x: (x < 1).real,
        lambda x: [0] * x,
        lambda x: math.floor(x * 2**60 / 3),
    ],
)
def test_what_has_no_symbolic_meaning_is_an_error_and_never_a_wrong_answer(misuse: Callable[[Any], Any]) -> None:
    assert issubclass(value_of(misuse, 1), TypeError)


def test_a_symbol_has_no_truth_value_outside_the_prover() -> None:
    with pytest.raises(UnsupportedError, match="outside the prover"):
        bool(SymInt(z3.Int("x")) > 0)
