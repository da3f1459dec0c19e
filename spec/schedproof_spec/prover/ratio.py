"""A true division of unknown integers, which only rounding up or down makes an integer again.

Python divides in floating point. Below 2**53 the rounded quotient never crosses an integer: for integers ``a`` and
``b`` of that size ``a / b`` is at least ``1 / b`` away from the next integer, more than half a step of the floats
there. From 2**53 on it may, and nothing is decided.
"""

from __future__ import annotations

from typing import Any, NoReturn

from schedproof_spec.prover.unsupported import UnsupportedError

EXACT_BELOW = 2**53


class SymRatio:
    """The quotient of two integers, one of them unknown; the divisor is not 0."""

    __slots__ = ("denominator", "numerator")

    def __init__(self, numerator: Any, denominator: Any) -> None:
        self.numerator = numerator
        self.denominator = denominator

    def __floor__(self) -> Any:
        self._refuse_large()
        return self.numerator // self.denominator

    def __ceil__(self) -> Any:
        self._refuse_large()
        return -(-self.numerator // self.denominator)

    def _refuse_large(self) -> None:
        """Leave the paths undecided on which floating point rounds."""
        for part in (self.numerator, self.denominator):
            if part <= -EXACT_BELOW or part >= EXACT_BELOW:
                raise UnsupportedError("a / b rounds from 2**53 on; write `a // b`, or `-(-a // b)` to round up")

    def _refuse(self, *_: object) -> NoReturn:
        raise UnsupportedError("true division is not supported; write `a // b`, or `-(-a // b)` to round up")

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _refuse
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = __divmod__ = __rdivmod__ = _refuse
    __lt__ = __le__ = __gt__ = __ge__ = __neg__ = __pos__ = __abs__ = __bool__ = __hash__ = _refuse
    __int__ = __float__ = __complex__ = __index__ = __trunc__ = __round__ = __repr__ = __str__ = __format__ = (
        _refuse
    )
    __getattr__ = _refuse

    def __eq__(self, other: object) -> Any:
        self._refuse()

    def __ne__(self, other: object) -> Any:
        self._refuse()
