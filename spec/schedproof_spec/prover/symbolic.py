"""Integers, booleans and enum members that stand for every value at once.

They behave like the Python values they stand for. Where Python needs to know a truth value (``if``, ``and``,
``min``, ``while``), the active `Brancher` decides which way this path goes.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Hashable
from enum import Enum
from numbers import Number
from typing import Any, NoReturn

import z3

from schedproof_spec.prover import terms
from schedproof_spec.prover.bits import differing, joined, masked
from schedproof_spec.prover.brancher import Brancher, Split, activate, active, deactivate, deciding, values_split
from schedproof_spec.prover.messages import is_made_for_a_message
from schedproof_spec.prover.ratio import SymRatio
from schedproof_spec.prover.symbol import Symbol
from schedproof_spec.prover.unsupported import TextAskedError, UnsupportedError

__all__ = [
    "SYMBOLS",
    "TRUE",
    "Brancher",
    "Split",
    "SymBool",
    "SymEnum",
    "SymInt",
    "UnsupportedError",
    "activate",
    "active",
    "deactivate",
    "deciding",
    "integer_term",
    "term_of",
    "values_split",
]


def term_of(value: Any) -> z3.ExprRef | None:
    """Return the solver term of a number or boolean, None for anything else."""
    if isinstance(value, SymInt | SymBool):
        return value.term
    if isinstance(value, bool):
        return TRUE if value else FALSE
    if isinstance(value, int):
        return terms.integer(value)
    return None


def integer_term(value: Any) -> z3.ArithRef | None:
    """Return the integer term of a number (a boolean counts as 0 or 1), None for anything else."""
    if isinstance(value, SymInt):
        return value.term
    if isinstance(value, SymBool):
        return terms.choice(value.term, terms.integer(1), terms.integer(0))
    if isinstance(value, int):
        return terms.integer(int(value))
    return None


class SymBool(Symbol):
    """A truth value that differs from state to state."""

    __slots__ = ("key", "term")
    __hash__ = Symbol.__hash__
    stands_for = bool

    def __init__(self, term: z3.BoolRef) -> None:
        self.term = term
        self.key: int = term.get_id()
        """Equal for equal terms, as long as one of them lives."""

    def __bool__(self) -> bool:
        known = PLAIN_TRUTHS.get(self.key)
        return deciding().holds(self) if known is None else known

    def __int__(self) -> int:
        return int(bool(self))

    __index__ = __int__

    def __and__(self, other: Any) -> Any:
        return self._combine(z3.And, operator.and_, other)

    def __or__(self, other: Any) -> Any:
        return self._combine(z3.Or, operator.or_, other)

    def __xor__(self, other: Any) -> Any:
        return self._combine(z3.Xor, operator.xor, other)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __eq__(self, other: object) -> Any:
        return _applied(operator.eq, SymBool, self, other)

    def __ne__(self, other: object) -> Any:
        return _applied(operator.ne, SymBool, self, other)

    def _combine(self, of_truths: Any, of_integers: Any, other: object) -> Any:
        term = term_of(other)
        if term is None:
            return NotImplemented
        if not z3.is_bool(term):
            return of_integers(SymInt(integer_term(self)), other)
        return SymBool(of_truths(self.term, term))

    def __repr__(self) -> str:
        return f"<{self.term}>"


class SymInt(Symbol):
    """An integer that differs from state to state; unbounded, like Python's."""

    __slots__ = ("key", "term")
    __hash__ = Symbol.__hash__

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

    def __divmod__(self, other: Any) -> Any:
        return _both(self // other, self % other)

    def __rdivmod__(self, other: Any) -> Any:
        return _both(other // self, other % self)

    def __truediv__(self, other: Any) -> Any:
        return _ratio(self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return _ratio(other, self)

    def __and__(self, other: Any) -> Any:
        return _bitwise(masked, self, other)

    def __or__(self, other: Any) -> Any:
        return _bitwise(joined, self, other)

    def __xor__(self, other: Any) -> Any:
        return _bitwise(differing, self, other)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __lshift__(self, other: Any) -> Any:
        return _bitwise(lambda number, places: number * (1 << places), self, other)

    def __rshift__(self, other: Any) -> Any:
        return _bitwise(lambda number, places: number // (1 << places), self, other)

    def __pow__(self, other: Any) -> Any:
        return _bitwise(_power, self, other)

    def __rlshift__(self, other: Any) -> Any:
        return _bitwise(None, self, other)

    __rrshift__ = __rpow__ = __rlshift__

    def __invert__(self) -> Any:
        return -self - 1

    def __floor__(self) -> SymInt:
        return self

    __ceil__ = __trunc__ = __floor__

    def __index__(self) -> NoReturn:
        raise UnsupportedError(f"the unknown integer {self.term} cannot be a length, range or index")

    def __int__(self) -> NoReturn:
        raise UnsupportedError(f"the unknown integer {self.term} is an integer already; leave int() out")

    def __float__(self) -> NoReturn:
        raise UnsupportedError(f"the unknown integer {self.term} as a floating-point number; stay with integers")

    __complex__ = __round__ = __float__

    def __repr__(self) -> str:
        return f"<{self.term}>"


def _as_integers(name: str) -> Callable[..., Any]:
    """Return an operator of truth values that counts them as 0 and 1."""

    def apply(self: SymBool, *others: Any) -> Any:
        return getattr(SymInt, name)(SymInt(integer_term(self)), *others)

    return apply


COUNTING = (
    *("add", "radd", "sub", "rsub", "mul", "rmul", "floordiv", "rfloordiv", "mod", "rmod", "divmod", "rdivmod"),
    *("truediv", "rtruediv", "lshift", "rlshift", "rshift", "rrshift", "pow", "rpow", "neg", "pos", "abs"),
    *("invert", "lt", "le", "gt", "ge"),
)
"""Operators for which a truth value is a number."""
for _name in COUNTING:
    setattr(SymBool, f"__{_name}__", _as_integers(f"__{_name}__"))


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
        return result(terms.applied(operation, integer_term(left), integer_term(right)))
    known = brancher.memory.get(keys)
    if known is None:
        built = result(terms.applied(operation, integer_term(left), integer_term(right)))
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


def _both(quotient: Any, remainder: Any) -> Any:
    return NotImplemented if quotient is NotImplemented else (quotient, remainder)


def _ratio(left: Any, right: Any) -> Any:
    """Divide two integers truly."""
    if key_of(left) is None or key_of(right) is None:
        refuse_inexact(left, right)
        return NotImplemented
    if right == 0:
        raise ZeroDivisionError("division by zero")
    return SymRatio(left, right)


def _bitwise(operation: Callable[..., Any] | None, number: SymInt, other: Any) -> Any:
    """Apply an operator that is known for a constant on its right alone."""
    if key_of(other) is None:
        refuse_inexact(number, other)
        return NotImplemented
    if operation is None or not isinstance(other, int):
        raise UnsupportedError("bitwise operators, shifts and powers have a constant on their right")
    return operation(number, int(other))


def _power(number: SymInt, exponent: int) -> Any:
    if not 0 <= exponent <= MAX_EXPONENT:
        raise UnsupportedError(f"a power with an exponent that is not between 0 and {MAX_EXPONENT}")
    return functools.reduce(operator.mul, [number] * exponent, 1)


MAX_EXPONENT = 4


class SymEnum:
    """A member of an enum that differs from state to state; comparing it asks for no more than is compared."""

    __slots__ = ("index", "members")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.member(), name)

    def __str__(self) -> str:
        if is_made_for_a_message():
            return repr(self)
        raise TextAskedError("an unknown member of an enum has no text; compare the member itself")

    def __format__(self, spec: str) -> str:
        return str(self)

    def _of_text(self, *_: object) -> NoReturn:
        raise UnsupportedError("an unknown member of an enum is no text; compare the member itself")

    __lt__ = __le__ = __gt__ = __ge__ = __add__ = __radd__ = __mul__ = __rmul__ = __mod__ = __rmod__ = _of_text
    __len__ = __iter__ = __getitem__ = __contains__ = __int__ = __index__ = __and__ = __rand__ = __or__ = (
        __ror__
    ) = _of_text

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
