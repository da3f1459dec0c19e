"""A policy overrides rules by their names and signatures, and nothing else."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from schedproof import POLICIES, ServingConfig
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.engines.fastdeploy.reference_policy import ReferencePolicy
from schedproof_spec.prover.subset.policies import HABITS, RULES, policy_problem


class Misspelt(ReferencePolicy):
    def keep_visiting(self, budget: int) -> bool:
        return budget > 0


class MisspeltHabit(ReferencePolicy):
    keep_slot_of_preempted = True


class PublicHelper(ReferencePolicy):
    def half(self, config: ServingConfig) -> int:
        return config.max_num_batched_tokens // 2


class PublicProperty(ReferencePolicy):
    @property
    def share(self) -> int:
        return 2


class BelowAnother(Misspelt):
    pass


class FewerParameters(ReferencePolicy):
    def decode_charge(self) -> int:  # type: ignore[override]
        return 0


class MoreParameters(ReferencePolicy):
    def decode_charge(self, config: ServingConfig, *, scale: int = 1) -> int:
        return scale


class AnyParameters(ReferencePolicy):
    def decode_charge(self, *arguments: Any) -> int:
        return len(arguments)


class OtherNames(ReferencePolicy):
    def next_chunk(self, request: Any, config: Any, budget: Any) -> int:
        return int(budget)


class AsProperty(ReferencePolicy):
    @property
    def decode_charge(self) -> Any:  # type: ignore[override]
        return lambda config: 0


class AsConstant(ReferencePolicy):
    decode_charge = 0  # type: ignore[assignment]


class HabitAsProperty(ReferencePolicy):
    @property
    def relaxes_reserve(self) -> bool:  # type: ignore[override]
        return True


class HabitAsNumber(ReferencePolicy):
    relaxes_reserve = 1  # type: ignore[assignment]


class Accepts(ReferencePolicy):
    def problems(self, config: ServingConfig) -> list[str]:
        return []


class OnTheObject(ReferencePolicy):
    def __init__(self) -> None:
        self.decode_charge = lambda config: 0  # type: ignore[method-assign]


class AnyAttribute(ReferencePolicy):
    def __getattr__(self, name: str) -> int:
        return 0


WRONG = {
    Misspelt: "`keep_visiting` overrides nothing; did you mean `keeps_visiting`?",
    BelowAnother: "in Misspelt: `keep_visiting` overrides nothing",
    MisspeltHabit: "`keep_slot_of_preempted` overrides nothing; did you mean `keeps_slot_of_preempted`?",
    PublicHelper: "`half` overrides nothing",
    PublicProperty: "`share` overrides nothing",
    FewerParameters: "`decode_charge` takes (), but is asked with (config)",
    MoreParameters: "`decode_charge` takes (config, *, scale), but is asked with (config)",
    AnyParameters: "`decode_charge` takes (*arguments), but is asked with (config)",
    OtherNames: "`next_chunk` takes (request, config, budget), but is asked with (request, budget, config)",
    AsProperty: "`decode_charge` is overridden by something that is not a plain method",
    AsConstant: "`decode_charge` is overridden by something that is not a plain method",
    HabitAsProperty: "`relaxes_reserve` has to be True or False",
    HabitAsNumber: "`relaxes_reserve` has to be True or False",
    Accepts: "`problems` is overridden",
    OnTheObject: "`decode_charge` is set on the object",
    AnyAttribute: "`AnyAttribute` defines `__getattr__`",
}


@pytest.mark.parametrize("kind", WRONG, ids=lambda kind: kind.__name__)
def test_what_is_wrong_is_named_with_its_place(kind: type[Policy]) -> None:
    problem = policy_problem(kind())
    assert problem is not None
    assert problem.startswith("test_policies_as_a_whole.py, ") or "class " in problem
    assert WRONG[kind] in problem


class Right(ReferencePolicy):
    name = "right"
    source = "a person"
    summary = "charges nothing"
    share: ClassVar[int] = 2
    relaxes_reserve = True

    def __init__(self, slack: int) -> None:
        self.slack = slack

    def decode_charge(self, config: ServingConfig) -> int:
        return 0

    def _half(self, config: ServingConfig) -> int:
        return config.max_num_batched_tokens // 2


@pytest.mark.parametrize("policy", [Right(1), *POLICIES.values()], ids=lambda policy: policy.name)
def test_what_is_right_has_no_problem(policy: Policy) -> None:
    assert policy_problem(policy) is None


def test_rules_and_habits_are_all_that_a_policy_has() -> None:
    public = {name for name in vars(Policy) if not name.startswith("_")}
    assert public == {*RULES, *HABITS, "problems"}
