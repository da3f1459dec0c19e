"""Rules that see the difference between an unknown value and a number, or that ask for what no theorem draws."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Any

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


@dataclass(frozen=True)
class Step:
    limit: int
    taken: int = field(compare=False)


class Light(IntEnum):
    ONE = 1

    def share(self) -> int:
        return 0


class Heavy(IntEnum):
    ONE = 1

    def share(self) -> int:
        return 10**6


@dataclass(frozen=True)
class Same:
    taken: int

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


class OddValue(Enum):
    ONE = 1

    @property
    def value(self) -> int:  # type: ignore[override]
        return 10**6 if isinstance(self, OddValue) and isinstance(self.name, str) else 0


def asks_type(value: int) -> int:
    return 10**6 if isinstance(value, int) else 0


class Asking(Enum):
    """Its value holds a function."""

    TYPE = (asks_type,)


class Listed(Enum):
    """Its value can be changed."""

    NONE = ([0],)


@functools.cache
def left_of(step: Any) -> int:
    return int(step.limit - step.taken)


@functools.cache
def taken_of(step: Any) -> int:
    return int(step.taken)


@functools.cache
def share_of(weight: Any) -> int:
    return int(weight.share())


@functools.cache
def sum_of(parts: Any) -> int:
    return sum(parts)


IF_NONE = {None: 10**6}
NO_ITEMS: tuple[()] = ()
IF_NO_ITEMS: Any = 10**6


@refused("`.num_max_dispatch_tokens_per_rank` and None")
def by_a_case_of_none(self: Any, config: ServingConfig, num_decoding: int) -> int:
    match config.num_max_dispatch_tokens_per_rank:
        case None:
            return 10**6
        case _:
            return 0


@refused("None; this theorem does not draw it")
def by_a_captured_none(self: Any, config: ServingConfig, num_decoding: int) -> int:
    match (num_decoding, config.num_max_dispatch_tokens_per_rank):
        case (_, None):
            return 10**6
        case _:
            return 0


@refused("num_max_dispatch_tokens_per_rank is read")
def by_none_as_a_key(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return IF_NONE.get(config.num_max_dispatch_tokens_per_rank, 0)  # type: ignore[call-overload,no-any-return]


@refused("num_kv_blocks")
def by_the_size_of_the_pool(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return 0 if config.num_kv_blocks is None else 10**6


@refused("num_kv_blocks")
def by_the_truth_of_the_pool(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return 10**6 if config.num_kv_blocks else 0


@refused("remembers its results")
def by_what_two_values_have_in_common(self: Any, config: ServingConfig, num_decoding: int) -> int:
    left_of(Step(10**6, 0))
    return left_of(Step(10**6, 10**6))


@refused("remembers its results")
def by_values_that_say_they_are_equal(self: Any, config: ServingConfig, num_decoding: int) -> int:
    taken_of(Same(10**6))
    return taken_of(Same(0))


@refused("remembers its results")
def by_equal_members_of_two_enums(self: Any, config: ServingConfig, num_decoding: int) -> int:
    share_of(Heavy.ONE)
    return share_of(Light.ONE)


@refused("remembers its results")
def by_a_list_that_has_no_hash(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return sum_of([0])


@refused("`isinstance`")
def by_a_value_of_an_enum(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return OddValue.ONE.value


@refused("in asks_type: `isinstance`")
def by_a_function_that_a_member_holds(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return Asking.TYPE.value[0](num_decoding)


@refused("in asks_type: `isinstance`")
def by_functions_that_all_members_hold(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return sum(ask(num_decoding) for each in Asking for ask in each.value)


@refused("`Listed.NONE.value` can be changed")
def by_a_list_that_a_member_holds(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return sum(sum(part) for part in Listed.NONE.value)


@pytest.mark.parametrize(("rule", "words"), REFUSED, ids=[rule.__name__ for rule, _ in REFUSED])
def test_what_is_not_seen_is_refused(rule: Rule, words: str) -> None:
    assert_refused(policy_with(rule), words)
