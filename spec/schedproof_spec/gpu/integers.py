"""What a thread computes with: integers of a machine's width, and data whose value decides no index."""

from __future__ import annotations

from typing import Any, Protocol

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

    def any_truth(self) -> SymBool:
        """Return a truth value of which nothing is known."""


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

    def __init__(self, thread: Arithmetic) -> None:
        self.thread = thread

    def _data(self, *_: object) -> Data:
        return self

    def _either(self, _: object) -> Any:
        return self.thread.any_truth()

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _data
    __and__ = __rand__ = __or__ = __ror__ = __lshift__ = __rshift__ = _data
    __lt__ = __le__ = __gt__ = __ge__ = __eq__ = __ne__ = _either


def smaller(first: Any, second: Any) -> Any:
    """Return the smaller of two values, without splitting the path."""
    return _chosen(first, second, lambda a, b: a <= b, min)


def larger(first: Any, second: Any) -> Any:
    """Return the larger of two values, without splitting the path."""
    return _chosen(first, second, lambda a, b: a >= b, max)


def _chosen(first: Any, second: Any, takes_first: Any, plain: Any) -> Any:
    for value in (first, second):
        if isinstance(value, Data):
            return value
    for value in (first, second):
        if isinstance(value, DeviceInt):
            a, b = integer_term(first), integer_term(second)
            return DeviceInt(value.thread.simplify(z3.If(takes_first(a, b), a, b)), value.thread)
    return plain(first, second)


def as_it_is(value: Any) -> Any:
    """Stand in for ``int`` on what is an integer already."""
    return value


def magnitude(value: Any) -> Any:
    """Stand in for ``abs``."""
    return larger(value, -value)
