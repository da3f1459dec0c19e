"""What every entry point asks of its arguments before it looks into them."""

from __future__ import annotations

from typing import Any

import numpy as np


def is_whole(value: object) -> bool:
    """Whether a value is an integer; a truth value is none, nor is an array."""
    return hasattr(value, "__index__") and not isinstance(value, bool | np.ndarray)


def in_range(value: Any, low: int, high: int) -> bool:
    """Whether a value is an integer between two bounds, both included."""
    return is_whole(value) and low <= value <= high


def shown(value: object) -> str:
    """A value as an error shows it: text in quotes."""
    return str(value) if is_whole(value) else repr(value)


def array_fault(name: str, array: Any, dtype: type[np.generic], shape: tuple[int | None, ...]) -> str:
    """What is wrong with an argument that is to be a NumPy array; empty when nothing is.

    None in ``shape`` stands for any length. Strides do not matter.
    """
    if not isinstance(array, np.ndarray):
        return f"{name}: expected a NumPy array, got {type(array).__name__}"
    if array.dtype != np.dtype(dtype):
        return f"{name}: expected dtype {np.dtype(dtype)}, got {array.dtype}"
    if array.ndim != len(shape):
        return f"{name}: expected {len(shape)} dimension{'s'[len(shape) == 1 :]}, got {array.ndim}"
    if any(wanted not in (None, got) for wanted, got in zip(shape, array.shape, strict=True)):
        wanted = ", ".join("any" if length is None else str(length) for length in shape)
        return f"{name}: expected shape ({wanted}{',' if len(shape) == 1 else ''}), got {array.shape}"
    return ""
