"""Integers, booleans and enum members that stand for every value at once.

They behave like the Python values they stand for. Where Python needs to know a truth value (``if``, ``and``,
``min``, ``while``), the active `Brancher` decides which way this path goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from numbers import Number
from typing import Any, NoReturn, Protocol

import z3


class Brancher(Protocol):
    """Decides, once for each path, between conditions of which exactly one holds."""

    def branch(self, conditions: Sequence[z3.BoolRef]) -> int:
        """Return the index of the condition that this path follows."""


class UnsupportedError(TypeError):
    """An operation that has no symbolic meaning, such as using an unknown number as a list length."""


_branchers: list[Brancher] = []


def activate(brancher: Brancher) -> None:
    """Make this brancher the one that decides, until `deactivate`."""
    _branchers.append(brancher)


def deactivate() -> None:
    """Return to the brancher that was active before."""
    _branchers.pop()


def active() -> Brancher | None:
    """Return the brancher that decides now; None when everything is a number."""
    return _branchers[-1] if _branchers else None


def branch(conditions: Sequence[z3.BoolRef]) -> int:
    """Return the index of the condition that the current path follows."""
    brancher = active()
    if brancher is None:
        raise UnsupportedError("a symbolic value has no truth value outside the prover")
    return brancher.branch(conditions)


def term_of(value: Any) -> z3.ExprRef | None:
    """Return the solver term of a number or boolean, None for anything else."""
    if isinstance(value, SymInt | SymBool):
        return value.term
    if isinstance(value, bool):
        return z3.BoolVal(value)
    if isinstance(value, int):
        return z3.IntVal(value)
    return None


def integer_term(value: Any) -> z3.ArithRef | None:
    """Return the integer term of a number (a boolean counts as 0 or 1), None for anything else."""
    if isinstance(value, SymInt):
        return value.term
    if isinstance(value, SymBool):
        return z3.If(value.term, z3.IntVal(1), z3.IntVal(0))
    if isinstance(value, int):
        return z3.IntVal(int(value))
    return None


class SymBool:
    """A truth value that differs from state to state."""

    __slots__ = ("term",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, term: z3.BoolRef) -> None:
        self.term = term

    def __bool__(self) -> bool:
        if z3.is_true(self.term):
            return True
        if z3.is_false(self.term):
            return False
        return branch((self.term, z3.Not(self.term))) == 0

    def __and__(self, other: Any) -> Any:
        return self._combine(z3.And, other)

    def __or__(self, other: Any) -> Any:
        return self._combine(z3.Or, other)

    def __xor__(self, other: Any) -> Any:
        return self._combine(z3.Xor, other)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __eq__(self, other: object) -> Any:
        return _comparison(lambda a, b: a == b, self, other)

    def __ne__(self, other: object) -> Any:
        return _comparison(lambda a, b: a != b, self, other)

    def __add__(self, other: Any) -> Any:
        return SymInt(integer_term(self)) + other

    __radd__ = __add__

    def _combine(self, operator: Any, other: object) -> Any:
        term = term_of(other)
        if term is None or not z3.is_bool(term):
            return NotImplemented
        return SymBool(operator(self.term, term))

    def __repr__(self) -> str:
        return f"<{self.term}>"


class SymInt:
    """An integer that differs from state to state; unbounded, like Python's."""

    __slots__ = ("term",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, term: z3.ArithRef) -> None:
        self.term = term

    def __add__(self, other: Any) -> Any:
        return _arithmetic(lambda a, b: a + b, self, other)

    def __radd__(self, other: Any) -> Any:
        return _arithmetic(lambda a, b: a + b, other, self)

    def __sub__(self, other: Any) -> Any:
        return _arithmetic(lambda a, b: a - b, self, other)

    def __rsub__(self, other: Any) -> Any:
        return _arithmetic(lambda a, b: a - b, other, self)

    def __mul__(self, other: Any) -> Any:
        return _arithmetic(lambda a, b: a * b, self, other)

    def __rmul__(self, other: Any) -> Any:
        return _arithmetic(lambda a, b: a * b, other, self)

    def __floordiv__(self, other: Any) -> Any:
        return _floor_division(self, other, quotient=True)

    def __rfloordiv__(self, other: Any) -> Any:
        return _floor_division(other, self, quotient=True)

    def __mod__(self, other: Any) -> Any:
        return _floor_division(self, other, quotient=False)

    def __rmod__(self, other: Any) -> Any:
        return _floor_division(other, self, quotient=False)

    def __neg__(self) -> SymInt:
        return SymInt(-self.term)

    def __pos__(self) -> SymInt:
        return self

    def __abs__(self) -> SymInt:
        return SymInt(z3.If(self.term >= 0, self.term, -self.term))

    def __lt__(self, other: Any) -> Any:
        return _comparison(lambda a, b: a < b, self, other)

    def __le__(self, other: Any) -> Any:
        return _comparison(lambda a, b: a <= b, self, other)

    def __gt__(self, other: Any) -> Any:
        return _comparison(lambda a, b: a > b, self, other)

    def __ge__(self, other: Any) -> Any:
        return _comparison(lambda a, b: a >= b, self, other)

    def __eq__(self, other: object) -> Any:
        return _comparison(lambda a, b: a == b, self, other)

    def __ne__(self, other: object) -> Any:
        return _comparison(lambda a, b: a != b, self, other)

    def __bool__(self) -> bool:
        return bool(self != 0)

    def __index__(self) -> NoReturn:
        raise UnsupportedError(f"the unknown integer {self.term} cannot be a length, range or index")

    __int__ = __index__

    def __repr__(self) -> str:
        return f"<{self.term}>"


def _arithmetic(operator: Any, left: Any, right: Any) -> Any:
    a, b = integer_term(left), integer_term(right)
    if a is None or b is None:
        refuse_inexact(left, right)
        return NotImplemented
    return SymInt(operator(a, b))


def _comparison(operator: Any, left: Any, right: Any) -> Any:
    a, b = integer_term(left), integer_term(right)
    if a is None or b is None:
        refuse_inexact(left, right)
        return NotImplemented
    return SymBool(operator(a, b))


def refuse_inexact(left: Any, right: Any) -> None:
    """Raise if one side is a number that is no integer: Python would compare them, the solver would not."""
    for side in (left, right):
        if isinstance(side, Number) and not isinstance(side, int):
            raise UnsupportedError(f"{side!r} is not an integer")


def _floor_division(left: Any, right: Any, *, quotient: bool) -> Any:
    """Divide as Python does; the solver's division agrees with it for positive divisors only."""
    a, b = integer_term(left), integer_term(right)
    if a is None or b is None:
        return NotImplemented
    divisor = SymInt(b)
    if divisor == 0:
        raise ZeroDivisionError("integer division or modulo by zero")
    if divisor > 0:
        return SymInt(a / b if quotient else a % b)
    return SymInt((-a) / (-b)) if quotient else SymInt(-((-a) % (-b)))


class SymEnum:
    """A member of an enum that differs from state to state; comparing it asks for no more than is compared."""

    __slots__ = ("members", "term")

    def __init__(self, term: z3.ArithRef, members: tuple[Enum, ...]) -> None:
        self.term = term
        self.members = members

    def __eq__(self, other: object) -> Any:
        if other in self.members:
            return SymBool(self.term == self.members.index(other))
        return False

    def __ne__(self, other: object) -> Any:
        if other in self.members:
            return SymBool(self.term != self.members.index(other))
        return True

    def __hash__(self) -> int:
        return hash(self.member())

    def member(self) -> Enum:
        """Return the member that this path has, splitting the path where several are possible."""
        conditions = [self.term == index for index in range(len(self.members))]
        return self.members[branch(conditions)]

    def __repr__(self) -> str:
        return f"<{self.term}>"
