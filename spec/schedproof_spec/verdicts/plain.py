"""Witnesses as plain JSON data, and back: only what differs from a default is written."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from enum import Enum
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


def plain(value: Any) -> Any:
    """Return a dataclass as nested dictionaries without the fields that have their default."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return dict(value)
    if dataclasses.is_dataclass(value):
        return {
            field.name: plain(getattr(value, field.name))
            for field in dataclasses.fields(value)
            if not is_default(field, getattr(value, field.name))
        }
    return value


def is_default(field: dataclasses.Field[Any], value: Any) -> bool:
    """Return whether a field need not be written."""
    if field.default_factory is not dataclasses.MISSING:
        return bool(value == field.default_factory())
    return field.default is not dataclasses.MISSING and bool(value == field.default)


def read_plain(data: object, kind: type[T], where: str) -> T:
    """Return the dataclass that `plain` wrote.

    Raises:
        ValueError: the data has another shape; the message names the place.
    """
    refuse_unknown_fields(data, kind, where)
    try:
        return msgspec.convert(data, type=kind, strict=True)
    except msgspec.ValidationError as error:
        raise ValueError(str(error).replace("`$", f"`{where}")) from None


def refuse_unknown_fields(data: object, kind: Any, where: str) -> None:
    """Raise ValueError for a key that no field has, at any depth."""
    if dataclasses.is_dataclass(kind) and isinstance(kind, type) and isinstance(data, dict):
        hints = typing.get_type_hints(kind)
        for name, value in data.items():
            if name not in hints:
                raise ValueError(f"{where} has no field {name}")
            refuse_unknown_fields(value, hints[name], f"{where}.{name}")
    elif isinstance(data, list):
        for index, item in enumerate(data):
            for each in typing.get_args(kind)[:1]:
                refuse_unknown_fields(item, each, f"{where}[{index}]")
    elif isinstance(data, dict):
        for each in typing.get_args(kind):
            if dataclasses.is_dataclass(each):
                refuse_unknown_fields(data, each, where)
