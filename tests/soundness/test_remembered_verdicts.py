"""Verdicts are remembered by what a policy's rules are made of, by value; nothing else makes two policies alike."""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

import pytest
from tests.soundness.claims import policy_with

from schedproof import POLICIES, ServingConfig
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.engines.fastdeploy.reference_policy import ReferencePolicy
from schedproof_spec import INVARIANTS, Status
from schedproof_spec.prover.subset.reading import read
from schedproof_spec.verdicts.proved import proved
from schedproof_spec.verdicts.question import Question
from schedproof_spec.verdicts.verdict_cache import content_of_rule, without_cache

SHARE = 2
SHARES = {"half": 2}
LOG = logging.getLogger(__name__)


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    with without_cache():
        yield


def content(policy: Policy) -> Any:
    return content_of_rule(policy, "initial_budget")


@dataclass(frozen=True)
class Slack(ReferencePolicy):
    """A number of the object."""

    slack: int

    def initial_budget(self, config: ServingConfig, num_decoding: int) -> int:
        return super().initial_budget(config, num_decoding) - self.slack


class Shared(ReferencePolicy):
    """A constant of the class, looked at by a helper."""

    _SHARE = 2

    def _taken(self) -> int:
        return self._SHARE

    def initial_budget(self, config: ServingConfig, num_decoding: int) -> int:
        return super().initial_budget(config, num_decoding) - self._taken()


class SharedMore(Shared):
    """Another constant."""

    _SHARE = 3


class SharedAlike(Shared):
    """The same constant again."""

    name = "alike"
    _SHARE = 2


def test_an_attribute_of_the_object_counts_by_its_value() -> None:
    assert content(Slack(1)) == content(Slack(1))
    assert content(Slack(1)) != content(Slack(2))


def test_a_constant_of_the_class_counts_by_its_value() -> None:
    assert content(Shared()) == content(SharedAlike())
    assert content(Shared()) != content(SharedMore())


def closed_over(slack: int) -> Callable[..., Any]:
    def initial_budget(self: Any, config: ServingConfig, num_decoding: int) -> int:
        return config.max_num_batched_tokens - slack

    return initial_budget


def test_a_variable_of_the_function_around_counts_by_its_value() -> None:
    one, another, two = (content(policy_with(closed_over(slack))) for slack in (1, 1, 2))
    assert one == another
    assert one != two


def by_a_global(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return config.max_num_batched_tokens // SHARE


def by_a_table(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return config.max_num_batched_tokens // SHARES["half"]


def test_a_global_counts_by_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = policy_with(by_a_global)
    before = content(policy)
    monkeypatch.setattr(f"{__name__}.SHARE", 3)
    assert content(policy) != before
    monkeypatch.setattr(f"{__name__}.SHARE", 2)
    assert content(policy) == before


def test_a_table_counts_by_what_is_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = policy_with(by_a_table)
    before = content(policy)
    monkeypatch.setitem(SHARES, "half", 4)
    assert content(policy) != before


def test_a_function_counts_by_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    before = content(Shared())
    monkeypatch.setattr(Shared, "_taken", lambda self: 2)
    assert content(Shared()) != before


def least(low: int = 0, high: int = 0) -> int:
    return high - low


@pytest.mark.parametrize("named", [{"low": 2}, {"high": 1}, {"low": 1, "high": 0}])
def test_a_partial_counts_by_its_names_and_values(named: dict[str, int]) -> None:
    def with_partial(**arguments: int) -> Policy:
        part = functools.partial(least, **arguments)
        return policy_with(lambda self, config, num_decoding: part())

    assert content(with_partial(**named)) == content(with_partial(**named))
    assert content(with_partial(**named)) != content(with_partial(low=1))


def giving(number: int) -> Callable[[], int]:
    def give() -> int:
        return number

    return give


def test_it_counts_which_of_two_functions_with_the_same_code_is_asked() -> None:
    none, some = giving(0), giving(1)

    def more_by(ask: Callable[[], int]) -> Policy:
        def initial_budget(self: Any, config: ServingConfig, num_decoding: int) -> int:
            return config.max_num_batched_tokens + (none() + some()) * 0 + ask()

        return policy_with(initial_budget)

    assert content(more_by(none)) == content(more_by(none))
    assert content(more_by(none)) != content(more_by(some))


def test_it_counts_which_of_two_tables_with_the_same_code_is_asked() -> None:
    none, some = (giving(0),), (giving(1),)

    def more_by(table: tuple[Callable[[], int]]) -> Policy:
        def initial_budget(self: Any, config: ServingConfig, num_decoding: int) -> int:
            return config.max_num_batched_tokens + (none[0]() + some[0]()) * 0 + table[0]()

        return policy_with(initial_budget)

    assert content(more_by(none)) == content(more_by(none))
    assert content(more_by(none)) != content(more_by(some))


class Extra(Enum):
    """What a rule adds."""

    share: int

    NONE = 0

    def __init__(self, share: int) -> None:
        self.share = share


@pytest.mark.parametrize("attribute", ["_value_", "share"])
@pytest.mark.parametrize(
    "more",
    [
        lambda self, config, num_decoding: Extra.NONE.value + Extra.NONE.share,
        lambda self, config, num_decoding: Extra(0).value + Extra(0).share,
        lambda self, config, num_decoding: sum(each.value + each.share for each in Extra),
    ],
)
def test_what_a_member_of_an_enum_holds_counts(
    more: Callable[..., Any], attribute: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = policy_with(more)
    before = content(policy)
    assert before is not None
    monkeypatch.setattr(Extra.NONE, attribute, 1)
    assert content(policy) != before


def test_what_is_not_asked_does_not_count() -> None:
    class Named(Slack):
        name = "named"
        summary = "as the other"

        def decode_charge(self, config: ServingConfig) -> int:
            return 1

    assert content(Named(1)) == content(Slack(1))
    assert content_of_rule(Named(1), "decode_charge") != content_of_rule(Slack(1), "decode_charge")


class Holds(ReferencePolicy):
    """Holds something that has no content, and hands itself on."""

    def __init__(self) -> None:
        self.lock = threading.Lock()

    def initial_budget(self, config: ServingConfig, num_decoding: int) -> int:
        return limit_of(self, config)


def limit_of(policy: Policy, config: ServingConfig) -> int:
    return config.max_num_batched_tokens


def test_what_has_no_content_is_neither_proved_nor_remembered() -> None:
    assert content(Holds()) is None
    refusal = read(Holds().initial_budget).refusal
    assert refusal is not None
    assert "lock" in refusal


def test_a_refused_rule_is_not_remembered() -> None:
    assert content(policy_with(lambda self, config, num_decoding: hash(num_decoding))) is None


def question(policy: Policy) -> Question:
    return Question(INVARIANTS["budget_nonnegative"], policy)


def test_a_proof_serves_only_those_whose_rules_are_alike() -> None:
    first = proved(question(Slack(0)))
    assert first.outcome.status is Status.HELD
    assert proved(question(Slack(0))) is first
    assert proved(question(Slack(1))) is not first
    assert proved(question(Slack(1))).outcome.status is Status.VIOLATED


def test_an_object_that_is_changed_is_asked_anew() -> None:
    class Changes(ReferencePolicy):
        name = "changes"
        slack = 0

        def initial_budget(self, config: ServingConfig, num_decoding: int) -> int:
            return super().initial_budget(config, num_decoding) - self.slack

    policy = Changes()
    assert proved(question(policy)).outcome.status is Status.HELD
    policy.slack = 1
    assert proved(question(policy)).outcome.status is Status.VIOLATED
    policy.slack = 0
    assert proved(question(policy)).outcome.status is Status.HELD


class Plain:
    """Is asked by a rule."""

    def share(self) -> int:
        return 0


class Other(Plain):
    """Gives another share."""

    def share(self) -> int:
        return 1


ASKED = Plain()


def test_an_object_that_changes_its_class_is_asked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    policy: Policy = Shared()
    before = content(policy)
    policy.__class__ = SharedMore
    assert content(policy) == content(SharedMore()) != before
    asking = policy_with(lambda self, config, num_decoding: ASKED.share())
    before = content(asking)
    monkeypatch.setattr(ASKED, "__class__", Other)
    assert content(asking) != before


def test_versions_that_share_a_rule_share_its_content() -> None:
    contents = {name: content(POLICIES[name]) for name in ("7623", "7756", "7499")}
    assert contents["7623"] == contents["7756"]
    assert contents["7499"] != contents["7623"]
