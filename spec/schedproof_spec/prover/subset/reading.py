"""What has been read of a rule, remembered as long as everything that it takes from outside is the same."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from types import FunctionType, MethodType
from typing import Any

from schedproof_spec.prover.subset.closure import Closure
from schedproof_spec.prover.subset.lookup import Binding
from schedproof_spec.prover.subset.places import CachedAt


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a rule is made of."""

    refusal: str | None
    """The first thing that is not on the list, with its place; None where everything is."""
    content: Hashable
    """Equal for rules that do the same: the code of everything that they call, and the values that these take."""
    tests_members: bool
    """Whether it compares members of enums by identity, so that it must see members and not symbols."""
    none_tests: frozenset[str | None]
    """Attributes that it compares with None by identity; None stands for a value of any origin."""
    attributes: Mapping[str, str]
    """Attributes that it may read of what it is given, with the first place of each."""
    cached: tuple[CachedAt, ...]
    """Functions that remember their results, to be asked anew in a proof."""
    logs: bool
    bindings: tuple[Binding, ...]
    rule: Any
    """Keeps alive what was read."""

    @property
    def is_current(self) -> bool:
        """Return whether everything outside is as it was."""
        return all(binding.is_current for binding in self.bindings)


_readings: dict[Hashable, Reading] = {}


def read(rule: Any) -> Reading:
    """Return what a rule is made of: a function, a method of an object, or anything else that can be called."""
    key = key_of(rule)
    known = _readings.get(key)
    if known is None or not known.is_current:
        known = _readings[key] = read_anew(rule)
    return known


def key_of(rule: Any) -> Hashable:
    """Return what tells a rule from others, as long as it lives; objects without a state of their own are alike."""
    if isinstance(rule, MethodType):
        own = rule.__self__
        has_state = bool(getattr(own, "__dict__", None)) or any("__slots__" in vars(c) for c in type(own).__mro__)
        return rule.__func__, type(own), id(own) if has_state or isinstance(own, type) else None
    return rule if isinstance(rule, FunctionType) else id(rule)


def read_anew(rule: Any) -> Reading:
    """Read a rule and everything that it can call."""
    closure = Closure()
    closure.read(rule)
    return reading_of(closure, rule)


def reading_of(closure: Closure, rule: Any) -> Reading:
    """Return what a closure has come to."""
    return Reading(
        refusal=closure.refusal,
        content=tuple(closure.content.parts),
        tests_members=closure.tests_members,
        none_tests=frozenset(closure.none_tests),
        attributes={name: place.at(line) for name, (place, line) in closure.attributes.items()},
        cached=tuple(closure.cached),
        logs=closure.logs,
        bindings=tuple(closure.bindings),
        rule=rule,
    )
