"""What may be done with a value that a rule takes from outside."""

from __future__ import annotations

import enum
import logging
from types import FunctionType, ModuleType
from typing import Any

from schedproof.engines.fastdeploy.startup import StartupCheck
from schedproof_spec.prover.subset.classes import class_problem
from schedproof_spec.prover.subset.facts import Use
from schedproof_spec.prover.subset.language import FUNCTIONS, INSTEAD, MATHEMATICS
from schedproof_spec.prover.subset.values import (
    PLAIN,
    TABLES,
    UnlistedValueError,
    can_change,
    is_object,
    is_of_python,
    parts_of,
    problem_of,
)

INSTEAD_OF = {name: function for function, name in FUNCTIONS.items()}
"""Python's own functions by name."""


def builtin_problem(value: Any, words: str) -> str | None:
    """Return why one of Python's own functions or types may not be used; None for one that is on the list."""
    owner = getattr(value, "__self__", None)
    is_of_module = owner is None or isinstance(owner, ModuleType)
    if is_of_module and value in FUNCTIONS:
        return None
    instead = INSTEAD.get(value, "") if is_of_module else ""
    return f"`{words or value.__name__}` is not supported" + (f"; {instead}" if instead else "")


def kind_problem(value: Any, words: str) -> str | None:
    """Return why objects of a value's class may not take part in a rule; None where they may."""
    if not is_object(value) or problem_of(value) is not None:
        return None
    problem = class_problem(type(value))
    return None if problem is None else f"`{words}`: `{type(value).__name__}` {problem}"


def use_problem(value: Any, use: Use, words: str) -> str | None:
    """Return why a value from outside may not be used in this way; None where it may."""
    problem = problem_of(value)
    if problem is not None:
        return f"`{words}` is {problem}"
    module = value.__module__ if isinstance(value, type | FunctionType) else type(value).__module__
    if isinstance(module, str) and module.partition(".")[0] == "schedproof_spec":
        return f"`{words}` belongs to the prover"
    if isinstance(value, FunctionType) and value not in FUNCTIONS and is_of_python(value):
        return f"`{words}` is not supported; write what it does"
    if use is Use.BUILTIN and value is not INSTEAD_OF.get(words):
        return f"`{words}` is not Python's own `{words}`; name it otherwise"
    if use is Use.MEMBER and not isinstance(value, enum.Enum):
        return "`is` with anything but None and members of enums is not supported; compare with =="
    if use is Use.ROUNDS and value not in MATHEMATICS:
        return "true division is not supported; write `a // b`, or `-(-a // b)` to round up"
    if use is Use.STARTUP_CHECK and value is not StartupCheck:
        return f"`{words}` is not schedproof's StartupCheck; name it otherwise"
    if use is Use.CONTAINER and not isinstance(value, (*TABLES, tuple, range)):
        return f"`in` `{words}` is not supported; write a tuple"
    if isinstance(value, set | frozenset) and use is not Use.CONTAINER:
        return f"`{words}` is a set, whose order is not fixed; write a tuple"
    if isinstance(value, ModuleType | logging.Logger):
        return f"`{words}` as a value is not supported"
    if use is Use.TEXT and type(value) not in PLAIN:
        return f"`{words}` in an f-string is not supported; compare the value itself"
    is_looked_into = isinstance(value, TABLES) and use in (Use.IN_PLACE, Use.CONTAINER)
    if any(map(can_change_safely, parts_safely(value))) if is_looked_into else can_change_safely(value):
        return f"`{words}` can be changed between calls; write it as a tuple, or look into it where it is needed"
    return None


def parts_safely(value: Any) -> list[Any]:
    """Return what a value is made of; nothing where that is not on the list."""
    try:
        return list(parts_of(value))
    except UnlistedValueError:
        return []


def can_change_safely(value: Any) -> bool:
    """Return whether a value could be changed by who gets hold of it; False for those that hold themselves."""
    try:
        return can_change(value)
    except (RecursionError, UnlistedValueError):
        return False
