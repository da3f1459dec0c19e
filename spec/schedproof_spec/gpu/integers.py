"""What a thread computes with: integers of a machine's width, and data whose value decides no index."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, Protocol

import numpy as np
import z3

from schedproof_spec.prover.symbolic import SymBool, SymInt, integer_term
from schedproof_spec.prover.unsupported import UnsupportedError


class Arithmetic(Protocol):
    """What integers ask of the thread that computes them."""

    def result(self, term: z3.ArithRef) -> DeviceInt:
        """Return a computed value, which has to fit the machine's integers."""

    def simplify(self, term: z3.ArithRef) -> z3.ArithRef:
        """Return an equal term."""

    def multiply(self, left: z3.ArithRef, right: z3.ArithRef) -> z3.ArithRef:
        """Return a product."""

    def divide(self, left: z3.ArithRef, right: z3.ArithRef) -> tuple[z3.ArithRef, z3.ArithRef]:
        """Return quotient and remainder."""

    def any_truth(self) -> Truth:
        """Return a truth value of which nothing is known."""


class Following(Arithmetic, Protocol):
    """What data that are followed ask of the thread that computes them."""

    def assume(self, condition: Any) -> None:
        """Add what is known of this path."""


COUNTING = (
    *("add", "radd", "sub", "rsub", "mul", "rmul", "floordiv", "rfloordiv", "mod", "rmod", "divmod", "rdivmod"),
    *("truediv", "rtruediv", "lshift", "rlshift", "rshift", "rrshift", "pow", "rpow", "neg", "pos", "abs"),
    *("invert", "lt", "le", "gt", "ge"),
)
"""Operators that take a truth value for a number."""


class Truth(SymBool):
    """A condition that differs from state to state; it is no number, whose width would have to be watched."""

    __slots__ = ()
    __hash__ = SymBool.__hash__

    def __eq__(self, other: object) -> Any:
        return as_truth(super().__eq__(other))

    def __ne__(self, other: object) -> Any:
        return as_truth(super().__ne__(other))

    def _combine(self, of_truths: Any, of_integers: Any, other: object) -> Any:
        if not isinstance(other, SymBool | bool):
            raise UnsupportedError("a condition as a number; write `1 if condition else 0`")
        return as_truth(super()._combine(of_truths, of_integers, other))


def as_truth(value: Any) -> Any:
    """Return a condition as one of a thread."""
    return Truth(value.term) if isinstance(value, SymBool) else value


def _no_number(self: Truth, *_: object) -> NoReturn:
    raise UnsupportedError("a condition as a number; write `1 if condition else 0`")


for _name in COUNTING:
    setattr(Truth, f"__{_name}__", _no_number)


class DeviceInt(SymInt):
    """A symbolic integer whose every sum, product and quotient has to fit the machine's integers."""

    __slots__ = ("thread",)

    def __init__(self, term: z3.ArithRef, thread: Arithmetic) -> None:
        super().__init__(term)
        self.thread = thread

    def __add__(self, other: Any) -> Any:
        return self._sum(super().__add__(other))

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return self._sum(super().__sub__(other))

    def __rsub__(self, other: Any) -> Any:
        return self._sum(super().__rsub__(other))

    def __neg__(self) -> DeviceInt:
        return self.thread.result(self.thread.simplify(-self.term))

    def __mul__(self, other: Any) -> Any:
        term = integer_term(other)
        return NotImplemented if term is None else self.thread.result(self.thread.multiply(self.term, term))

    __rmul__ = __mul__

    def __rfloordiv__(self, other: Any) -> Any:
        term = integer_term(other)
        return NotImplemented if term is None else self.thread.result(self.thread.divide(term, self.term)[0])

    def __rmod__(self, other: Any) -> Any:
        term = integer_term(other)
        return NotImplemented if term is None else self.thread.result(self.thread.divide(term, self.term)[1])

    def __eq__(self, other: object) -> Any:
        return as_truth(super().__eq__(other))

    def __ne__(self, other: object) -> Any:
        return as_truth(super().__ne__(other))

    def __lt__(self, other: Any) -> Any:
        return as_truth(super().__lt__(other))

    def __le__(self, other: Any) -> Any:
        return as_truth(super().__le__(other))

    def __gt__(self, other: Any) -> Any:
        return as_truth(super().__gt__(other))

    def __ge__(self, other: Any) -> Any:
        return as_truth(super().__ge__(other))

    __hash__ = SymInt.__hash__

    def __floordiv__(self, other: Any) -> Any:
        term = integer_term(other)
        return NotImplemented if term is None else self.thread.result(self.thread.divide(self.term, term)[0])

    def __mod__(self, other: Any) -> Any:
        term = integer_term(other)
        return NotImplemented if term is None else self.thread.result(self.thread.divide(self.term, term)[1])

    def _refuse(self, other: Any) -> Any:
        raise UnsupportedError("an operator on machine integers that is not modelled")

    __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = __pow__ = __rpow__ = __lshift__ = __rlshift__ = (
        _refuse
    )
    __rshift__ = __rrshift__ = __truediv__ = __rtruediv__ = __divmod__ = __rdivmod__ = _refuse

    def _sum(self, value: Any) -> Any:
        return self.thread.result(self.thread.simplify(value.term)) if isinstance(value, SymInt) else value


class Data:
    """A value that is moved and computed with, but decides no index; a comparison may come out either way."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, thread: Arithmetic, *, is_whole: bool = False) -> None:
        self.thread = thread
        self.is_whole = is_whole
        """Whether it is an integer, of which nothing more is known."""

    def as_integer(self) -> Data:
        """Return what `int` makes of it."""
        return self

    def chosen_with(self, first: Any, second: Any, takes_first: Callable[[Any, Any], Any]) -> Data:
        """Return the smaller or larger of two values, of which this is one."""
        return self if is_integer(second if first is self else first) else Data(self.thread)

    def _data(self, *others: object) -> Data:
        if self.is_whole and not all(is_integer(other) for other in others):
            return Data(self.thread)
        return self

    def __bool__(self) -> bool:
        return bool(self.thread.any_truth())

    def _either(self, _: object) -> Any:
        return self.thread.any_truth()

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _data
    __and__ = __rand__ = __or__ = __ror__ = __lshift__ = __rshift__ = _data
    __lt__ = __le__ = __gt__ = __ge__ = __eq__ = __ne__ = _either


NOT_OF_DATA = ("neg", "pos", "abs", "floordiv", "rfloordiv", "mod", "rmod", "rlshift", "rrshift", "pow", "rpow")
"""Operators that nothing is known of."""


def _refuse_operator(*_: object) -> NoReturn:
    raise UnsupportedError("this operator on data; call a function of its own")


for _name in NOT_OF_DATA:
    setattr(Data, f"__{_name}__", _refuse_operator)


def is_integer(value: object) -> bool:
    """Return whether a value is an integer, known or not."""
    return isinstance(value, SymInt | SymBool | int) or (isinstance(value, Data) and value.is_whole)


def as_word(value: Any) -> Any:
    """Return a computed number as it is.

    Raises:
        UnsupportedError: it is a constant that 64 bits do not hold.
    """
    if type(value) is int and not -(2**63) <= value < 2**63:
        raise UnsupportedError(f"{value}, which 64 bits do not hold")
    if isinstance(value, float | np.floating):
        raise UnsupportedError("arithmetic of float constants; name its result in the module")
    return value


def smaller(first: Any, second: Any) -> Any:
    """Return the smaller of two values, without splitting the path."""
    return _chosen(first, second, lambda a, b: a <= b, min)


def larger(first: Any, second: Any) -> Any:
    """Return the larger of two values, without splitting the path."""
    return _chosen(first, second, lambda a, b: a >= b, max)


def _chosen(first: Any, second: Any, takes_first: Any, plain: Any) -> Any:
    for value in (first, second):
        if isinstance(value, Data):
            return value.chosen_with(first, second, takes_first)
    for value in (first, second):
        if isinstance(value, DeviceInt):
            a, b = integer_term(first), integer_term(second)
            return DeviceInt(value.thread.simplify(z3.If(takes_first(a, b), a, b)), value.thread)
    return plain(first, second)


def as_it_is(value: Any) -> Any:
    """Stand in for ``int`` on what is an integer already."""
    return value.as_integer() if isinstance(value, Data) else value


def magnitude(value: Any) -> Any:
    """Stand in for ``abs``."""
    return larger(value, as_word(-value))
