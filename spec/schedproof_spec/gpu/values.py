"""Data that are followed: of each value it is known which operations made it, of which operands, in which order.

An operation is an unknown function. Two values are known to be equal only where the same operations were applied to
equal operands, so that what is proved holds whatever a rounding does. A whole value is the integer that it stands
for; of any other value the bits stand for it, and operands of the two kinds are never taken for one another.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
import z3

from schedproof_spec.gpu.integers import Data, Following, Truth
from schedproof_spec.gpu.memory import element_term
from schedproof_spec.prover.symbolic import SymBool, integer_term, term_of
from schedproof_spec.prover.unsupported import UnsupportedError

FLOAT, WHOLE = "float", "whole"

FLOAT_ARITHMETIC = (
    "arithmetic on floats by operators, which a compiler may fuse; call a rounding of its own function"
)


class Value(Data):
    """Data of which it is known how they were made."""

    __hash__ = None
    thread: Following

    def __init__(self, thread: Following, term: z3.ArithRef, *, is_whole: bool = False) -> None:
        super().__init__(thread, is_whole=is_whole)
        self.term = term

    @property
    def kind(self) -> str:
        """What its term stands for."""
        return WHOLE if self.is_whole else FLOAT

    def as_integer(self) -> Value:
        """Return what `int` makes of it."""
        if not self.is_whole:
            raise UnsupportedError("`int` of a float; keep its bits in an integer by a function of its own")
        return self

    def chosen_with(self, first: Any, second: Any, takes_first: Callable[[Any, Any], Any]) -> Data:
        """Return the smaller or larger of two values, of which this is one."""
        operands = [operand(each) for each in (first, second)]
        if None in operands:
            return Data(self.thread)
        if any(kind != WHOLE for kind, _ in filter(None, operands)):
            raise UnsupportedError("`min` or `max` of floats; call a function of its own")
        one, other = (term for _, term in filter(None, operands))
        return Value(self.thread, self.thread.simplify(z3.If(takes_first(one, other), one, other)), is_whole=True)

    def __bool__(self) -> bool:
        return bool(Truth(self.term != 0)) if self.is_whole else bool(self.thread.any_truth())

    def _compare(self, other: Any, compare: Callable[[Any, Any], Any]) -> Any:
        known = operand(other)
        if known is None or not self.is_whole or known[0] != WHOLE:
            return self.thread.any_truth()
        return Truth(compare(self.term, known[1]))

    def __lt__(self, other: Any) -> Any:
        return self._compare(other, lambda one, two: one < two)

    def __le__(self, other: Any) -> Any:
        return self._compare(other, lambda one, two: one <= two)

    def __gt__(self, other: Any) -> Any:
        return self._compare(other, lambda one, two: one > two)

    def __ge__(self, other: Any) -> Any:
        return self._compare(other, lambda one, two: one >= two)

    def __eq__(self, other: object) -> Any:
        return self._compare(other, lambda one, two: one == two)

    def __ne__(self, other: object) -> Any:
        return self._compare(other, lambda one, two: one != two)

    def _operate(self, name: str, first: Any, second: Any) -> Data:
        if any(isinstance(each, Data) and not each.is_whole for each in (first, second)):
            raise UnsupportedError(FLOAT_ARITHMETIC)
        if operand(first) is None or operand(second) is None:
            return Data(self.thread)
        return applied(self.thread, name, first, second, is_whole=True)

    def _masked(self, value: Data, mask: Any) -> Data:
        """Note that a mask that is not negative bounds what is left."""
        if isinstance(value, Value) and type(mask) is int and mask >= 0:
            self.thread.assume(SymBool(z3.And(value.term >= 0, value.term <= mask)))
        return value


def _operator(name: str, is_reversed: bool) -> Callable[[Value, Any], Data]:
    def operate(self: Value, other: Any) -> Data:
        first, second = (other, self) if is_reversed else (self, other)
        return self._operate(name, first, second)

    return operate


def _mask(is_reversed: bool) -> Callable[[Value, Any], Data]:
    operate = _operator("&", is_reversed)
    return lambda self, other: self._masked(operate(self, other), other)


Value.__and__, Value.__rand__ = _mask(False), _mask(True)  # type: ignore[assignment]
for _name, _sign in (("or", "|"), ("lshift", "<<"), ("rshift", ">>"), ("add", "+"), ("sub", "-"), ("mul", "*")):
    setattr(Value, f"__{_name}__", _operator(_sign, False))
    setattr(Value, f"__r{_name}__", _operator(_sign, True))


def operand(value: Any) -> tuple[str, z3.ArithRef] | None:
    """Return the kind and term of what an operation is applied to; None for data that are not followed."""
    if isinstance(value, Value):
        return value.kind, value.term
    if isinstance(value, np.float32):
        return FLOAT, z3.IntVal(int(value.view(np.uint32)))
    if isinstance(value, Data):
        return None
    if isinstance(value, SymBool | bool) or integer_term(value) is None:
        _refuse(value)
    return WHOLE, integer_term(value)


def _refuse(value: Any) -> NoReturn:
    raise UnsupportedError(f"{value!r} where a float32 or an integer is followed; pass one of these")


@functools.lru_cache(maxsize=256)
def operation(name: str, kinds: tuple[str, ...]) -> z3.FuncDeclRef:
    """Return the unknown function that stands for an operation on operands of these kinds."""
    return z3.Function(f"{name}({', '.join(kinds)})", *([z3.IntSort()] * (len(kinds) + 1)))


def applied(thread: Following, name: str, *operands: Any, is_whole: bool) -> Data:
    """Return what an operation makes of its operands; unknown data where one of them is."""
    known = [operand(each) for each in operands]
    if None in known:
        return Data(thread, is_whole=is_whole)
    kinds, terms = zip(*filter(None, known), strict=True)
    return Value(thread, operation(name, kinds)(*terms), is_whole=is_whole)


def same(value: Any, expected: Value) -> SymBool:
    """Return that a value is the expected one: of one kind, and made in the same way."""
    known = operand(value)
    if known is None or known[0] != expected.kind:
        return SymBool(z3.BoolVal(False))
    return SymBool(known[1] == expected.term)


def chosen_value(condition: Any, yes: Any, no: Any, thread: Following) -> Value:
    """Return one of two values of one kind, without splitting the path."""
    (kind, one), (other_kind, other) = operand(yes) or _refuse(yes), operand(no) or _refuse(no)
    if kind != other_kind:
        _refuse(no)
    return Value(thread, z3.If(term_of(condition), one, other), is_whole=kind == WHOLE)


def value_function(thread: Following, name: str, *, is_whole: bool) -> Callable[..., Value]:
    """Return a function from integers to values of which only the facts are known that a proof states."""

    def named(*arguments: Any) -> Value:
        terms = [integer_term(each) for each in arguments]
        function = z3.Function(name, *([z3.IntSort()] * (len(terms) + 1)))
        return Value(thread, function(*terms), is_whole=is_whole)

    return named


def element_value(thread: Following, array: str, *indices: Any, is_whole: bool) -> Value:
    """Return the value that an array of this name holds there, without an access."""
    return Value(thread, element_term(array, *indices), is_whole=is_whole)
