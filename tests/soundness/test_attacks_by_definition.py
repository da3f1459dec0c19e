"""What runs when a function is defined: its annotations, and defaults that somebody changes afterwards.

This module's annotations run, because it does not import them from the future.
"""

from dataclasses import dataclass
from typing import Any

import pytest
from tests.soundness.claims import assert_refused, policy_with, within_the_limit

from schedproof import ServingConfig
from schedproof_spec import Status
from schedproof_spec.prover.subset.reading import read

CALLS: list[int] = []


class Counts:
    """Counts how often it is named."""

    def __getitem__(self, name: str) -> type:
        CALLS.append(1)
        return int

    @property
    def number(self) -> type:
        """See `Counts`."""
        CALLS.append(1)
        return int

    def __or__(self, other: type) -> type:
        CALLS.append(1)
        return int


COUNTS: Any = Counts()


def by_a_part(self: Any, config: ServingConfig, num_decoding: int) -> int:
    def limit(value: COUNTS["a"]) -> int:  # noqa: F821
        return value if len(CALLS) < 50 else 10**6  # type: ignore[no-any-return]

    return limit(config.max_num_batched_tokens)


def by_an_attribute(self: Any, config: ServingConfig, num_decoding: int) -> int:
    def limit(value: int) -> COUNTS.number:
        return value if len(CALLS) < 50 else 10**6

    return int(limit(config.max_num_batched_tokens) + 0)


def by_an_operator(self: Any, config: ServingConfig, num_decoding: int) -> int:
    def limit(value: COUNTS | int) -> int:
        return value if len(CALLS) < 50 else 10**6  # type: ignore[no-any-return]

    return limit(config.max_num_batched_tokens)


@pytest.mark.parametrize("rule", [by_a_part, by_an_attribute, by_an_operator], ids=lambda rule: rule.__name__)
def test_an_annotation_that_runs_is_refused(rule: Any) -> None:
    assert_refused(policy_with(rule), f"in {rule.__name__}: an annotation that is more than a name")
    for _ in range(60):
        given = rule(None, ServingConfig(max_num_batched_tokens=64), 0)
    assert given == 10**6
    CALLS.clear()


def raised(value: int, *, gift: int = 0) -> int:
    return value + gift


def by_a_named_default(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return raised(config.max_num_batched_tokens)


def test_a_named_default_that_changes_is_read_again() -> None:
    before = read(by_a_named_default)
    named = raised.__kwdefaults__
    named["gift"] = 1
    try:
        assert read(by_a_named_default).content != before.content
    finally:
        named["gift"] = 0


@dataclass(frozen=True)
class Step:
    """Tokens that are left."""

    limit: int
    taken: int

    def rest(self) -> int:
        """Return what is left."""
        return self.limit - self.taken


class NoStep(Step):
    """Overrides, and has the fields of its base."""

    def rest(self) -> int:
        """Return all."""
        return self.limit


def by_a_class_below_a_dataclass(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return NoStep(config.max_num_batched_tokens, num_decoding).rest()


def test_a_class_below_a_dataclass_may_take_part() -> None:
    assert within_the_limit(policy_with(by_a_class_below_a_dataclass)).status is Status.HELD
