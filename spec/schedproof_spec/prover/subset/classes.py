"""Classes whose objects may take part in a rule: what Python runs for them unasked keeps to the list too."""

from __future__ import annotations

import dataclasses
import enum
import sys
from abc import ABCMeta
from collections.abc import Iterator
from types import (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    FunctionType,
    GetSetDescriptorType,
    MethodDescriptorType,
    WrapperDescriptorType,
)
from typing import Any

from schedproof_spec.prover.subset.facts import Use
from schedproof_spec.prover.subset.language import OPERATOR_METHODS, UNASKED_METHODS
from schedproof_spec.prover.subset.lookup import in_class
from schedproof_spec.prover.subset.values import is_written_by_python

METACLASSES = (type, ABCMeta, enum.EnumMeta)

WRITTEN_IN_C = (BuiltinFunctionType, MethodDescriptorType, WrapperDescriptorType, ClassMethodDescriptorType)

ANSWERING = frozenset(
    {"__getattr__", "__getattribute__", "__dict__", "__class__", "__bool__", "__len__", "__index__"}
)
"""Members that Python asks instead of the object, or of which it needs a plain number."""

PYTHONS_OWN = ("builtins", "abc", "enum", "typing", "numbers")
"""Modules whose classes run nothing of a person's."""


def class_problem(owner: type) -> str | None:
    """Return why objects of a class may not take part in a rule; None for a class that is on the list."""
    if type(owner) not in METACLASSES:
        return f"has the metaclass {type(owner).__name__}; write a dataclass"
    if issubclass(owner, BaseException) and not issubclass(owner, Exception):
        return "ends more than the rule; raise an Exception"
    is_named_tuple = hasattr(owner, "_fields") and issubclass(owner, tuple)
    is_container = issubclass(owner, int | str | tuple | list | dict | set | frozenset)
    if is_container and not is_named_tuple and not issubclass(owner, enum.Enum):
        return "is a kind of number, text or container of its own; write a dataclass"
    for base in owner.__mro__:
        if is_pythons_own(base):
            continue
        is_enum = issubclass(base, enum.Enum)
        if not is_enum and any(isinstance(member, WRITTEN_IN_C) for member in vars(base).values()):
            return "is not written in Python; write a dataclass"
        for name, member in vars(base).items():
            if not is_dunder(name):
                continue
            is_method = member is None or isinstance(member, FunctionType | GetSetDescriptorType)
            if name in OPERATOR_METHODS | ANSWERING and not is_method:
                return f"defines `{name}` as something else than a plain method; write a method"
            if not isinstance(member, FunctionType | staticmethod | classmethod):
                continue
            function = member if isinstance(member, FunctionType) else member.__func__
            if isinstance(function, FunctionType) and is_written_by_python(function, base):
                continue
            if is_enum and name == "__new__":
                continue
            if is_enum and is_container and name in OPERATOR_METHODS:
                return f"defines `{name}`, and is a kind of number or text; write a plain Enum"
            if name not in OPERATOR_METHODS and name not in UNASKED_METHODS:
                return f"defines `{name}`; write a dataclass"
    return None


def operators_of(owner: type) -> Iterator[FunctionType]:
    """Yield the methods of a class that Python calls without their names being written."""
    for base in owner.__mro__:
        for name, member in vars(base).items():
            if name not in OPERATOR_METHODS or name == "__init__" or not isinstance(member, FunctionType):
                continue
            if not is_written_by_python(member, base):
                yield member


def defaults_of(owner: type) -> Iterator[tuple[str, Any, Use]]:
    """Yield what the fields of a dataclass or named tuple are when nothing is given for them, by name."""
    for field in getattr(owner, "__dataclass_fields__", {}).values():
        if field.default_factory is not dataclasses.MISSING:
            yield field.name, field.default_factory, Use.CALL
        if field.default is not dataclasses.MISSING:
            yield field.name, field.default, Use.VALUE
    for name, default in getattr(owner, "_field_defaults", {}).items():
        yield name, default, Use.VALUE


def own_missing(owner: type) -> FunctionType | None:
    """Return what a person's enum does for a value that no member has; None where Python refuses it."""
    function = getattr(in_class(owner, "_missing_"), "__func__", None)
    return function if isinstance(function, FunctionType) and not is_written_by_python(function, owner) else None


def is_pythons_own(owner: type) -> bool:
    """Return whether a class is one of Python's own that run nothing of a person's."""
    module = sys.modules.get(owner.__module__)
    return owner.__module__ in PYTHONS_OWN and vars(module).get(owner.__name__) is owner


def is_dunder(name: str) -> bool:
    """Return whether a name is one that Python itself gives a meaning."""
    return name.startswith("__") and name.endswith("__")
