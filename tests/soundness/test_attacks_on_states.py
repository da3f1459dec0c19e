"""Rules that are wrong only in states that a theorem could forget to draw: cached, shared, held, aborted, many."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from schedproof import Queues, ServingConfig, new_request, schedule
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.engines.fastdeploy.reference_policy import ReferencePolicy
from schedproof.engines.fastdeploy.startup import StartupCheck
from schedproof.request import MultimodalItem, Request
from schedproof_spec import INVARIANTS, Status
from schedproof_spec.prover.context import Context
from schedproof_spec.prover.prove import prove
from schedproof_spec.prover.verdict import Outcome
from schedproof_spec.states.domain import any_config
from schedproof_spec.states.merged import MergedPolicy
from schedproof_spec.verdicts.decide import proof_alone
from schedproof_spec.verdicts.question import Question


class WaitsForItsPrefix(ReferencePolicy):
    """Nobody with a cached prefix is admitted."""

    name = "waits-for-its-prefix"

    def may_admit(self, request: Request, budget: int, config: ServingConfig) -> bool:
        return request.num_free_cached_blocks == 0


class WaitsForOthers(ReferencePolicy):
    """Nobody who shares blocks gets on."""

    name = "waits-for-others"

    def next_chunk(self, request: Request, budget: int, config: ServingConfig) -> int:
        return 0 if request.num_shared_blocks > 0 else super().next_chunk(request, budget, config)


class WaitsOnceResumed(ReferencePolicy):
    """Nobody who was preempted is admitted again."""

    name = "waits-once-resumed"

    def may_admit(self, request: Request, budget: int, config: ServingConfig) -> bool:
        return request.num_resumed_tokens == 0


class WaitsAborted(ReferencePolicy):
    """Nobody is admitted whom nobody waits for any more, nor anybody behind it."""

    name = "waits-aborted"
    aborts_when_visited = True

    def may_admit(self, request: Request, budget: int, config: ServingConfig) -> bool:
        return not request.is_aborted


class SharesForFree(ReferencePolicy):
    """A decode that shares blocks gets no more."""

    name = "shares-for-free"

    def decode_blocks(self, request: Request, config: ServingConfig) -> int:
        return 0 if request.num_shared_blocks > 0 else super().decode_blocks(request, config)


class SharesForFreeInChunks(ReferencePolicy):
    """A prompt that shares blocks gets no more."""

    name = "shares-for-free-in-chunks"

    def prefill_blocks(self, request: Request, chunk: int, config: ServingConfig) -> int:
        return 0 if request.num_shared_blocks > 0 else super().prefill_blocks(request, chunk, config)


class WholeWithMuchOutput(ReferencePolicy):
    """A prompt with much output before it is never cut."""

    name = "whole-with-much-output"
    reserves_by_token_ratio = True

    def next_chunk(self, request: Request, budget: int, config: ServingConfig) -> int:
        if request.max_output_tokens > 5:
            return request.num_prefill_tokens_left
        return super().next_chunk(request, budget, config)


class WholeWithThreeItems(ReferencePolicy):
    """A prompt of more than two items is never cut."""

    name = "whole-with-three-items"

    def next_chunk(self, request: Request, budget: int, config: ServingConfig) -> int:
        if len(request.items) > 2:
            return request.num_prefill_tokens_left
        return super().next_chunk(request, budget, config)


class WholeWithNeighbours(ReferencePolicy):
    """A prompt in which an item follows another at once is never cut."""

    name = "whole-with-neighbours"

    def next_chunk(self, request: Request, budget: int, config: ServingConfig) -> int:
        position = -1
        for item in request.items:
            if item.start == position:
                return request.num_prefill_tokens_left
            position = item.end
        return super().next_chunk(request, budget, config)


REFUTED: list[tuple[str, Policy]] = [
    ("progress", WaitsForItsPrefix()),
    ("progress", WaitsForOthers()),
    ("progress", WaitsOnceResumed()),
    ("progress", WaitsAborted()),
    ("blocks_cover_tokens", SharesForFree()),
    ("blocks_cover_tokens", SharesForFreeInChunks()),
]

UNDECIDED: dict[Policy, str] = {
    WholeWithMuchOutput(): "max_output_tokens is read, which this theorem does not draw",
    WholeWithThreeItems(): "in next_chunk: going through a request's items is not supported",
    WholeWithNeighbours(): "in next_chunk: going through a request's items is not supported",
}


@pytest.mark.parametrize(("invariant", "policy"), REFUTED, ids=lambda each: getattr(each, "name", each))
def test_what_depends_on_such_a_state_is_refuted(invariant: str, policy: Policy) -> None:
    assert proof_alone(Question(INVARIANTS[invariant], policy)).status is Status.VIOLATED


@pytest.mark.parametrize("policy", UNDECIDED, ids=lambda policy: policy.name)
def test_what_is_not_drawn_is_undecided(policy: Policy) -> None:
    outcome = proof_alone(Question(INVARIANTS["no_overshoot"], policy))
    assert outcome.status is Status.UNDECIDED
    assert UNDECIDED[policy] in outcome.reason


@pytest.mark.parametrize("policy", UNDECIDED, ids=lambda policy: policy.name)
def test_the_rules_are_wrong(policy: Policy) -> None:
    config = ServingConfig(max_num_batched_tokens=64, max_multimodal_item_tokens=8)
    items = tuple(MultimodalItem(start=8 * i, end=8 * i + 8) for i in range(3))
    request = replace(new_request("a", 4000, items), max_output_tokens=9)
    plan = schedule(Queues(running=(), waiting=(request,), num_free_blocks=10_000), config, policy)
    assert plan.num_tokens(config) > 64


def startup_checks(config: ServingConfig) -> bool:
    return not config.has_router or config.max_num_batched_tokens < 8


def problem(config: ServingConfig) -> str:
    return "lower the limit"


@dataclass(frozen=True)
class Checked(ReferencePolicy):
    """Refuses what its check does not hold for."""

    holds: Callable[[ServingConfig], bool]

    def startup_checks(self) -> tuple[StartupCheck, ...]:
        return (StartupCheck("checked", self.holds, problem),)


def small_limit(policy: Policy) -> Outcome:
    """Decide whether the version starts with small limits alone."""
    merged: Any = MergedPolicy(policy)

    def theorem(ctx: Context) -> None:
        ctx.prove("the limit is small", any_config(ctx, merged).max_num_batched_tokens < 8)

    return prove(theorem)


def test_a_check_with_the_name_of_all_checks_is_read_like_any_other() -> None:
    config = ServingConfig(has_router=False, max_num_batched_tokens=64)
    assert Checked(startup_checks).problems(config) == []
    outcome = small_limit(Checked(startup_checks))
    assert outcome.status is Status.UNDECIDED
    assert "`.has_router` is not supported; no theorem draws it" in outcome.reason


def small(config: ServingConfig) -> bool:
    return config.max_num_batched_tokens < 8


def test_a_check_of_what_is_drawn_is_assumed() -> None:
    assert small_limit(Checked(small)).status is Status.HELD
