"""A rule whose cases a proof would miss is not proved."""

from collections.abc import Callable
from contextlib import suppress

import pytest

from schedproof import Role, ServingConfig
from schedproof.engines.fastdeploy.reference_policy import ReferencePolicy
from schedproof.engines.fastdeploy.startup import StartupCheck
from schedproof_spec import INVARIANTS, Status, decide
from schedproof_spec.prover.blind_spots import refuse_blind_spots
from schedproof_spec.prover.symbolic import UnsupportedError

Rule = Callable[[ServingConfig, int], int]


def decodes(config: ServingConfig) -> bool:
    return config.role is not Role.PREFILL


def by_identity(config: ServingConfig, num_decoding: int) -> int:
    return 0 if config.role is Role.DECODE else config.max_num_batched_tokens


def by_identity_elsewhere(config: ServingConfig, num_decoding: int) -> int:
    return config.max_num_batched_tokens if decodes(config) else 0


def by_identity_inside(config: ServingConfig, num_decoding: int) -> int:
    return sum(1 for role in Role if role is config.role)


def by_type(config: ServingConfig, num_decoding: int) -> int:
    return num_decoding if isinstance(num_decoding, int) else 0


def by_handler(config: ServingConfig, num_decoding: int) -> int:
    try:
        return len(range(num_decoding))
    except Exception:
        return 0


def by_context_manager(config: ServingConfig, num_decoding: int) -> int:
    with suppress(Exception):
        return len(range(num_decoding))
    return 0


def in_plain_sight(config: ServingConfig, num_decoding: int) -> int:
    """What a rule may do."""
    is_fast = config.speculation is not None and config.role == Role.DECODE
    others = [tokens for tokens in (1, 2, 3) if tokens is not None]
    if config.num_kv_blocks is None or is_fast:
        return max(config.max_num_batched_tokens - num_decoding * config.tokens_per_seq, sum(others))
    return min((lambda left: left)(config.block_size), 7)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (by_identity, r"test_blind_spots.py, line 23, in by_identity: `is` tells a symbol"),
        (by_identity_elsewhere, r"line 19, in decodes: `is`"),
        (by_identity_inside, r"line 31, in .*: `is`"),
        (by_type, r"line 35, in by_type: `isinstance` sees"),
        (by_handler, r"in by_handler: `try` and `with`"),
        (by_context_manager, r"in by_context_manager: `try` and `with`"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_the_prover_cannot_see_is_refused(rule: Rule, words: str) -> None:
    with pytest.raises(UnsupportedError, match=words):
        refuse_blind_spots(rule)


def test_what_it_sees_is_not() -> None:
    refuse_blind_spots(in_plain_sight)


class Blind(ReferencePolicy):
    """Gives a decode node no budget, and hides it from the prover."""

    name = "blind"

    def initial_budget(self, config: ServingConfig, num_decoding: int) -> int:
        """See `by_identity`."""
        return self.hidden(config, num_decoding)

    def hidden(self, config: ServingConfig, num_decoding: int) -> int:
        """Return what a helper returns."""
        return by_identity(config, num_decoding)


class BlindCheck(ReferencePolicy):
    """Refuses decode nodes, and hides it from the prover."""

    name = "blind-check"

    def startup_checks(self) -> tuple[StartupCheck, ...]:
        """Return a check by identity."""
        return (StartupCheck("mixed", lambda config: config.role is not Role.DECODE, lambda config: "no"),)


@pytest.mark.parametrize("policy", [Blind(), BlindCheck()], ids=lambda policy: policy.name)
def test_a_policy_that_hides_something_is_not_proved(policy: ReferencePolicy) -> None:
    verdict = decide(INVARIANTS["budget_nonnegative"], policy)
    assert verdict.status is Status.UNDECIDED
    assert "the prover cannot follow: test_blind_spots.py, line " in verdict.message
