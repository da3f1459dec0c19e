"""Rules that people write, and that are right: each is proved."""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, IntEnum
from functools import partial
from typing import NamedTuple

import pytest
from tests.soundness.claims import Budget, policy_with, within_the_limit

from schedproof import Role, ServingConfig
from schedproof.engines.fastdeploy.reference_policy import ReferencePolicy
from schedproof.engines.fastdeploy.speculation import SpeculativeMethod
from schedproof_spec import Status

LOG = logging.getLogger(__name__)
RULES: dict[str, Budget] = {}


def natural(rule: Budget) -> Budget:
    RULES[rule.__name__] = rule
    return rule


class Step(NamedTuple):
    limit: int
    decodes: int

    @property
    def rest(self) -> int:
        return self.limit - self.decodes


@dataclass(frozen=True)
class Reserve:
    slots: int
    tokens: int

    def __post_init__(self) -> None:
        assert self.slots >= 0

    def total(self) -> int:
        return self.slots * self.tokens

    def __add__(self, other: int) -> int:
        return self.total() + other


class Weight(IntEnum):
    LIGHT = 1
    HEAVY = 2


class Share(Enum):
    ALL = 1
    HALF = 2

    def of(self, tokens: int) -> int:
        return tokens // self.value


SHARES = {Role.MIXED: Share.ALL, Role.PREFILL: Share.ALL, Role.DECODE: Share.HALF}
STEPS = (8, 16, 64)
MASK = 0b1100


def lowered(value: int, by: int = 0) -> int:
    return value - by


lower_by_two = partial(lowered, by=2)
BY_ROLE: tuple[Callable[[int], int], ...] = (lower_by_two, lambda value: value, abs)


@functools.cache
def remembered(limit: int, decodes: int) -> int:
    return limit - decodes


def bounded(function: Callable[[int], int]) -> Callable[[int], int]:
    @functools.wraps(function)
    def inner(value: int) -> int:
        return min(function(value), value)

    return inner


@bounded
def doubled(value: int) -> int:
    return 2 * value


@natural
def chained(self: ReferencePolicy, config: ServingConfig, num_decoding: int) -> int:
    left = config.max_num_batched_tokens - num_decoding
    return left if 0 <= left <= config.max_num_batched_tokens else 0


@natural
def by_member(self: ReferencePolicy, config: ServingConfig, num_decoding: int) -> int:
    if config.role is Role.PREFILL:
        return config.max_num_batched_tokens
    return config.max_num_batched_tokens - num_decoding * (1 if config.role is not Role.DECODE else 2)


@natural
def by_match(self: ReferencePolicy, config: ServingConfig, num_decoding: int) -> int:
    match config.role:
        case Role.PREFILL | Role.MIXED:
            return config.max_num_batched_tokens
        case Role.DECODE if num_decoding > 3:
            return config.max_num_batched_tokens - 3
        case other:
            return config.max_num_batched_tokens - len((other,))


@natural
def by_number(self: ReferencePolicy, config: ServingConfig, num_decoding: int) -> int:
    match num_decoding:
        case 0:
            return config.max_num_batched_tokens
        case 1 | 2 as few:
            return config.max_num_batched_tokens - few
        case _:
            return config.max_num_batched_tokens - 3


@natural
def by_pair(self: ReferencePolicy, config: ServingConfig, num_decoding: int) -> int:
    match (config.chunked_prefill, num_decoding):
        case (_, 0):
            return config.max_num_batched_tokens
        case (_, some):
            return config.max_num_batched_tokens - some
    return 0


@natural
def from_a_table(self: ReferencePolicy, config: ServingConfig, num_decoding: int) -> int:
    return SHARES[config.role].of(config.max_num_batched_tokens)


@natural
def by_value(self: ReferencePolicy, config: ServingConfig, num_decoding: int) -> int:
    return config.max_num_batched_tokens - (1 if config.role.value == "decode" else 0)


@natural
def rounded_down(self: ReferencePolicy, config: ServingConfig, num_decoding: int) -> int:
    return config.max_num_batched_tokens // config.block_size * config.block_size


@natural
def rounded_up_negative(self: ReferencePolicy, config: ServingConfig, num_decoding: int) -> int:
    blocks = -(-num_decoding // config.block_size)
    return config.max_num_batched_tokens - blocks


@natural
def quotient_and_rest(self: ReferencePolicy, config: ServingConfig, num_decoding: int) -> int:
    quotient, rest = divmod(config.max_num_batched_tokens, config.block_size)
    return quotient * config.block_size + min(rest, 1)


@natural
def with_bits(self: ReferencePolicy, config: ServingConfig, num_decoding: int) -> int:
    aligned = config.max_num_batched_tokens & ~15
    return min(aligned | 1, (config.max_num_batched_tokens >> 1) << 1, config.max_num_batched_tokens & MASK)


@natural
def truth_counts(self: ReferencePolicy, config: ServingConfig, num_decoding: int) -> int:
    return config.max_num_batched_tokens - int(config.chunked_prefill) - (num_decoding > 3) * 2


@natural
def number_as_truth(self: ReferencePolicy, config: ServingConfig, num_decoding: int) -> int:
    if num_decoding and not config.max_multimodal_item_tokens:
        return config.max_num_batched_tokens - 1
    return config.max_num_batched_tokens - bool(num_decoding)


@natural
def walrus(self: ReferencePolicy, config: ServingConfig, num_decoding: int) -> int:
    if (left := config.max_num_batched_tokens - num_decoding) > 0:
        return left
    return 0


@natural
def largest_that_fits(self: ReferencePolicy, config: ServingConfig, num_decoding: int) -> int:
    fitting = [step for step in STEPS if step <= config.max_num_batched_tokens]
    return max(fitting, default=0)


@natural
def sorted_by_key(self: ReferencePolicy, config: ServingConfig, num_decoding: int) -> int:
    first, *_ = sorted((config.max_num_batched_tokens, num_decoding), key=lambda tokens: tokens)
    return first


@natural
def loops(self: ReferencePolicy, config: ServingConfig, num_decoding: int) -> int:
    total = 0
    for index, step in enumerate(STEPS):
        if index == 2:
            break
        if total + step > config.max_num_batched_tokens:
            continue
        total += step
    return min(total, config.max_num_batched_tokens)


@natural
def own_list(self: ReferencePolicy, config: ServingConfig, num_decoding: int) -> int:
    parts = [num_decoding]
    parts.append(config.tokens_per_seq)
    parts[0] = parts[0] * 2
    return config.max_num_batched_tokens - sum(parts) if all(part >= 0 for part in parts) else 0


@natural
def a_tuple_of_its_own(self: ReferencePolicy, config: ServingConfig, num_decoding: int) -> int:
    step = Step(limit=config.max_num_batched_tokens, decodes=num_decoding)
    return step.rest if any((step.limit, step.decodes)) else step._replace(limit=0).rest


@natural
def a_value_of_its_own(self: ReferencePolicy, config: ServingConfig, num_decoding: int) -> int:
    reserve = replace(Reserve(slots=num_decoding, tokens=5), tokens=2)
    return config.max_num_batched_tokens - (reserve + 1)


@natural
def another_configuration(self: ReferencePolicy, config: ServingConfig, num_decoding: int) -> int:
    half = replace(config, max_num_batched_tokens=config.max_num_batched_tokens // 2)
    return ReferencePolicy.initial_budget(self, half, num_decoding)


@natural
def remembers(self: ReferencePolicy, config: ServingConfig, num_decoding: int) -> int:
    return remembered(config.max_num_batched_tokens, num_decoding)


@natural
def logs(self: ReferencePolicy, config: ServingConfig, num_decoding: int) -> int:
    LOG.warning("budget of %d decodes", num_decoding)
    logging.debug("limit %d", config.max_num_batched_tokens)
    return config.max_num_batched_tokens


@natural
def asserts(self: ReferencePolicy, config: ServingConfig, num_decoding: int) -> int:
    assert num_decoding >= 0, f"{num_decoding} decodes"
    if config.max_num_batched_tokens < 1:
        raise ValueError(f"a limit of {config.max_num_batched_tokens}")
    return config.max_num_batched_tokens


@natural
def through_functions(self: ReferencePolicy, config: ServingConfig, num_decoding: int) -> int:
    def taken(value: int) -> int:
        return value - num_decoding

    least = functools.reduce(min, [rule(config.max_num_batched_tokens) for rule in BY_ROLE])
    return min(taken(least), doubled(config.max_num_batched_tokens))


@natural
def with_a_partial(self: ReferencePolicy, config: ServingConfig, num_decoding: int) -> int:
    at_most = partial(min, config.max_num_batched_tokens)
    return at_most(num_decoding * config.tokens_per_seq)


@natural
def speculates(self: ReferencePolicy, config: ServingConfig, num_decoding: int) -> int:
    if config.speculation is None or config.speculation.method is SpeculativeMethod.NONE:
        return config.max_num_batched_tokens
    return config.max_num_batched_tokens - config.speculation.num_model_steps


@natural
def weighs(self: ReferencePolicy, config: ServingConfig, num_decoding: int) -> int:
    weight = Weight.HEAVY if num_decoding > 8 else Weight.LIGHT
    return config.max_num_batched_tokens // weight


@pytest.mark.parametrize("name", RULES)
def test_a_natural_rule_is_proved(name: str) -> None:
    outcome = within_the_limit(policy_with(RULES[name]))
    assert outcome.status is Status.HELD, outcome.reason


class WithHelpers(ReferencePolicy):
    """Static and class methods, properties, `super()`, constants of the class."""

    name = "with-helpers"
    _SHARE = 2

    @property
    def _least(self) -> int:
        return self._SHARE - 1

    @classmethod
    def _halved(cls, tokens: int) -> int:
        return tokens // cls._SHARE

    @staticmethod
    def _not_negative(tokens: int) -> int:
        return max(tokens, 0)

    def initial_budget(self, config: ServingConfig, num_decoding: int) -> int:
        left = super().initial_budget(config, num_decoding)
        return min(self._halved(self._not_negative(left)) + self._least - 1, config.max_num_batched_tokens)


@dataclass(frozen=True)
class WithSlack(ReferencePolicy):
    """A number of its own."""

    slack: int = 0

    def initial_budget(self, config: ServingConfig, num_decoding: int) -> int:
        return super().initial_budget(config, num_decoding) - self.slack


@pytest.mark.parametrize(
    "policy", [WithHelpers(), WithSlack(0), WithSlack(3)], ids=["helpers", "no slack", "slack"]
)
def test_a_natural_policy_is_proved(policy: ReferencePolicy) -> None:
    assert within_the_limit(policy).status is Status.HELD


def test_a_mistake_in_the_same_words_is_found() -> None:
    assert within_the_limit(WithSlack(-3)).status is Status.VIOLATED


def rounded_up_truly(self: ReferencePolicy, config: ServingConfig, num_decoding: int) -> int:
    return config.max_num_batched_tokens - math.ceil(num_decoding / 2)


def test_a_true_division_is_undecided_where_floating_point_rounds() -> None:
    outcome = within_the_limit(policy_with(rounded_up_truly))
    assert outcome.status is Status.UNDECIDED
    assert "test_natural_rules.py, line " in outcome.reason
    assert "a / b rounds from 2**53 on; write `a // b`" in outcome.reason


def rounded_up_below(self: ReferencePolicy, config: ServingConfig, num_decoding: int) -> int:
    if num_decoding > 1000:
        return 0
    return config.max_num_batched_tokens - math.ceil(num_decoding / 2)


def test_a_true_division_of_small_numbers_is_exact() -> None:
    assert within_the_limit(policy_with(rounded_up_below)).status is Status.HELD
