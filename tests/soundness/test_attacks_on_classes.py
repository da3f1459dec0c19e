"""Classes that hide what they run: by the way a member stands in them, by a default, by whoever wrote it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar, NamedTuple

import pytest
from tests.soundness.claims import assert_refused, policy_with

from schedproof import ServingConfig

Rule = Callable[..., Any]
REFUSED: list[tuple[Rule, str]] = []


def refused(words: str) -> Callable[[Rule], Rule]:
    def note(rule: Rule) -> Rule:
        REFUSED.append((rule, words))
        return rule

    return note


def asks_type(value: Any) -> int:
    return 10**6 if isinstance(value, int) else 0


def asks_own(own: Any, other: Any = 0) -> int:
    return asks_type(own.count)


class Asks:
    def __call__(self, *arguments: Any) -> int:
        return asks_type(arguments[-1])


MADE: dict[str, Any] = {"asks_type": asks_type}
exec("def __add__(self, other): return asks_type(self.count)\ndef total(self): return asks_type(self.count)", MADE)


@dataclass(frozen=True)
class StaticOperator:
    count: int
    __add__ = staticmethod(asks_type)


@dataclass(frozen=True)
class PropertyOperator:
    count: int
    __add__ = property(lambda self: lambda other: asks_type(self.count))


@dataclass(frozen=True)
class PartialCall:
    count: int
    __call__ = functools.partial(asks_type)


@dataclass(frozen=True)
class ObjectCall:
    count: int
    __call__ = Asks()


@dataclass(frozen=True)
class PropertyAttribute:
    count: int
    __getattr__ = property(lambda self: lambda name: asks_type(self.count))


@dataclass(frozen=True)
class MadeOperator:
    count: int
    __add__ = MADE["__add__"]


@dataclass(frozen=True)
class MadeMethod:
    count: int
    total = MADE["total"]


@dataclass(frozen=True)
class ByDefault:
    count: int
    ask: Any = asks_type


class PairByDefault(NamedTuple):
    count: int
    ask: Any = asks_type


@dataclass(frozen=True)
class OfTheClass:
    count: int
    ask: ClassVar[Any] = asks_own


@dataclass
class Kept:
    count: int
    seen: ClassVar[list[int]] = []


@dataclass
class FieldIsProperty:
    count: int

    @property  # type: ignore[no-redef]
    def count(self) -> int:
        return asks_type(self._count)

    @count.setter
    def count(self, value: int) -> None:
        self._count = value


class Dispatched:
    @functools.singledispatch
    def ask(self, value: int) -> int:  # type: ignore[misc]
        return asks_type(value)


class OddError(Exception):
    def __getattr__(self, name: str) -> int:
        return asks_type(self.args[0])


class NoError(Exception):
    def __new__(cls, value: int) -> Any:
        return asks_type(value)


CALLS: list[int] = []


class Missing(Enum):
    SMALL = 0
    LARGE = 10**6

    @classmethod
    def _missing_(cls, value: object) -> Any:
        CALLS.append(1)
        return cls.LARGE if len(CALLS) > 5 else cls.SMALL


@refused("defines `__add__`")
def by_a_static_operator(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return StaticOperator(1) + num_decoding


@refused("defines `__add__`")
def by_an_operator_that_is_a_property(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return PropertyOperator(num_decoding) + 1


@refused("defines `__call__`")
def by_a_partial_that_is_called(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return PartialCall(1)(num_decoding)


@refused("defines `__call__`")
def by_an_object_that_is_called(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return ObjectCall(1)(num_decoding)


@refused("defines `__getattr__`")
def by_a_property_for_attributes(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return PropertyAttribute(num_decoding).max_num_seqs


@refused("source is not what runs")
def by_an_operator_that_was_made(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return MadeOperator(num_decoding) + 1


@refused("source is not what runs")
def by_a_method_that_was_made(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return MadeMethod(num_decoding).total()


@refused("in asks_type: `isinstance`")
def by_a_default_of_a_dataclass(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return ByDefault(1).ask(num_decoding)


@refused("in asks_type: `isinstance`")
def by_a_default_of_a_named_tuple(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return PairByDefault(1).ask(num_decoding)


@refused("in asks_type: `isinstance`")
def by_a_function_of_the_class(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return OfTheClass(num_decoding).ask()


@refused("can be changed between calls")
def by_a_list_of_the_class(self: Any, config: ServingConfig, num_decoding: int) -> int:
    seen = Kept(1).seen
    seen += [1]
    return 10**6 if len(seen) > 5 else 0


@refused("an object of the type property")
def by_a_field_that_is_a_property(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return FieldIsProperty(num_decoding).count


@refused("functools.py")
def by_a_function_that_dispatches(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return Dispatched().ask(num_decoding)


@refused("defines `__getattr__`")
def by_an_attribute_of_an_exception(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return OddError(num_decoding).max_num_seqs


@refused("defines `__new__`")
def by_an_exception_that_is_none(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return NoError(num_decoding)  # type: ignore[return-value]


@refused("in _missing_: ")
def by_a_member_that_is_missing(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return int(Missing(7).value)


@pytest.mark.parametrize(("rule", "words"), REFUSED, ids=[rule.__name__ for rule, _ in REFUSED])
def test_what_a_class_hides_is_refused(rule: Rule, words: str) -> None:
    assert_refused(policy_with(rule), words)


@pytest.mark.parametrize("rule", [rule for rule, _ in REFUSED], ids=[rule.__name__ for rule, _ in REFUSED])
def test_the_rules_are_wrong(rule: Rule) -> None:
    """On numbers, each of them gives more than any limit sooner or later."""
    given = [rule(None, ServingConfig(), 3) for _ in range(8)]
    assert max(given) == 10**6
