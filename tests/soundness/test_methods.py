"""A method is found through the object that it is asked of, as Python finds it."""

from __future__ import annotations

import pytest
from tests.soundness.claims import assert_refused, within_the_limit

from schedproof import ServingConfig
from schedproof.engines.fastdeploy.reference_policy import ReferencePolicy
from schedproof_spec import Status


def asks_type(value: int) -> int:
    return 10**6 if isinstance(value, int) else 0


class Outer(ReferencePolicy):
    """Reaches the question for a type through `super()` and `self`."""

    name = "outer"

    def initial_budget(self, config: ServingConfig, num_decoding: int) -> int:
        return self._taken(num_decoding)

    def _taken(self, value: int) -> int:
        return asks_type(value)


class Inner(Outer):
    """As `Outer`."""

    name = "inner"

    def initial_budget(self, config: ServingConfig, num_decoding: int) -> int:
        return super().initial_budget(config, num_decoding)


class Harmless(Outer):
    """Overrides the helper that asks."""

    name = "harmless"

    def _taken(self, value: int) -> int:
        return -value


@pytest.mark.parametrize("policy", [Outer(), Inner()], ids=lambda policy: policy.name)
def test_methods_are_found_through_the_object(policy: ReferencePolicy) -> None:
    assert_refused(policy, "in asks_type: `isinstance`")


def test_what_is_overridden_is_not_read() -> None:
    assert within_the_limit(Harmless()).status is Status.HELD
