"""Where something is mentioned, and what is known there."""

from __future__ import annotations

import collections
import dataclasses
import functools
from pathlib import Path
from types import FunctionType
from typing import Any

from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.engines.fastdeploy.rules.capacity import DispatchCapacity
from schedproof.engines.fastdeploy.speculation import SpeculativeConfig
from schedproof.request import MultimodalItem, Request
from schedproof_spec.prover.subset.language import FUNCTIONS, INSTEAD
from schedproof_spec.prover.subset.lookup import MISSING
from schedproof_spec.prover.subset.values import CACHED, DESCRIPTORS

ARGUMENTS = (ServingConfig, SpeculativeConfig, Request, MultimodalItem, DispatchCapacity)
"""Classes of what a rule is given."""


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """A function in which something is mentioned, and the object or class that it is a method of, if any."""

    function: FunctionType
    own: Any = MISSING
    """The object that the method is asked of, where it is known."""
    owner: type | None = None

    def at(self, line: int) -> str:
        """Return the place of a line, for people."""
        code = self.function.__code__
        return f"{Path(code.co_filename).name}, line {line}, in {code.co_name}"


@dataclasses.dataclass(frozen=True, slots=True)
class CachedAt:
    """Where a function stands that remembers its results."""

    holder: Any
    """A module's names, or a class."""
    name: str
    wrapper: Any


START = FunctionType((lambda: None).__code__, {}, "a rule")
"""Stands for the place from which a rule is asked."""

PAIR_FIELD = type(vars(collections.namedtuple("Pair", "first"))["first"])
"""What stands in a named tuple's class for a field."""

KNOWN_DESCRIPTORS = (*DESCRIPTORS, FunctionType, CACHED, PAIR_FIELD, functools.cached_property)
"""Types of what stands in a class for something else, of which it is known what they do."""

BUILTIN_TYPES = frozenset(value for value in (*FUNCTIONS, *INSTEAD) if isinstance(value, type))
"""Types of Python's own that are used like functions."""


def type_of(own: Any) -> type:
    """Return the class that a method belongs to."""
    return own if isinstance(own, type) else type(own)


def owner_of(kind: type, attribute: str) -> type:
    """Return the class that has an attribute itself."""
    return next(each for each in kind.__mro__ if attribute in vars(each))
