"""Random runs of one engine, for every role and policy.

A run ends by letting the engine finish what it has; under the reference policy each step of that brings the oldest
request closer to its end.
"""

from __future__ import annotations

from collections import Counter

import pytest
from engine_run import EngineRun
from engine_strategies import run_machine

from schedproof import POLICIES, REFERENCE, Ending, Role

IN_ANY_RUN = {"aborted while launched", "aborted while running", str(Ending.ABORTED), str(Ending.FINISHED)}
SITUATIONS = {
    Role.MIXED: IN_ANY_RUN
    | {"chunked", "preempted", "preempted with shared blocks", "resumed", "resumed from the cache"}
    | {"prefix hit on freed blocks", "aborted while waiting", "all drafts accepted", "launched on a forecast"},
    Role.PREFILL: IN_ANY_RUN | {"chunked", "prefix hit on freed blocks", "preallocation refused", "handed over"},
    Role.DECODE: IN_ANY_RUN
    | {"preallocation refused", "aborted while receiving", "dropped", "all drafts accepted"},
}
"""What the drawn runs have to contain, or they test little."""


@pytest.mark.parametrize("role", Role)
def test_any_run_of_the_reference(role: Role) -> None:
    seen: Counter[str] = Counter()
    run_machine(type("ReferenceRun", (EngineRun,), {"role": role, "seen": seen}), max_examples=120)
    assert SITUATIONS[role] - set(+seen) == set()


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("policy_name", [name for name in POLICIES if name != REFERENCE.name])
def test_any_run_of_a_published_version(policy_name: str, role: Role) -> None:
    members = {"policy": POLICIES[policy_name], "role": role, "seen": Counter()}
    run_machine(type("PublishedRun", (EngineRun,), members), max_examples=12)
