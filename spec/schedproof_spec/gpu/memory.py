"""Arrays of any length, and the record of what the threads of a launch read and write."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NoReturn, Protocol

import numpy as np
import z3

from schedproof_spec.gpu.integers import Arithmetic, Data, DeviceInt
from schedproof_spec.gpu.products import Product, Unknowns
from schedproof_spec.prover.symbolic import SymBool, SymInt, integer_term
from schedproof_spec.prover.unsupported import UnsupportedError

INT32 = (-(2**31), 2**31 - 1)
INT64 = (-(2**63), 2**63 - 1)
BOOL = (0, 1)
"""What an element of each type can hold."""

WHOLE_TYPES = {
    **{f"int{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": (0, 2**bits - 1) for bits in (8, 16, 32)},
}
"""The same by name, of a block's own arrays."""


class Place(Enum):
    """Whose memory it is."""

    GLOBAL = "all threads of the launch"
    SHARED = "the threads of one block, between two barriers"


Facts = Callable[..., Any]
"""Given the indices and the value of an element: what is known of it."""


class Memory(Arithmetic, Protocol):
    """What arrays ask of the thread that uses them."""

    def access(self, array: Array, indices: tuple[Any, ...], value: Any) -> None:
        """Claim that an access is in bounds, and record it; ``value`` is None when it reads."""

    def element(self, term: z3.ArithRef, limits: tuple[int, int]) -> DeviceInt:
        """Return an element of an array, known to lie within its type."""

    def data_at(self, array: Array, indices: tuple[Any, ...]) -> Data:
        """Return an element of an array of data."""

    def is_written(self, name: str) -> bool:
        """Return whether the launch may write to an array of this name."""

    def unknown_element(self, limits: tuple[int, int]) -> DeviceInt:
        """Return an integer of which its type alone is known."""

    def know(self, facts: Facts, *arguments: Any) -> None:
        """Assume a fact about what was read."""


@dataclass(slots=True, eq=False)
class Array:
    """An array of unknown integers; equal indices read equal values, unless the launch itself may write to it."""

    thread: Memory
    name: str
    shape: tuple[Any, ...]
    limits: tuple[int, int] | None
    """What an element can hold; None for data."""
    place: Place = Place.GLOBAL
    facts: Facts | None = None
    """What is known of every element that is read."""
    promise: Facts | None = None
    """What is claimed of every element that is written."""
    is_whole: bool = False
    """Whether data are integers."""
    held: tuple[int, int] | None = None
    """What an integer of a block's own array can be."""

    def __getitem__(self, index: Any) -> Any:
        indices = self._indices(index)
        self.thread.access(self, indices, None)
        if self.limits is None:
            return self.thread.data_at(self, indices)
        if self.thread.is_written(self.name):
            return self.thread.unknown_element(self.limits)
        value = self.thread.element(self.at(*indices), self.limits)
        if self.facts is not None:
            self.thread.know(self.facts, *indices, value)
        return value

    def __setitem__(self, index: Any, value: Any) -> None:
        is_number = integer_term(value) is not None
        if not (is_number or isinstance(value, Data | float | np.floating)):
            raise UnsupportedError(f"{value!r} written to {self.name}, which is no number; return one on every way")
        if not is_number and self.limits is not None:
            raise UnsupportedError(
                f"data written to {self.name}, an array of integers; keep integers apart from data"
            )
        self.thread.access(self, self._indices(index), value)

    def __bool__(self) -> NoReturn:
        raise UnsupportedError(f"{self.name}, an array, as a condition; ask for an element")

    def __eq__(self, other: object) -> NoReturn:
        raise UnsupportedError(f"a comparison of {self.name}, an array; compare elements")

    __ne__ = __eq__
    __hash__ = object.__hash__

    def at(self, *indices: Any) -> z3.ArithRef:
        """Return the element's term, without an access."""
        return element_term(self.name, *indices)

    def _indices(self, index: Any) -> tuple[Any, ...]:
        indices = index if isinstance(index, tuple) else (index,)
        if len(indices) != len(self.shape):
            raise UnsupportedError(
                f"{len(indices)} indices into {self.name}, which has {len(self.shape)} dimensions; index every one"
            )
        for each in indices:
            if integer_term(each) is None or isinstance(each, SymBool | bool):
                raise UnsupportedError(
                    f"an index into {self.name} that is not an integer; keep indices apart from data"
                )
        return indices


def element_term(name: str, *indices: Any) -> z3.ArithRef:
    """Return what an array of this name holds there."""
    return array_function(name, len(indices))(*(integer_term(index) for index in indices))


@functools.lru_cache(maxsize=256)
def array_function(name: str, dimensions: int) -> z3.FuncDeclRef:
    """Return the function from indices to elements."""
    return z3.Function(name, *([z3.IntSort()] * (dimensions + 1)))


def whole(value: Any) -> z3.ArithRef:
    """Return the term of an integer.

    Raises:
        TypeError: it is none, such as data.
    """
    term = integer_term(value)
    if term is None:
        raise TypeError(f"{value!r} is not an integer")
    return term


def in_bounds(indices: Sequence[Any], shape: Sequence[Any]) -> z3.BoolRef:
    """Every index is within its dimension; a negative one would wrap around."""
    terms = [(whole(index), whole(length)) for index, length in zip(indices, shape, strict=True)]
    return z3.And(*(z3.And(index >= 0, index < length) for index, length in terms))


def holds(limits: tuple[int, int], value: Any) -> z3.BoolRef:
    """Whether an element can hold a value unchanged."""
    if isinstance(value, SymBool | bool):
        return z3.BoolVal(True)
    term = whole(value)
    return z3.And(term >= limits[0], term <= limits[1])


@dataclass(slots=True)
class Access:
    """A read or write that some thread does, and what is known when it does."""

    array: str
    place: Place
    indices: tuple[SymInt, ...]
    value: SymInt | None
    """What is written; None for a read, for data, and where it differs from path to path."""
    writes: bool
    phase: int
    """Barriers that the thread has passed."""
    ways: list[dict[int, z3.BoolRef]]
    """What is known on each of the paths that do it."""
    products: dict[Product, None]
    """Those that any of the paths computes."""
    coordinates: tuple[SymInt, ...]
    """Which thread it is."""
    block: tuple[SymInt, ...]
    """Which block it is in."""

    def key(self) -> tuple[object, ...]:
        """Equal for accesses of the same word by the same code."""
        return self.array, self.writes, self.phase, *(index.term.get_id() for index in self.indices)

    def numbers(self) -> Iterator[SymInt]:
        """Yield every integer of the access."""
        yield from (*self.indices, *self.coordinates, *self.block)
        if self.value is not None:
            yield self.value

    def happens(self) -> z3.BoolRef:
        """Return that one of the paths is taken."""
        common = set.intersection(*(set(way) for way in self.ways))
        shared = [fact for key, fact in self.ways[0].items() if key in common]
        rests = [[fact for key, fact in way.items() if key not in common] for way in self.ways]
        return z3.And(*shared, z3.Or(*(z3.And(*rest) for rest in rests)))


@dataclass(slots=True)
class Log:
    """What one thread, standing for all, reads and writes on all of its paths."""

    accesses: dict[tuple[object, ...], Access] = field(default_factory=dict)
    barriers: set[int] = field(default_factory=set)
    """How many barriers a thread meets, path by path."""
    unknowns: Unknowns = field(default_factory=Unknowns)
    stores: dict[Callable[..., Any], frozenset[int]] = field(default_factory=dict)
    """Positions of the arguments that a kernel may write to."""

    def add(self, access: Access) -> None:
        """Record an access, or one more path that does it."""
        known = self.accesses.setdefault(access.key(), access)
        if known is not access:
            known.ways += access.ways
            known.products.update(access.products)
        if known.value is not None and (access.value is None or not known.value.term.eq(access.value.term)):
            known.value = None

    def writes(self) -> list[Access]:
        """Return the writes."""
        return [access for access in self.accesses.values() if access.writes]

    def written(self) -> set[str]:
        """Return the names of the arrays that are written."""
        return {access.array for access in self.writes()}


def flat_length(shape: Sequence[Any]) -> Any:
    """Return the number of elements, as the machine computes it for a flat offset."""
    return math.prod(shape)
