"""Rules that overshoot, each through something that a proof could look past: never one of them is called held."""

from __future__ import annotations

import builtins
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from schedproof import REFERENCE, Queues, Role, ServingConfig, new_request, schedule
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.engines.fastdeploy.reference_policy import ReferencePolicy
from schedproof.request import Request
from schedproof_spec import INVARIANTS, Status, decide
from schedproof_spec.verdicts.decide import proof_alone
from schedproof_spec.verdicts.question import Question

LIMIT = ServingConfig(max_num_batched_tokens=64, max_num_seqs=8, max_model_len=8192, num_kv_blocks=10_000)
MUCH = 1000


class WholeText(ReferencePolicy):
    """A prompt without images is never cut."""

    name = "whole-text"

    def next_chunk(self, request: Request, budget: int, config: ServingConfig) -> int:
        if len(request.items) == 0:
            return request.num_prefill_tokens_left
        return super().next_chunk(request, budget, config)


class FriendsFirst(ReferencePolicy):
    """Some ids are never cut."""

    name = "friends-first"

    def next_chunk(self, request: Request, budget: int, config: ServingConfig) -> int:
        if request.request_id.endswith("-friend"):
            return request.num_prefill_tokens_left
        return super().next_chunk(request, budget, config)


class PerReplica(ReferencePolicy):
    """Each replica spends the limit once more."""

    name = "per-replica"

    def initial_budget(self, config: ServingConfig, num_decoding: int) -> int:
        return super().initial_budget(config, num_decoding) + MUCH * (config.data_parallel_size - 1)


@dataclass(frozen=True)
class Generous(ReferencePolicy):
    """How much is given on top is a number of the object."""

    gift: int = 0

    def initial_budget(self, config: ServingConfig, num_decoding: int) -> int:
        return self.gift + super().initial_budget(config, num_decoding)


class Spelled(ReferencePolicy):
    """Asks for the text of a role."""

    name = "spelled"

    def initial_budget(self, config: ServingConfig, num_decoding: int) -> int:
        gift = MUCH if f"{config.role!s}" == "mixed" else 0
        return gift + super().initial_budget(config, num_decoding)


class Typed(ReferencePolicy):
    """Asks whether a number is one."""

    name = "typed"

    def initial_budget(self, config: ServingConfig, num_decoding: int) -> int:
        gift = MUCH if builtins.isinstance(num_decoding, builtins.int) else 0
        return gift + super().initial_budget(config, num_decoding)


class Reader:
    """Makes a number of what is one already."""

    def number(self, value: int) -> int:
        try:
            return len(range(value))
        except TypeError:
            return 0


READER = Reader()


class Catches(ReferencePolicy):
    """Catches what the prover raises."""

    name = "catches"

    def initial_budget(self, config: ServingConfig, num_decoding: int) -> int:
        return super().initial_budget(config, num_decoding) + READER.number(config.max_num_seqs)


class WrongName(ReferencePolicy):
    """Overrides nothing."""

    name = "wrong-name"

    def inital_budget(self, config: ServingConfig, num_decoding: int) -> int:
        return MUCH


def after_the_first(function: Callable[..., int]) -> Callable[..., int]:
    """Count the calls."""
    calls: list[int] = []

    @functools.wraps(function)
    def counted(*arguments: Any) -> int:
        calls.append(1)
        return function(*arguments) + (MUCH if len(calls) > 1 else 0)

    return counted


class Counts(ReferencePolicy):
    """Gives more from its second call on."""

    name = "counts"

    @after_the_first
    def _left(self, config: ServingConfig, num_decoding: int) -> int:
        return super().initial_budget(config, num_decoding)

    def initial_budget(self, config: ServingConfig, num_decoding: int) -> int:
        return self._left(config, num_decoding)


class Silent(ReferencePolicy):
    """Says itself that it starts with every configuration."""

    name = "silent"

    def problems(self, config: ServingConfig) -> list[str]:
        return []


class Swapped(ReferencePolicy):
    """Takes its arguments in another order."""

    name = "swapped"

    def initial_budget(self, num_decoding: Any, config: Any) -> int:
        return MUCH


class Hashed(ReferencePolicy):
    """Remembers what it gave to whom, by hash."""

    name = "hashed"

    @functools.cached_property
    def _gifts(self) -> dict[int, int]:
        return {}

    def initial_budget(self, config: ServingConfig, num_decoding: int) -> int:
        return super().initial_budget(config, num_decoding) + self._gifts.setdefault(hash(config), MUCH)


REFUSED: dict[Policy, str] = {
    FriendsFirst(): "in next_chunk: reading `request_id` is not supported",
    Spelled(): "in initial_budget: an f-string is not supported",
    Typed(): "in initial_budget: `builtins.isinstance` is not supported",
    Catches(): "in number: `try` is not supported",
    WrongName(): "in WrongName: `inital_budget` overrides nothing; did you mean `initial_budget`?",
    Counts(): "in counted: `.append()` of a list that was not made here",
    Silent(): "in Silent: `problems` is overridden",
    Swapped(): "`initial_budget` takes (num_decoding, config), but is asked with (config, num_decoding)",
    Hashed(): "in initial_budget: `self._gifts` is kept between calls; make it a property",
}


@pytest.mark.parametrize("policy", REFUSED, ids=lambda policy: policy.name)
def test_a_wrong_rule_is_refused_with_its_line(policy: Policy) -> None:
    outcome = proof_alone(Question(INVARIANTS["no_overshoot"], policy))
    assert outcome.status is Status.UNDECIDED
    assert "the prover cannot follow: test_wrong_rules.py, line " in outcome.reason
    assert REFUSED[policy] in outcome.reason


@pytest.mark.parametrize(
    "policy", [WholeText(), PerReplica(), Generous(MUCH)], ids=lambda policy: type(policy).__name__
)
def test_a_wrong_rule_is_refuted(policy: Policy) -> None:
    assert proof_alone(Question(INVARIANTS["no_overshoot"], policy)).status is Status.VIOLATED


def test_the_verdict_of_one_object_is_not_that_of_another() -> None:
    assert decide(INVARIANTS["no_overshoot"], Generous(0)).status is Status.HELD
    assert decide(INVARIANTS["no_overshoot"], Generous(MUCH)).status is Status.VIOLATED
    assert decide(INVARIANTS["no_overshoot"], Generous(0)).status is Status.HELD


def test_a_misspelt_rule_is_undecided_whatever_is_asked() -> None:
    """Also where an answer is remembered of a policy with the same rules."""
    assert decide(INVARIANTS["budget_nonnegative"], REFERENCE).status is Status.HELD
    verdict = decide(INVARIANTS["budget_nonnegative"], WrongName())
    assert verdict.status is Status.UNDECIDED
    assert "did you mean `initial_budget`?" in verdict.message


RULES = (WholeText(), Spelled(), Typed(), Catches(), Generous(MUCH), Hashed())


@pytest.mark.parametrize("policy", RULES, ids=[type(rule).__name__ for rule in RULES])
def test_the_rules_are_wrong(policy: Policy) -> None:
    """On numbers, more than the limit runs."""
    queues = Queues(running=(), waiting=(new_request("a", 4000),), num_free_blocks=10_000)
    assert schedule(queues, LIMIT, policy).num_tokens(LIMIT) > LIMIT.max_num_batched_tokens
    assert LIMIT.role is Role.MIXED
