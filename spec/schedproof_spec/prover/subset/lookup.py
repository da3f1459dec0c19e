"""Looks attributes up as Python does, without running anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import CellType, FunctionType, MemberDescriptorType
from typing import Any

MISSING = object()
"""Stands for what is not there."""


@dataclass(frozen=True, slots=True)
class Binding:
    """Something that was found, and how to find it again."""

    look: Callable[[], Any]
    found: Any

    @property
    def is_current(self) -> bool:
        """Return whether the same is found again."""
        return self.look() is self.found


def in_class(owner: type, name: str) -> Any:
    """Return what a class has by a name, its bases included, as it stands there."""
    return in_classes(owner.__mro__, name)


def in_classes(classes: tuple[type, ...], name: str) -> Any:
    """Return what the first of several classes has by a name, as it stands there."""
    for each in classes:
        found = vars(each).get(name, MISSING)
        if found is not MISSING:
            return found
    return MISSING


def is_named_in(owner: type, name: str) -> bool:
    """Return whether objects of a class can have an attribute of this name."""
    fields, annotated = getattr(owner, "__dataclass_fields__", {}), getattr(owner, "__annotations__", {})
    return name in fields or name in annotated or in_class(owner, name) is not MISSING


def of_object(value: Any, name: str) -> Any:
    """Return what an object itself has by a name, in its dictionary or slots."""
    kept = dictionary_of(value)
    if name in kept:
        return kept[name]
    slot = in_class(type(value), name)
    if not isinstance(slot, MemberDescriptorType):
        return MISSING
    try:
        return slot.__get__(value, type(value))
    except AttributeError:
        return MISSING


def dictionary_of(value: Any) -> dict[str, Any]:
    """Return an object's own dictionary; an empty one where it has none."""
    try:
        kept = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return {}
    return kept if isinstance(kept, dict) else {}


def state_of(value: Any) -> dict[str, Any]:
    """Return what an object keeps, by name."""
    slots = (name for each in type(value).__mro__ for name in slots_of(each))
    found = {name: of_object(value, name) for name in slots}
    found.update(dictionary_of(value))
    return {name: each for name, each in found.items() if each is not MISSING}


def slots_of(owner: type) -> tuple[str, ...]:
    """Return the slots that a class adds."""
    slots = vars(owner).get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


def in_closure(function: FunctionType, name: str) -> Any:
    """Return a variable of the function around a function; `MISSING` where there is none, or it is not set."""
    if name not in function.__code__.co_freevars:
        return MISSING
    cell: CellType = (function.__closure__ or ())[function.__code__.co_freevars.index(name)]
    try:
        return cell.cell_contents
    except ValueError:
        return MISSING


def in_module(function: FunctionType, name: str) -> Any:
    """Return a global of a function's module, or Python's own."""
    found = function.__globals__.get(name, MISSING)
    if found is not MISSING:
        return found
    python = function.__globals__.get("__builtins__", {})
    return (python if isinstance(python, dict) else vars(python)).get(name, MISSING)
