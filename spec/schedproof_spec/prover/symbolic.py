"""Integers, booleans and enum members that stand for every value at once.

They behave like the Python values they stand for. Where Python needs to know a truth value (``if``, ``and``,
``min``, ``while``), the active `Brancher` decides which way this path goes.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Hashable, Iterable
from enum import Enum
from numbers import Number
from typing import Any, NoReturn, Protocol

import z3


class Split:
    """Conditions of which exactly one holds."""

    __slots__ = ("conditions", "keys")

    def __init__(self, conditions: Iterable[z3.BoolRef]) -> None:
        self.conditions = tuple(conditions)
        self.keys = tuple([condition.get_id() for condition in self.conditions])
        """What tells the conditions from others."""


class Brancher(Protocol):
    """Decides, once for each path, which way it goes."""

    memory: dict[Hashable, Any]
    """What has been computed of symbols; it holds on every path."""

    def branch(self, split: Split) -> int:
        """Return the index of the condition that this path follows."""

    def holds(self, condition: SymBool) -> bool:
        """Return whether this path follows the condition, or its opposite."""


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


def deciding() -> Brancher:
    """Return the brancher that decides now, which there must be."""
    brancher = active()
    if brancher is None:
        raise UnsupportedError("a symbolic value has no truth value outside the prover")
    return brancher


def values_split(number: SymInt, num_values: int) -> Split:
    """Return the split into the values 0, 1, ... of a number that has no other."""
    memory, key = deciding().memory, (Split, number.key, num_values)
    known: Split | None = memory.get(key)
    if known is None:
        known = memory[key] = Split(number.term == value for value in range(num_values))
    return known


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

    __slots__ = ("key", "term")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, term: z3.BoolRef) -> None:
        self.term = term
        self.key: int = term.get_id()
        """Equal for equal terms, as long as one of them lives."""

    def __bool__(self) -> bool:
        known = PLAIN_TRUTHS.get(self.key)
        return deciding().holds(self) if known is None else known

    def __and__(self, other: Any) -> Any:
        return self._combine(z3.And, other)

    def __or__(self, other: Any) -> Any:
        return self._combine(z3.Or, other)

    def __xor__(self, other: Any) -> Any:
        return self._combine(z3.Xor, other)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __eq__(self, other: object) -> Any:
        return _applied(operator.eq, SymBool, self, other)

    def __ne__(self, other: object) -> Any:
        return _applied(operator.ne, SymBool, self, other)

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

    __slots__ = ("key", "term")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, term: z3.ArithRef) -> None:
        self.term = term
        self.key: int = term.get_id()
        """Equal for equal terms, as long as one of them lives."""

    def __add__(self, other: Any) -> Any:
        return _applied(operator.add, SymInt, self, other)

    def __radd__(self, other: Any) -> Any:
        return _applied(operator.add, SymInt, other, self)

    def __sub__(self, other: Any) -> Any:
        return _applied(operator.sub, SymInt, self, other)

    def __rsub__(self, other: Any) -> Any:
        return _applied(operator.sub, SymInt, other, self)

    def __mul__(self, other: Any) -> Any:
        return _applied(operator.mul, SymInt, self, other)

    def __rmul__(self, other: Any) -> Any:
        return _applied(operator.mul, SymInt, other, self)

    def __floordiv__(self, other: Any) -> Any:
        return _divided(QUOTIENT, self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return _divided(QUOTIENT, other, self)

    def __mod__(self, other: Any) -> Any:
        return _divided(REMAINDER, self, other)

    def __rmod__(self, other: Any) -> Any:
        return _divided(REMAINDER, other, self)

    def __neg__(self) -> SymInt:
        return SymInt(-self.term)

    def __pos__(self) -> SymInt:
        return self

    def __abs__(self) -> SymInt:
        return SymInt(z3.If(self.term >= 0, self.term, -self.term))

    def __lt__(self, other: Any) -> Any:
        return _applied(operator.lt, SymBool, self, other)

    def __le__(self, other: Any) -> Any:
        return _applied(operator.le, SymBool, self, other)

    def __gt__(self, other: Any) -> Any:
        return _applied(operator.gt, SymBool, self, other)

    def __ge__(self, other: Any) -> Any:
        return _applied(operator.ge, SymBool, self, other)

    def __eq__(self, other: object) -> Any:
        return _applied(operator.eq, SymBool, self, other)

    def __ne__(self, other: object) -> Any:
        return _applied(operator.ne, SymBool, self, other)

    def __bool__(self) -> bool:
        return bool(self != 0)

    def __index__(self) -> NoReturn:
        raise UnsupportedError(f"the unknown integer {self.term} cannot be a length, range or index")

    __int__ = __index__

    def __repr__(self) -> str:
        return f"<{self.term}>"


TRUE, FALSE = z3.BoolVal(True), z3.BoolVal(False)
PLAIN_TRUTHS = {TRUE.get_id(): True, FALSE.get_id(): False}
"""The terms that need no decision."""


def key_of(value: Any) -> Hashable:
    """Return what tells a number's term from others, None for anything that is no number."""
    if isinstance(value, SYMBOLS):
        return value.key
    if isinstance(value, int):
        return (int(value),)
    return None


SYMBOLS = (SymInt, SymBool)
QUOTIENT, REMAINDER = operator.truediv, operator.mod
"""The solver's own operators on integers."""


def _applied(operation: Callable[..., Any], result: type[SymInt | SymBool], left: Any, right: Any) -> Any:
    """Apply an operator to two numbers; an exploration builds the same term once."""
    keys = (operation, key_of(left), key_of(right))
    if None in keys:
        refuse_inexact(left, right)
        return NotImplemented
    brancher = active()
    if brancher is None:
        return result(operation(integer_term(left), integer_term(right)))
    known = brancher.memory.get(keys)
    if known is None:
        built = result(operation(integer_term(left), integer_term(right)))
        known = brancher.memory[keys] = (built, left, right)
    return known[0]


def refuse_inexact(left: Any, right: Any) -> None:
    """Raise if one side is a number that is no integer: Python would compare them, the solver would not."""
    for side in (left, right):
        if isinstance(side, Number) and not isinstance(side, int):
            raise UnsupportedError(f"{side!r} is not an integer")


def _divided(operation: Callable[..., Any], left: Any, right: Any) -> Any:
    """Divide as Python does; the solver's division agrees with it for positive divisors only."""
    if key_of(left) is None or key_of(right) is None:
        return NotImplemented
    divisor = right if isinstance(right, int) else SymInt(integer_term(right))
    if divisor == 0:
        raise ZeroDivisionError("integer division or modulo by zero")
    if divisor > 0:
        return _applied(operation, SymInt, left, right)
    turned = _applied(operation, SymInt, -SymInt(integer_term(left)), -divisor)
    return turned if operation is QUOTIENT else -turned


class SymEnum:
    """A member of an enum that differs from state to state; comparing it asks for no more than is compared."""

    __slots__ = ("index", "members")

    def __init__(self, index: SymInt, members: tuple[Enum, ...]) -> None:
        self.index = index
        self.members = members

    def __eq__(self, other: object) -> Any:
        return other in self.members and self.index == self.members.index(other)

    def __ne__(self, other: object) -> Any:
        return other not in self.members or self.index != self.members.index(other)

    def __hash__(self) -> int:
        return hash(self.member())

    def member(self) -> Enum:
        """Return the member that this path has, splitting the path where several are possible."""
        return self.members[deciding().branch(values_split(self.index, len(self.members)))]

    def __repr__(self) -> str:
        return f"<{self.index.term}>"
