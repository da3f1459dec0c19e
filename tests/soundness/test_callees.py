"""Whatever a rule can call is read, by whatever way it gets there; what cannot be read is refused."""

from __future__ import annotations

import collections
import functools
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
import pytest
from tests.soundness.claims import assert_refused, policy_with

from schedproof import ServingConfig
from schedproof.engines.fastdeploy.reference_policy import ReferencePolicy

Rule = Callable[..., Any]
REFUSED: list[tuple[Rule, str]] = []


def refused(words: str) -> Callable[[Rule], Rule]:
    def note(rule: Rule) -> Rule:
        REFUSED.append((rule, words))
        return rule

    return note


def asks_type(value: int) -> int:
    return 10**6 if isinstance(value, int) else 0


class Helper:
    def method(self, value: int) -> int:
        return asks_type(value)

    @property
    def asked(self) -> int:
        return asks_type(1)

    @functools.cached_property
    def kept(self) -> int:
        return 10**6

    def __call__(self, value: int) -> int:
        return asks_type(value)


class Missing:
    def __getattr__(self, name: str) -> int:
        return 10**6


class Intercepts:
    limit = 0

    def __getattribute__(self, name: str) -> Any:
        return 10**6


class Descriptor:
    def __get__(self, owner: Any, kind: Any) -> int:
        return 10**6


class WithDescriptor:
    limit = Descriptor()


class Odd(int):
    def __le__(self, other: Any) -> bool:
        return True


class OddEnum(IntEnum):
    ONE = 1

    def __radd__(self, other: Any) -> int:
        return 10**6


class Word(str):
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = str.__hash__


class OddPair(tuple[int, ...]):
    def __getitem__(self, index: Any) -> Any:
        return 10**6


class OddProperty(property):
    def __get__(self, owner: Any, kind: Any = None) -> int:
        return 10**6


class WithOddProperty:
    @OddProperty
    def limit(self) -> int:
        return 0


class OddPartial(functools.partial[int]):
    def __call__(self, *arguments: Any) -> int:
        return 10**6


class Hashed:
    def __init__(self, value: int) -> None:
        pass

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0 if isinstance(self, Hashed) else 1


class Meta(type):
    def __call__(cls, *arguments: Any) -> Any:
        return 10**6


class Made(metaclass=Meta):
    pass


@dataclass(frozen=True)
class Tokens:
    count: int

    def __le__(self, other: int) -> bool:
        return asks_type(self.count) == 0


@dataclass(frozen=True)
class Truth:
    count: int

    def __bool__(self) -> bool:
        return self.count > 0


class Pair(NamedTuple):
    count: int

    @property
    def total(self) -> int:
        return asks_type(self.count)


def wrapped(function: Rule) -> Rule:
    @functools.wraps(function)
    def inner(*arguments: Any) -> Any:
        return asks_type(arguments[-1])

    return inner


@wrapped
def harmless(value: int) -> int:
    return value


HELPER, MISSING, INTERCEPTS, WITH_DESCRIPTOR, ODD = Helper(), Missing(), Intercepts(), WithDescriptor(), Odd(3)
PARTIAL = functools.partial(asks_type)
TABLE = {"a": asks_type}
NESTED = ((1, (asks_type,)),)
DEFAULT = ServingConfig()
COUNTS: collections.defaultdict[Any, int] = collections.defaultdict(int)
WORD, ODD_PAIR, WITH_ODD_PROPERTY = Word("word"), OddPair((1, 2)), WithOddProperty()
ODD_PARTIAL = OddPartial(abs)
HASHES = frozenset({1, 2})
WRAPS_AROUND = np.int32(7)
COUNTER = itertools.count()
METHOD = HELPER.method


@refused("in asks_type: `isinstance`")
def directly(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return asks_type(num_decoding)


@refused("in asks_type: `isinstance`")
def by_a_helper_object(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return HELPER.method(num_decoding)


@refused("in asks_type: `isinstance`")
def by_a_property(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return HELPER.asked


@refused("in asks_type: `isinstance`")
def by_calling_an_object(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return HELPER(num_decoding)


@refused("in asks_type: `isinstance`")
def by_a_bound_method(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return METHOD(num_decoding)


@refused("`HELPER.kept` is kept between calls")
def by_a_kept_property(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return HELPER.kept


@refused("in asks_type: `isinstance`")
def by_a_partial(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return PARTIAL(num_decoding)


@refused("in asks_type: `isinstance`")
def by_a_table(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return TABLE["a"](num_decoding)


@refused("in asks_type: `isinstance`")
def by_a_nested_tuple(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return NESTED[0][1][0](num_decoding)


@refused("in asks_type: `isinstance`")
def by_a_wrapper_that_hides_its_source(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return harmless(num_decoding)


@refused("in asks_type: `isinstance`")
def by_a_function_that_is_handed_on(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return max(map(asks_type, (num_decoding,)))


@refused("in asks_type: `isinstance`")
def by_a_default(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return (lambda value, ask=asks_type: ask(value))(num_decoding)


@refused("in asks_type: `isinstance`")
def by_a_key(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return sorted((num_decoding, 1), key=asks_type)[0]


@refused("in asks_type: `isinstance`")
def by_an_operator(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return 10**6 if Tokens(num_decoding) <= 3 else 0


@refused("`Truth` defines `__bool__`")
def by_a_truth(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return 10**6 if Truth(num_decoding) else 0


@refused("in asks_type: `isinstance`")
def by_a_property_of_a_new_value(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return Pair(num_decoding).total


@refused("defines `__getattr__`")
def by_a_missing_attribute(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return MISSING.limit


@refused("defines `__getattribute__`")
def by_an_intercepted_attribute(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return INTERCEPTS.limit


@refused("a descriptor of the type Descriptor")
def by_a_descriptor(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return WITH_DESCRIPTOR.limit


@refused("defines `__radd__`, and is a kind of number")
def by_an_odd_enum(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return num_decoding + OddEnum.ONE


@refused("`COUNTS` is an object of the type defaultdict")
def by_a_table_that_grows(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return len(COUNTS) + COUNTS[str]


@refused("`WORD` is an object of the type Word")
def by_an_odd_text(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return 10**6 if config.role == WORD else 0


@refused("`ODD_PAIR` is an object of the type OddPair")
def by_an_odd_tuple(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return ODD_PAIR[0]


@refused("a descriptor of the type OddProperty")
def by_an_odd_property(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return WITH_ODD_PROPERTY.limit


@refused("`ODD_PARTIAL` is an object of the type OddPartial")
def by_an_odd_partial(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return ODD_PARTIAL(num_decoding)


@refused("in __hash__: `isinstance`")
def by_a_hash(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return 10**6 if Hashed(num_decoding) in HASHES else 0


@refused("comparing whole configurations")
def by_comparing_configurations(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return 10**6 if config == DEFAULT else 0


@refused("comparing whole configurations")
def by_looking_for_a_configuration(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return 10**6 if config in (DEFAULT,) else 0


@refused("`HELPER` in an f-string")
def by_the_text_of_an_object(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return len(f"{HELPER}") * 10**6


@refused("`ODD` is a number of the type Odd")
def by_an_odd_number(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return 0 if num_decoding >= ODD else 1


@refused("has the metaclass Meta")
def by_a_metaclass(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return Made()  # type: ignore[return-value]


@refused("`WRAPS_AROUND` is the NumPy number ... write int(...)")
def by_a_numpy_number(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return int(WRAPS_AROUND * 2**30) + num_decoding


@refused("`COUNTER` is an object of the type count")
def by_an_iterator(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return min(COUNTER)


@refused("a decorator inside a rule")
def by_a_decorator_inside(self: Any, config: ServingConfig, num_decoding: int) -> int:
    @wrapped
    def inner(value: int) -> int:
        return value

    return inner(num_decoding)


@refused("`super` ... `super().method(...)`")
def by_super_of_another(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return super(ReferencePolicy, self).max_chunk_tokens(config)  # type: ignore[safe-super]


@refused("reading `request_id`")
def by_an_id(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return 10**6 if num_decoding.request_id == "vip" else 0  # type: ignore[attr-defined]


@pytest.mark.parametrize(("rule", "words"), REFUSED, ids=[rule.__name__ for rule, _ in REFUSED])
def test_what_is_called_is_read(rule: Rule, words: str) -> None:
    assert_refused(policy_with(rule), f"test_callees.py, line  ... {words}")
