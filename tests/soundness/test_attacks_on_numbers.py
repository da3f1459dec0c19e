"""Rules that are wrong for a few numbers only, or through odd corners of Python: none of them is called held."""

from __future__ import annotations

import functools
import itertools
import math
import operator
import os
import time
from collections.abc import Callable
from enum import Flag, IntEnum, auto
from typing import Any, NamedTuple

import pytest
from tests.soundness.claims import policy_with, within_the_limit

from schedproof import Role, ServingConfig
from schedproof_spec import Status

Rule = Callable[..., int]
WRONG: list[Rule] = []
CONFIGS = [
    ServingConfig(max_num_batched_tokens=limit, role=role, chunked_prefill=chunked)
    for limit in (1, 2, 7, 64)
    for role in Role
    for chunked in (False, True)
]
DECODES = (0, 1, 2, 3, 4, 7, 63, 64, 65, 2**53 + 1, 2**60)
BY_STEP = tuple(lambda value, step=step: value + step - 2 for step in range(4))
BY_LATE = tuple((lambda value: value + last) for last in (0, 0, 1))  # noqa: B023


def wrong(rule: Rule) -> Rule:
    WRONG.append(rule)
    return rule


class Weight(IntEnum):
    NONE = 0
    SOME = auto()

    def of(self, value: int) -> int:
        return value + self


class Kinds(Flag):
    TEXT = auto()
    IMAGE = auto()


class Pair(NamedTuple):
    first: int
    second: int = 1

    def total(self) -> int:
        return self.first + self.second


@wrong
def by_a_root(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return config.max_num_batched_tokens + (1 if math.isqrt(num_decoding) == 8 else 0)


@wrong
def by_floor_of_a_ratio(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return config.max_num_batched_tokens + num_decoding - math.floor(num_decoding / 1)


@wrong
def by_ceiling_of_a_negative_ratio(self: Any, config: ServingConfig, num_decoding: int) -> int:
    rounded = math.ceil(-num_decoding / 2) if num_decoding < 100 else -num_decoding // 2
    return config.max_num_batched_tokens + rounded - (-num_decoding // 2)


@wrong
def by_a_negative_remainder(self: Any, config: ServingConfig, num_decoding: int) -> int:
    _, rest = divmod(-num_decoding, 64)
    return config.max_num_batched_tokens + (1 if rest == 63 else 0)


@wrong
def by_a_negative_divisor(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return config.max_num_batched_tokens - (num_decoding % -7)


@wrong
def by_bits_of_a_negative_number(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return config.max_num_batched_tokens + ((-num_decoding) & 1)


@wrong
def by_a_shift_to_the_right(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return config.max_num_batched_tokens + (num_decoding >> 60)


@wrong
def by_inverting_a_truth(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return config.max_num_batched_tokens + (-1 - ~(num_decoding == 63))


@wrong
def by_a_truth_as_an_index(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return config.max_num_batched_tokens + (0, 1)[num_decoding == 63]


@wrong
def by_a_chain(self: Any, config: ServingConfig, num_decoding: int) -> int:
    is_odd = 0 < num_decoding < 64 > num_decoding != 7 and num_decoding == 63
    return config.max_num_batched_tokens + is_odd


@wrong
def by_a_chain_that_assigns(self: Any, config: ServingConfig, num_decoding: int) -> int:
    gift = 0
    if 0 < num_decoding < (gift := 64):
        return config.max_num_batched_tokens
    return config.max_num_batched_tokens + gift


@wrong
def by_a_slice_from_behind(self: Any, config: ServingConfig, num_decoding: int) -> int:
    first, *_ = (0, num_decoding, num_decoding + 1)[::-1]
    return config.max_num_batched_tokens + first - num_decoding


@wrong
def by_a_range_with_a_step(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return config.max_num_batched_tokens + (num_decoding in range(66, 0, -3))


@wrong
def by_a_position(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return config.max_num_batched_tokens + (5, num_decoding, 64).index(64) - 1


@wrong
def by_counting(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return config.max_num_batched_tokens + (64, True, 0).count(num_decoding)


@wrong
def by_a_default_of_each_lambda(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return max([rule(config.max_num_batched_tokens) for rule in BY_STEP])


@wrong
def by_a_late_binding(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return min([rule(config.max_num_batched_tokens) for rule in BY_LATE])


@wrong
def by_a_loop_variable(self: Any, config: ServingConfig, num_decoding: int) -> int:
    rules = [lambda: config.max_num_batched_tokens + step for step in (0, 0, 1)]  # noqa: B023
    return rules[0]()


@wrong
def by_an_iterator_used_twice(self: Any, config: ServingConfig, num_decoding: int) -> int:
    values = map(abs, (num_decoding, 5))
    first = sum(values)
    return config.max_num_batched_tokens + first - sum(values) - 5


@wrong
def by_folding(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return functools.reduce(lambda left, right: right - left, (num_decoding, 64, config.max_num_batched_tokens + 1))


@wrong
def by_a_comparison_function(self: Any, config: ServingConfig, num_decoding: int) -> int:
    key = functools.cmp_to_key(lambda left, right: right - left)
    return max((config.max_num_batched_tokens, config.max_num_batched_tokens + 1), key=lambda value: -value) + (
        1 if sorted((1, 2), key=key)[0] == 2 else 0
    )


@wrong
def by_an_operator_function(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return int(operator.add(config.max_num_batched_tokens, 1))


@wrong
def by_stars(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return (lambda first, *rest, last=1: first + last + len(rest) - 1)(config.max_num_batched_tokens, *(1,))


@wrong
def by_named_stars(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return (lambda value, gift=0: value + gift)(config.max_num_batched_tokens, gift=1)


@wrong
def by_a_method_of_a_member(self: Any, config: ServingConfig, num_decoding: int) -> int:
    weight = Weight.SOME if num_decoding == 63 else Weight.NONE
    return weight.of(config.max_num_batched_tokens)


@wrong
def by_flags(self: Any, config: ServingConfig, num_decoding: int) -> int:
    kinds = Kinds.TEXT | Kinds.IMAGE
    return config.max_num_batched_tokens + int(kinds.value) - 2


@wrong
def by_a_tuple_of_its_own(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return Pair(config.max_num_batched_tokens).total()


@wrong
def by_a_guard(self: Any, config: ServingConfig, num_decoding: int) -> int:
    match (num_decoding, config.chunked_prefill):
        case (63 as few, _) if few % 2 == 1:
            return config.max_num_batched_tokens + few
        case (many, _) if many > 2**53:
            return config.max_num_batched_tokens
        case _:
            return 0


@wrong
def by_a_text(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return config.max_num_batched_tokens + len(config.role.value) - 6


@wrong
def by_the_order_of_a_table(self: Any, config: ServingConfig, num_decoding: int) -> int:
    first, *_ = {"b": 1, "a": 0}.values()
    return config.max_num_batched_tokens + first


@wrong
def by_the_environment(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return config.max_num_batched_tokens + len(os.environ)


@wrong
def by_the_time(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return config.max_num_batched_tokens + int(time.monotonic() >= 0)


@pytest.mark.parametrize("rule", WRONG, ids=lambda rule: rule.__name__)
def test_a_wrong_rule_is_never_held(rule: Rule) -> None:
    given = [
        rule(None, config, num) - config.max_num_batched_tokens
        for config, num in itertools.product(CONFIGS, DECODES)
    ]
    assert max(given) > 0
    outcome = within_the_limit(policy_with(rule))
    assert outcome.status is not Status.HELD, outcome
