"""Kinds of values that a rule may take from outside, and the content by which two of them are alike."""

from __future__ import annotations

import collections
import dataclasses
import enum
import functools
import logging
import sysconfig
from abc import ABC
from collections.abc import Hashable, Iterator
from numbers import Number
from types import (
    BuiltinFunctionType,
    CodeType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any

from schedproof_spec.prover.subset.lookup import state_of

PLAIN = (bool, int, str, type(None))
"""Types whose values are told apart by themselves."""

TABLES = (list, dict, set, frozenset)
"""Containers that a rule may look into, where they stand."""

CACHED = type(functools.lru_cache(lambda: None))
"""What `functools.cache` and `functools.lru_cache` make of a function."""

CALLABLES = (FunctionType, MethodType, BuiltinFunctionType, functools.partial, CACHED, type)


FIXED = (*PLAIN, FunctionType, BuiltinFunctionType, CACHED, type, range)
"""Types of what stays as it is; the code of a function is looked at by itself."""

DESCRIPTORS = (property, staticmethod, classmethod, MemberDescriptorType, GetSetDescriptorType)
"""What stands in a class for something else."""


KEPT_BY_ENUMS = ("_name_", "__objclass__", "_sort_order_", "_inverted_")
"""What Python itself keeps in a member of an enum, apart from its value."""


class UnlistedValueError(Exception):
    """A value of a kind that is not on the list; the message names it and says what to do."""


def parts_of(value: Any) -> Iterator[Any]:
    """Yield what a value is made of."""
    if isinstance(value, dict):
        for key, item in value.items():
            if type(key) not in PLAIN and not isinstance(key, enum.Enum):
                raise UnlistedValueError(
                    f"a table with the key {key!r}; its keys are integers, texts or members of enums"
                )
            yield item
    elif isinstance(value, list | tuple | set | frozenset):
        yield from value
    elif isinstance(value, functools.partial):
        yield value.func
        yield from value.args
        yield from value.keywords.values()
    elif isinstance(value, MethodType):
        yield value.__self__
        yield value.__func__
    elif isinstance(value, enum.Enum):
        yield from state_of_member(value).values()
    elif is_object(value):
        yield from state_of(value).values()


def state_of_member(member: enum.Enum) -> dict[str, Any]:
    """Return the value of an enum's member and what its class has added, by name: somebody may set them anew."""
    return {name: each for name, each in state_of(member).items() if name not in KEPT_BY_ENUMS}


def is_object(value: Any) -> bool:
    """Return whether a value is an object of a class that is written in Python."""
    return not isinstance(
        value, (*PLAIN, *CALLABLES, *TABLES, enum.Enum, tuple, range, ModuleType, logging.Logger, *DESCRIPTORS)
    ) and not issubclass(type(value), Number)


def is_named_tuple(kind: type) -> bool:
    """Return whether a class is a named tuple."""
    return issubclass(kind, tuple) and isinstance(getattr(kind, "_fields", None), tuple)


def problem_of(value: Any) -> str | None:
    """Return why a value is none that a rule may take from outside; None for one that it may."""
    kind = type(value)
    if kind in PLAIN or issubclass(kind, enum.Enum | type | logging.Logger):
        return None
    if issubclass(kind, Number):
        if kind.__module__.partition(".")[0] == "numpy":
            return f"the NumPy number {value!r} (it wraps around); write int(...) where it is defined"
        if isinstance(value, float):
            return f"the number {value!r}; write a fraction of integers: `x * 9 // 10`"
        return f"a number of the type {kind.__name__}; write an int"
    if kind in (*CALLABLES, *TABLES, tuple, range, ModuleType) or is_named_tuple(kind):
        return None
    if issubclass(kind, (str, *CALLABLES, *TABLES, tuple, ModuleType, *DESCRIPTORS)):
        return f"an object of the type {kind.__name__}; write one of Python's own"
    if kind.__module__ in ("builtins", "itertools", "collections", "functools", "types", "re", "typing", "_io"):
        return f"an object of the type {kind.__name__}"
    return None


def content_of(value: Any) -> Hashable:
    """Return what a value has in common with those that are like it.

    Raises:
        UnlistedValueError: it is of a kind that cannot be compared by its content.
    """
    kind = type(value)
    if kind in PLAIN or isinstance(value, type):
        return (kind, value)
    if isinstance(value, enum.Enum):
        state = tuple((name, content_of(each)) for name, each in sorted(state_of_member(value).items()))
        return (kind, value.name, state)
    if isinstance(value, FunctionType):
        return (kind, value.__code__)
    if isinstance(value, BuiltinFunctionType | range):
        return (kind, value)
    if isinstance(value, CACHED):
        return (kind, content_of(value.__wrapped__))
    if isinstance(value, ModuleType | logging.Logger):
        return (kind, getattr(value, "name", getattr(value, "__name__", "")))
    if isinstance(value, set | frozenset):
        return (kind, frozenset(map(content_of, value)))
    if isinstance(value, dict):
        return (kind, tuple((content_of(key), content_of(item)) for key, item in value.items()))
    if isinstance(value, functools.partial):
        named = tuple((name, content_of(item)) for name, item in value.keywords.items())
        return (kind, content_of(value.func), content_of(value.args), named)
    if isinstance(value, list | tuple | MethodType):
        return (kind, tuple(map(content_of, parts_of(value))))
    if problem_of(value) is not None:
        raise UnlistedValueError(problem_of(value))
    return (kind, tuple((name, content_of(item)) for name, item in sorted(state_of(value).items())))


def has_content(value: Any, content: Hashable) -> bool:
    """Return whether a value still has the content that it had."""
    try:
        return content_of(value) == content
    except UnlistedValueError:
        return False


def can_change(value: Any) -> bool:
    """Return whether somebody who gets hold of a value could change it, or a part of it."""
    if isinstance(value, list | dict | set):
        return True
    if isinstance(value, FIXED):
        return False
    return any(map(can_change, parts_of(value)))


def is_written_by_python(function: FunctionType, owner: type) -> bool:
    """Return whether a method comes with dataclasses, enums, named tuples or abstract classes."""
    code = function.__code__
    if code.co_filename == "<string>":
        name = function.__name__
        is_of_owner = any(function.__qualname__ == f"{base.__qualname__}.{name}" for base in owner.__mro__)
        is_made = name in MADE_BY_DATACLASSES and dataclasses.is_dataclass(owner) and is_of_owner
        return is_made or (name == "__new__" and hasattr(owner, "_fields"))
    return code in PYTHONS_CODES or code.co_filename in STANDARD_FILES


def is_of_python(function: FunctionType) -> bool:
    """Return whether a function belongs to Python's own library."""
    filename = function.__code__.co_filename
    return filename.startswith(STANDARD_LIBRARY) and "-packages" not in filename


STANDARD_LIBRARY = sysconfig.get_path("stdlib")

STANDARD_FILES = frozenset(
    function.__code__.co_filename
    for function in (enum.Enum.__repr__, dataclasses.dataclass, ABC.register)
    if isinstance(function, FunctionType | MethodType)
)
"""Files whose methods are Python's own, and run nothing of a person's."""

MADE_BY_DATACLASSES = frozenset(
    f"__{name}__"
    for name in ("init", "repr", "eq", "lt", "le", "gt", "ge", "hash", "setattr", "delattr", "replace")
)
"""Methods whose text `dataclasses` puts together."""


def pythons_codes() -> Iterator[CodeType]:
    """Yield the code of what named tuples have, and of what `functools.total_ordering` adds."""
    made: list[type] = [collections.namedtuple("Made", "first")]
    for name in ("__lt__", "__le__", "__gt__", "__ge__"):
        made.append(functools.total_ordering(type("Made", (), {name: lambda self, other: True})))
    for owner in made:
        for member in vars(owner).values():
            function = getattr(member, "__func__", member)
            if isinstance(function, FunctionType) and function.__code__.co_filename != __file__:
                yield function.__code__


PYTHONS_CODES = frozenset(pythons_codes())
"""Code of Python's own that people's classes have by a decorator or a base."""
