"""Asks a person's rule on symbols, once all of it was read."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from enum import Enum
from types import MethodType
from typing import Any

from schedproof.engines.fastdeploy import startup
from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.engines.fastdeploy.policy import Policy
from schedproof_spec.prover import symbolic
from schedproof_spec.prover.merge import StandIn
from schedproof_spec.prover.subset.lookup import in_class
from schedproof_spec.prover.subset.places import ARGUMENTS, CachedAt
from schedproof_spec.prover.subset.reading import Reading, read
from schedproof_spec.prover.subset.values import PLAIN
from schedproof_spec.prover.symbolic import SymEnum, UnsupportedError
from schedproof_spec.states.not_drawn import NotDrawn

NEVER_DRAWN = frozenset({"enable_chunked_prefill", "has_router", "has_splitwise_scheduler", "num_kv_blocks"})
"""Fields of a configuration that start-up alone reads: theorems leave them at their default.

``num_kv_blocks`` is among them because most theorems speak of any pool, and have no number for it.
"""

PUBLISHED_CHECKS = tuple(each.holds for each in vars(startup).values() if isinstance(each, startup.StartupCheck))


def supported(rule: Callable[..., Any]) -> Callable[..., Any]:
    """Return the rule, ready to be asked on symbols; on numbers it is asked as it is.

    Raises:
        UnsupportedError: it uses something that is not on the list; the message says where and what.
    """
    if symbolic.active() is None:
        return rule
    reading = read(rule)
    if reading.refusal is not None:
        raise UnsupportedError(reading.refusal)
    unseen = NEVER_DRAWN & reading.attributes.keys()
    if unseen and not is_of_startup(rule):
        field = min(unseen)
        raise UnsupportedError(f"{reading.attributes[field]}: `.{field}` is not supported; no theorem draws it")
    is_plain = not (reading.tests_members or reading.cached or reading.logs or reading.none_tests)
    return rule if is_plain else Asked(rule, reading)


def is_of_startup(rule: Callable[..., Any]) -> bool:
    """Return whether a rule lists start-up checks, or is one of the published ones.

    These are no stricter where the fields have their defaults than elsewhere.
    """
    is_list = isinstance(rule, MethodType) and rule.__name__ == "startup_checks"
    return is_list or any(rule is each for each in PUBLISHED_CHECKS)


@dataclass(frozen=True, slots=True)
class Asked:
    """A rule that must see members of enums, or that has an effect that is no part of it."""

    rule: Callable[..., Any]
    reading: Reading

    def __call__(self, *arguments: Any) -> Any:
        """Return what the rule makes of its arguments."""
        given = [self._given(argument) for argument in arguments]
        with called_anew(self.reading.cached), silent(self.reading.logs):
            return self.rule(*given)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Asked) and self.rule == other.rule

    def __hash__(self) -> int:
        return hash(self.rule)

    def _given(self, value: Any) -> Any:
        if not isinstance(value, ServingConfig):
            return value
        tested = {*self.reading.attributes} if None in self.reading.none_tests else self.reading.none_tests
        for field in fields(value):
            if field.name in tested and isinstance(getattr(value, field.name), NotDrawn):
                place = self.reading.attributes.get(field.name, "a rule")
                raise UnsupportedError(f"{place}: `.{field.name}` and None; this theorem does not draw it")
        return with_members(value, self.reading.attributes) if self.reading.tests_members else value


def with_members(value: Any, names: Mapping[str, str]) -> Any:
    """Return a configuration with members of enums in these fields, on the path that has them."""
    changed: dict[str, Any] = {}
    for field in fields(value):
        kept = getattr(value, field.name)
        if isinstance(kept, SymEnum):
            if field.name in names:
                changed[field.name] = kept.member()
        elif hasattr(kept, "__dataclass_fields__") and not isinstance(kept, Enum):
            changed[field.name] = with_members(kept, names)
    return replace(value, **changed) if changed else value


@contextmanager
def called_anew(cached: tuple[CachedAt, ...]) -> Iterator[None]:
    """Let functions that remember their results be called each time; what they remember is not of symbols."""
    places = {(id(each.holder), each.name): each for each in cached}.values()
    for each in places:
        put(each, without_memory(each.wrapper.__wrapped__))
    try:
        yield
    finally:
        for each in places:
            put(each, each.wrapper)


def without_memory(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that is called each time, and refuses to return what its caller could change."""

    def call(*arguments: Any, **named: Any) -> Any:
        for argument in (*arguments, *named.values()):
            if not is_told_apart(argument):
                kind = type(argument).__name__
                words = f"`{function.__name__}` remembers its results, and is given a value of the type {kind}"
                raise UnsupportedError(f"{words}, of which it may take two for one; give it numbers")
        result = function(*arguments, **named)
        if holds_list(result):
            raise UnsupportedError(
                f"`{function.__name__}` remembers a list or table that it returns; return a tuple"
            )
        return result

    return call


def is_told_apart(value: Any) -> bool:
    """Return whether two values of this kind are equal only where a rule sees no difference.

    People's own classes may say that two values are equal, or leave fields out of the comparison.
    """
    kind = type(value)
    if kind is tuple:
        return all(map(is_told_apart, value))
    if isinstance(value, (*symbolic.SYMBOLS, SymEnum, StandIn)) or kind in PLAIN:
        return True
    if isinstance(value, Policy):
        return in_class(kind, "__eq__") is vars(object)["__eq__"]
    if isinstance(value, Enum):
        return kind.__module__.partition(".")[0] == "schedproof" or not isinstance(value, int | str)
    return isinstance(value, ARGUMENTS)


def holds_list(value: Any) -> bool:
    """Return whether a value is a list or table, or has one in it."""
    if isinstance(value, list | dict | set):
        return True
    if isinstance(value, tuple):
        return any(map(holds_list, value))
    names = getattr(type(value), "__dataclass_fields__", ())
    return any(holds_list(getattr(value, name)) for name in names)


def put(place: CachedAt, function: Any) -> None:
    """Put a function where another stands."""
    if isinstance(place.holder, dict):
        place.holder[place.name] = function
    else:
        setattr(place.holder, place.name, function)


@contextmanager
def silent(logs: bool) -> Iterator[None]:
    """Write no log of symbols."""
    before = logging.root.manager.disable
    if logs:
        logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        if logs:
            logging.disable(before)
