"""What is wrong with a number, a truth value or a choice that a person gives, in one sentence.

Only values of Python's and NumPy's own classes are refused: any other object stands for what it says, as do the
symbols for which a proof draws every number.
"""

from __future__ import annotations

from enum import Enum
from numbers import Integral

OWN_MODULES = ("builtins", "numpy", "decimal", "fractions")


def is_own(value: object) -> bool:
    """Whether a value is of a class of Python's or NumPy's own, or a choice."""
    return type(value).__module__ in OWN_MODULES or isinstance(value, Enum)


def whole_number_fault(name: str, value: object, least: int | None = 0) -> str:
    """What is wrong with a whole number, of any size without `least`; empty when nothing is.

    NumPy's integers are whole numbers, truth values are none.
    """
    if isinstance(value, Integral) and not isinstance(value, bool):
        if least is None or int(value) >= least:
            return ""
    elif not is_own(value):
        return ""
    return f"{name}: expected a whole number{'' if least is None else f' of {least} or more'}, got {value!r}"


def truth_fault(name: str, value: object) -> str:
    """What is wrong with a truth value; empty when nothing is."""
    if isinstance(value, bool) or not is_own(value):
        return ""
    return f"{name}: expected True or False, got {value!r}"


def member_fault(name: str, value: object, choices: type[Enum]) -> str:
    """What is wrong with a member of an enumeration; empty when nothing is."""
    if isinstance(value, choices) or not is_own(value):
        return ""
    members = ", ".join(f"{choices.__name__}.{choice.name}" for choice in choices)
    return f"{name}: expected one of {members}, got {value!r}"


def kind_fault(name: str, value: object, kind: type, or_none: bool = False) -> str:
    """What is wrong with an object of one class, or None where it may be; empty when nothing is."""
    if isinstance(value, kind) or (or_none and value is None) or not is_own(value):
        return ""
    return f"{name}: expected a {kind.__name__}{' or None' if or_none else ''}, got {value!r}"
