"""What kernel source asks of an array: integers read and written by integer indices."""

from __future__ import annotations

from typing import Protocol


class Integers(Protocol):
    """An array of integers: NumPy's, a device's, or a stand-in that a proof looks into."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of every dimension."""

    def __getitem__(self, index: int | tuple[int, ...], /) -> int: ...

    def __setitem__(self, index: int | tuple[int, ...], value: int, /) -> None: ...
