"""What to replay, and the replay of one policy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from schedproof import Ending, Engine, Policy, RequestRefusedError, ServingConfig
from schedproof_gate.replay.acceptance import Acceptance
from schedproof_gate.replay.checks import checks_of
from schedproof_gate.replay.measurements import Measurements, Meter
from schedproof_gate.replay.nodes import NODES, Node, RefusedForNowError
from schedproof_gate.replay.simulation import SimulatedStep, Simulation
from schedproof_gate.replay.step_time import StepTime
from schedproof_gate.replay.workloads.arrival import Arrival
from schedproof_gate.replay.workloads.formats import Workload

STEPS_PER_REPORT = 64
"""Steps between two reports of progress."""

Watch = Callable[[SimulatedStep], None]
Progress = Callable[[int], None]
"""Told how many requests have ended or were refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayPlan:
    """A trace, a configuration, and everything that a replay assumes; the same plan gives the same run."""

    workload: Workload
    config: ServingConfig
    step_time: StepTime
    acceptance_rate: float
    seed: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that the engine can never serve."""

    arrival: Arrival
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What a trace holds, before anything runs."""

    num_requests: int
    num_prompt_tokens: int
    max_new_tokens: int
    duration_us: int
    """From the first arrival to the last."""
    num_refused: int
    first_refusal: Refusal | None


def survey(plan: ReplayPlan, policy: Policy | None) -> Survey:
    """Read a whole trace, and ask an idle engine about each request, if there is a policy that starts.

    Raises:
        InputError: the trace cannot be read to its end.
    """
    node = None if policy is None else node_with(SurveyedEngine(plan.config, policy), plan)
    num_requests = num_prompt_tokens = max_new_tokens = duration_us = num_refused = 0
    first_refusal: Refusal | None = None
    for arrival_us, arrival in plan.workload.arrivals():
        num_requests += 1
        num_prompt_tokens += arrival.num_prompt_tokens
        max_new_tokens += arrival.max_new_tokens
        duration_us = arrival_us
        reason = None if node is None else reason_to_refuse(node, arrival)
        if reason is not None:
            num_refused += 1
            first_refusal = first_refusal or Refusal(arrival, reason)
    return Survey(
        num_requests=num_requests,
        num_prompt_tokens=num_prompt_tokens,
        max_new_tokens=max_new_tokens,
        duration_us=duration_us,
        num_refused=num_refused,
        first_refusal=first_refusal,
    )


def reason_to_refuse(node: Node, arrival: Arrival) -> str | None:
    """Return why an idle engine does not take a request, and leave the engine idle."""
    try:
        node.let_in(arrival, now_us=0)
    except RequestRefusedError as error:
        return str(error)
    except RefusedForNowError:
        return f"request {arrival.request_id!r}: the idle engine refuses it"
    assert isinstance(node.engine, SurveyedEngine)
    node.engine.take_back(arrival.request_id)
    return None


class SurveyedEngine(Engine):
    """An engine that lets go of a request as if it had never come: some versions' aborts take a step or more."""

    def take_back(self, request_id: str) -> None:
        """Leave the engine as it was before the request."""
        self.end(request_id, Ending.ABORTED)


def node_with(engine: Engine, plan: ReplayPlan) -> Node:
    """Return an engine in its role."""
    return NODES[plan.config.role](engine, plan.step_time)


def replay_policy(
    plan: ReplayPlan, policy: Policy, progress: Progress, watches: tuple[Watch, ...] = ()
) -> Measurements:
    """Run a whole trace under one policy.

    Raises:
        InputError: the trace cannot be read to its end.
    """
    checks = checks_of(plan.config, policy)
    acceptance = Acceptance(plan.acceptance_rate, plan.config.tokens_per_seq - 1, plan.seed)
    simulation = Simulation(
        node_with(Engine(plan.config, policy), plan), plan.workload.arrivals(), acceptance, checks
    )
    meter = Meter(plan.config, tuple(check.name for check in checks))
    for step in simulation.steps():
        meter.add(step)
        for watch in watches:
            watch(step)
        if step.index % STEPS_PER_REPORT == 0:
            progress(simulation.num_done)
    progress(simulation.num_done)
    return meter.finish(simulation)
