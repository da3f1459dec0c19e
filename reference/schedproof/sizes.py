"""What is wrong with a number, a truth value or a choice that a person gives, in one sentence."""

from __future__ import annotations

from enum import Enum
from numbers import Integral


def whole_number_fault(name: str, value: object, least: int | None = 0) -> str:
    """What is wrong with a whole number, of any size without `least`; empty when nothing is.

    NumPy's integers are whole numbers, truth values are none.
    """
    is_whole = isinstance(value, Integral) and not isinstance(value, bool)
    if is_whole and (least is None or int(value) >= least):  # type: ignore[call-overload]
        return ""
    return f"{name}: expected a whole number{'' if least is None else f' of {least} or more'}, got {value!r}"


def truth_fault(name: str, value: object) -> str:
    """What is wrong with a truth value; empty when nothing is."""
    return "" if isinstance(value, bool) else f"{name}: expected True or False, got {value!r}"


def member_fault(name: str, value: object, choices: type[Enum]) -> str:
    """What is wrong with a member of an enumeration; empty when nothing is."""
    if isinstance(value, choices):
        return ""
    members = ", ".join(f"{choices.__name__}.{choice.name}" for choice in choices)
    return f"{name}: expected one of {members}, got {value!r}"


def kind_fault(name: str, value: object, kind: type, or_none: bool = False) -> str:
    """What is wrong with an object of one class, or None where it may be; empty when nothing is."""
    if isinstance(value, kind) or (or_none and value is None):
        return ""
    return f"{name}: expected a {kind.__name__}{' or None' if or_none else ''}, got {value!r}"
