"""A rule keeps nothing between calls: every way to do so is refused, with its line."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.soundness.claims import assert_refused, policy_with, within_the_limit

from schedproof import ServingConfig
from schedproof.engines.fastdeploy.reference_policy import ReferencePolicy
from schedproof_spec import Status

Rule = Callable[..., Any]
REFUSED: list[tuple[Rule, str]] = []
SEEN: list[int] = []
LISTS: list[list[int]] = [[]]
COUNTS = {"calls": 0}
TOTAL = 0


def refused(words: str) -> Callable[[Rule], Rule]:
    def note(rule: Rule) -> Rule:
        REFUSED.append((rule, words))
        return rule

    return note


class Counter:
    calls = 0
    seen: list[int] = []

    def count(self) -> int:
        self.calls += 1
        return self.calls


@dataclass
class Ledger:
    spent: list[int] = field(default_factory=list)


@functools.cache
def table(first: int) -> list[int]:
    return [first]


COUNTER, LEDGER = Counter(), Ledger()


@refused("assigning to `.calls`")
def on_itself(self: Any, config: ServingConfig, num_decoding: int) -> int:
    self.calls = num_decoding
    return 0


@refused("in count: assigning to `.calls`")
def on_a_helper(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return COUNTER.count()


@refused("assigning to `.calls`")
def on_a_class(self: Any, config: ServingConfig, num_decoding: int) -> int:
    Counter.calls += 1
    return Counter.calls


@refused("`global`")
def in_a_global(self: Any, config: ServingConfig, num_decoding: int) -> int:
    global TOTAL
    TOTAL += 1
    return TOTAL


@refused("`.append()` of a list that was not made here")
def in_a_list(self: Any, config: ServingConfig, num_decoding: int) -> int:
    SEEN.append(num_decoding)
    return len(SEEN)


@refused("`SEEN` can be changed between calls")
def in_a_list_by_another_name(self: Any, config: ServingConfig, num_decoding: int) -> int:
    seen = SEEN
    seen += [num_decoding]
    return len(seen)


@refused("`.append()` of a list that was not made here")
def in_a_list_of_a_class(self: Any, config: ServingConfig, num_decoding: int) -> int:
    Counter.seen.append(num_decoding)
    return len(Counter.seen)


@refused("`LEDGER` can be changed between calls")
def in_an_object_that_is_handed_on(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return (lambda ledger: len(ledger.spent))(LEDGER)


@refused("`SEEN` can be changed between calls")
def in_a_list_that_a_function_hands_on(self: Any, config: ServingConfig, num_decoding: int) -> int:
    seen = max(SEEN, [])
    seen += [num_decoding]
    return len(seen)


@refused("`SEEN` can be changed between calls")
def in_a_list_that_a_sum_begins_with(self: Any, config: ServingConfig, num_decoding: int) -> int:
    seen = sum((), SEEN)
    seen += [num_decoding]
    return len(seen)


@refused("`LISTS` can be changed between calls")
def in_a_list_in_a_list(self: Any, config: ServingConfig, num_decoding: int) -> int:
    for inner in LISTS:
        inner += [num_decoding]
    return len(LISTS[0])


@refused("`table` remembers a list or table that it returns")
def in_a_list_that_a_function_remembers(self: Any, config: ServingConfig, num_decoding: int) -> int:
    parts = table(num_decoding)
    parts += [1]
    return len(parts)


@refused("assigning to a place of something that was not made here")
def in_a_table(self: Any, config: ServingConfig, num_decoding: int) -> int:
    COUNTS["calls"] += 1
    return COUNTS["calls"]


@refused("`.setdefault` is not an attribute of anything")
def in_a_table_by_a_method(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return COUNTS.setdefault("calls", num_decoding)


@refused("a default that can be changed")
def in_a_default(self: Any, config: ServingConfig, num_decoding: int, seen: list[int] = []) -> int:  # noqa: B006
    return len(seen)


@refused("a default that can be changed")
def in_a_default_inside(self: Any, config: ServingConfig, num_decoding: int) -> int:
    def inner(seen: list[int] = []) -> int:  # noqa: B006
        return len(seen)

    return inner()


@refused("`setattr`")
def by_setattr(self: Any, config: ServingConfig, num_decoding: int) -> int:
    setattr(self, "calls", num_decoding)  # noqa: B010
    return 0


@refused("`.__dict__`")
def by_its_dictionary(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return len(self.__dict__)


def closing_over() -> Rule:
    calls = 0

    def rule(self: Any, config: ServingConfig, num_decoding: int) -> int:
        nonlocal calls
        calls += 1
        return calls

    return rule


def closing_over_a_list() -> Rule:
    calls: list[int] = []

    def rule(self: Any, config: ServingConfig, num_decoding: int) -> int:
        calls.append(1)
        return len(calls)

    return rule


refused("`nonlocal`")(closing_over())
refused("`.append()` of a list that was not made here")(closing_over_a_list())


@pytest.mark.parametrize(("rule", "words"), REFUSED, ids=[f"{rule.__name__}-{words}" for rule, words in REFUSED])
def test_state_is_refused(rule: Rule, words: str) -> None:
    if rule is in_a_default:
        words = "`initial_budget` takes (config, num_decoding, seen), but is asked with (config, num_decoding)"
    assert_refused(policy_with(rule), words)


def test_what_an_object_holds_is_not_kept_by_the_rule() -> None:
    class Keeps(ReferencePolicy):
        name = "keeps"

        def __init__(self) -> None:
            self.shares = [1, 2]

        def initial_budget(self, config: ServingConfig, num_decoding: int) -> int:
            return config.max_num_batched_tokens - max(self.shares) - self.shares[0]

    assert within_the_limit(Keeps()).status is Status.HELD


def test_a_function_that_remembers_results_is_asked_anew() -> None:
    @functools.cache
    def left(limit: int, taken: int) -> int:
        return limit - taken

    class Remembers(ReferencePolicy):
        name = "remembers"

        @functools.lru_cache(maxsize=8)  # noqa: B019
        def _left(self, limit: int, taken: int) -> int:
            return limit - taken

        def initial_budget(self, config: ServingConfig, num_decoding: int) -> int:
            return self._left(config.max_num_batched_tokens, num_decoding)

    assert within_the_limit(Remembers()).status is Status.HELD
    assert Remembers._left.cache_info().misses == 0
    by_closure = policy_with(lambda self, config, num_decoding: left(config.max_num_batched_tokens, num_decoding))
    assert_refused(by_closure, "remembers its results, and is not called by a name of its module")
