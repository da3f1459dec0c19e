"""Decides an invariant for a policy: proved for every state, or refuted by the smallest one."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from schedproof.config import Role, ServingConfig
from schedproof.policy import Policy
from schedproof.scheduler import schedule
from schedproof_spec.domain import Configs, Shape, any_queues, the_config
from schedproof_spec.invariant import Invariant
from schedproof_spec.invariants import INVARIANTS
from schedproof_spec.invariants.budget import BUDGET_NONNEGATIVE, budget_is_not_negative
from schedproof_spec.ledger import Claim, Moment, StepFrame, by_induction, nothing
from schedproof_spec.prover.context import ConcreteContext, Context
from schedproof_spec.prover.prove import Theorem, failures_in, prove, search
from schedproof_spec.prover.verdict import Outcome, Status
from schedproof_spec.summaries import MergedPolicy
from schedproof_spec.witness import Witness, plain_config


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is known about an invariant under a policy."""

    invariant: str
    policy: str
    status: Status
    scope: str
    """The states that the status speaks of."""
    message: str
    witness: Witness | None
    reached: frozenset[str]
    """Claims of the proof that some state gets to."""
    unreached: frozenset[str]
    """Claims that hold only because no state gets to them."""
    num_paths: int
    solver_ms: float


@dataclass(slots=True)
class Cost:
    """What the explorations behind a verdict cost together."""

    num_paths: int = 0
    solver_ms: float = 0.0

    def add(self, outcome: Outcome) -> Outcome:
        """Count an exploration."""
        self.num_paths += outcome.num_paths
        self.solver_ms += outcome.solver_ms
        return outcome


@functools.lru_cache(maxsize=4096)
def decide(invariant: Invariant, policy: Policy, config: ServingConfig | None = None) -> Verdict:
    """Decide an invariant for every state of a configuration, or of every configuration when none is given."""
    cost = Cost()
    configs = restricted(invariant.configs, invariant) if config is None else the_config(config)
    given = known_claim(invariant, policy, config)
    merged = MergedPolicy(policy)
    outcome = cost.add(prove(lambda ctx: invariant.proof(ctx, configs, merged, given)))
    if outcome.status is Status.HELD and invariant.existence is not None:
        return decide_existence(invariant, policy, configs, config, outcome, cost)
    if outcome.status in (Status.HELD, Status.VACUOUS):
        return verdict(invariant, policy, config, outcome, cost, None)
    domains = [configs] if config is not None else [restricted(invariant.familiar_configs, invariant), configs]
    theorems = theorems_about_states(invariant, merged, given)
    for searched, (shape, theorem_in) in itertools.product(domains, theorems.items()):
        found = cost.add(search(theorem_in(searched)))
        if found.values is not None:
            witness = witness_of(theorem_in(searched), searched, merged, found.values, shape)
            return verdict(invariant, policy, config, found, cost, witness)
    bound = max((shape.num_requests for shape in invariant.shapes), default=0)
    limit = f"no proof ({outcome.reason}), and no violation with up to {bound} requests"
    undecided = replace(outcome, status=Status.UNDECIDED, reason=limit)
    return verdict(invariant, policy, config, undecided, cost, None)


def theorems_about_states(
    invariant: Invariant, policy: Policy, given: Claim
) -> dict[Shape | None, Callable[[Configs], Theorem]]:
    """Return the claims whose refutation is a state: one a shape, or a single one about configurations."""
    if invariant.on_plan is None:
        return {None: lambda configs: lambda ctx: invariant.proof(ctx, configs, policy, given)}
    return {
        shape: functools.partial(step_theorem, invariant, policy, shape) for shape in invariant.shapes
    }


def step_theorem(invariant: Invariant, policy: Policy, shape: Shape, configs: Configs) -> Theorem:
    """Return the claim that every planned step of this shape keeps the invariant."""

    def theorem(ctx: Context) -> None:
        config = configs(ctx, policy)
        queues = any_queues(ctx, config, shape)
        plan = schedule(queues, config, policy)
        assert invariant.on_plan is not None
        on_plan = invariant.on_plan
        ctx.prove(invariant.name, ctx.merged(lambda: on_plan(plan, queues, config, policy)))

    return theorem


def decide_existence(
    invariant: Invariant,
    policy: Policy,
    configs: Configs,
    config: ServingConfig | None,
    bounded: Outcome,
    cost: Cost,
) -> Verdict:
    """Decide whether some state attains the bound; if not, prove that no state of a configuration does."""
    assert invariant.existence is not None
    existence = invariant.existence
    merged = MergedPolicy(policy)
    attained = cost.add(search(lambda ctx: existence(ctx, configs, merged, nothing)))
    if attained.values is None:
        both = replace(attained, reached=bounded.reached | attained.reached)
        return verdict(invariant, policy, config, both, cost, None)
    witness = Witness(
        config=plain_config(configs(ConcreteContext(attained.values), merged)),
        note="no step reaches what the engine plans for",
    )
    below = cost.add(prove(lambda ctx: prove_below_capacity(ctx, the_config(witness.config), merged)))
    if below.status is not Status.HELD:
        reason = f"{attained.reason}, but neither a step that reaches it nor a proof that none does"
        attained = replace(attained, status=Status.UNDECIDED, reason=reason)
    return verdict(invariant, policy, config, attained, cost, witness)


def prove_below_capacity(ctx: Context, configs: Configs, policy: Policy) -> None:
    """No step reaches the capacity, by induction over the turns of a step."""
    by_induction(
        ctx,
        configs,
        policy,
        lambda moment, frame: is_below_capacity(moment, frame, policy),
        nothing,
    )


def is_below_capacity(moment: Moment, frame: StepFrame, policy: Policy) -> bool:
    """The step runs less than the engine plans for, and so does every step with these decodes."""
    config, step = frame.config, moment.step
    capacity = policy.max_chunk_tokens(config)
    at_first = frame.num_decoding * config.tokens_per_seq + frame.initial_budget
    at_last = step.num_tokens(config) + step.budget
    return step.num_tokens(config) < capacity and (
        config.role == Role.DECODE or at_last < capacity or at_first < capacity
    )


def known_claim(invariant: Invariant, policy: Policy, config: ServingConfig | None) -> Claim:
    """Return what other proofs may build on: a budget that is never negative, where that is proved."""
    if invariant is BUDGET_NONNEGATIVE or decide(BUDGET_NONNEGATIVE, policy, config).status is not Status.HELD:
        return nothing
    return lambda moment, frame: budget_is_not_negative(moment.step)


def restricted(configs: Configs, invariant: Invariant) -> Configs:
    """Return the configurations to which an invariant applies."""

    def draw(ctx: Context, policy: Policy) -> ServingConfig:
        config = configs(ctx, policy)
        ctx.assume(ctx.merged(lambda: invariant.applies(config)))
        return config

    return draw


def witness_of(
    theorem: Theorem, configs: Configs, policy: Policy, values: Mapping[str, int], shape: Shape | None
) -> Witness:
    """Return the state that these numbers stand for."""
    ctx = RecordingContext(values)
    config = configs(ctx, policy)
    if shape is not None:
        return Witness(config=plain_config(config), queues=any_queues(ctx, config, shape))
    whole = RecordingContext(values)
    failures_in(theorem, whole)
    numbers = {name: values[name] for name in whole.drawn if name not in ctx.drawn}
    return Witness(config=plain_config(config), numbers=numbers)


class RecordingContext(ConcreteContext):
    """Remembers which numbers were drawn."""

    def __init__(self, values: Mapping[str, int]) -> None:
        super().__init__(values)
        self.drawn: dict[str, None] = {}

    def integer(self, name: str, low: int | None = None, high: int | None = None) -> int:
        """Return the given number."""
        self.drawn[name] = None
        return super().integer(name, low, high)

    def boolean(self, name: str) -> bool:
        """Return the given truth value."""
        self.drawn[name] = None
        return super().boolean(name)

    def member(self, name: str, enum: Any) -> Any:
        """Return the member with the given index."""
        self.drawn[name] = None
        return super().member(name, enum)

    def one_of(self, name: str, values: Any) -> Any:
        """Return the value with the given index."""
        self.drawn[name] = None
        return super().one_of(name, values)


def verdict(
    invariant: Invariant,
    policy: Policy,
    config: ServingConfig | None,
    outcome: Outcome,
    cost: Cost,
    witness: Witness | None,
) -> Verdict:
    """Put an outcome into words."""
    states = "every state of every configuration" if config is None else "every state of this configuration"
    messages = {
        Status.HELD: f"{states}, with any number of requests",
        Status.VIOLATED: outcome.reason,
        Status.UNDECIDED: outcome.reason,
        Status.VACUOUS: outcome.reason,
    }
    return Verdict(
        invariant=invariant.name,
        policy=policy.name,
        status=outcome.status,
        scope=states,
        message=messages[outcome.status],
        witness=witness,
        reached=outcome.reached,
        unreached=outcome.unreached,
        num_paths=cost.num_paths,
        solver_ms=cost.solver_ms,
    )


def policy_matrix(policies: Mapping[str, Policy]) -> list[Verdict]:
    """Decide every invariant for every policy."""
    return [decide(invariant, policy) for policy in policies.values() for invariant in INVARIANTS.values()]
