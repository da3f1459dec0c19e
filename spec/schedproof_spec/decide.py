"""Decides an invariant for a policy: proved for every state, or refuted by the smallest one."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from schedproof.config import ServingConfig
from schedproof.policies import POLICIES
from schedproof.policy import Policy
from schedproof.scheduler import schedule
from schedproof_spec.crowd import smallest_crowd
from schedproof_spec.domain import Configs, Shape, any_queues, the_config
from schedproof_spec.invariant import Invariant, always
from schedproof_spec.invariants import INVARIANTS
from schedproof_spec.invariants.budget import BUDGET_NONNEGATIVE, budget_is_not_negative
from schedproof_spec.ledger import Claim, Moment, StepFrame, nothing
from schedproof_spec.prover.context import ConcreteContext, Context
from schedproof_spec.prover.prove import Theorem, failures_in, prove, search
from schedproof_spec.prover.verdict import Outcome, Status
from schedproof_spec.summaries import RULES, MergedPolicy
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
    rules: frozenset[str]
    """The policy's rules that it rests on."""
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


Condition = Callable[[ServingConfig], bool]
"""Restricts the configurations that a question is about."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A question under work."""

    invariant: Invariant
    policy: Policy
    config: ServingConfig | None
    condition: Condition
    merged: MergedPolicy
    cost: Cost

    @property
    def configs(self) -> Configs:
        """Every configuration that the question is about."""
        return self._restricted(self.invariant.configs) if self.config is None else the_config(self.config)

    @property
    def searched_configs(self) -> list[Configs]:
        """Where a violation is looked for, in this order."""
        if self.config is not None:
            return [self.configs]
        return [self._restricted(self.invariant.familiar_configs), self.configs]

    def _restricted(self, configs: Configs) -> Configs:
        def draw(ctx: Context, policy: Policy) -> ServingConfig:
            config = configs(ctx, policy)
            ctx.assume(ctx.merged(lambda: self.invariant.applies(config)))
            ctx.assume(ctx.merged(lambda: self.condition(config)))
            return config

        return draw

    def verdict(self, outcome: Outcome, witness: Witness | None) -> Verdict:
        """Put an outcome into words."""
        domain = "every configuration" if self.config is None else "this configuration"
        scope = f"every state of {domain}"
        return Verdict(
            invariant=self.invariant.name,
            policy=self.policy.name,
            status=outcome.status,
            scope=scope,
            message=f"{scope}, with any number of requests" if outcome.status is Status.HELD else outcome.reason,
            witness=witness,
            reached=outcome.reached,
            unreached=outcome.unreached,
            rules=frozenset(self.merged.asked),
            num_paths=self.cost.num_paths,
            solver_ms=self.cost.solver_ms,
        )


_decided: dict[tuple[str, ServingConfig | None], list[tuple[Policy, Verdict]]] = {}


def decide(invariant: Invariant, policy: Policy, config: ServingConfig | None = None) -> Verdict:
    """Decide an invariant for every state of a configuration, or of every configuration when none is given.

    A verdict is reused for a policy that has the very rules that the verdict rests on.
    """
    known = _decided.setdefault((invariant.name, config), [])
    for earlier, result in known:
        if shares_rules(policy, earlier, result.rules):
            return replace(result, policy=policy.name)
    result = decide_anew(invariant, policy, config)
    known.append((policy, result))
    return result


def shares_rules(policy: Policy, other: Policy, rules: frozenset[str]) -> bool:
    """Return whether two policies run the same code for these rules.

    A difference in anything but a rule or a description may matter to any rule, so it counts as one.
    """
    ours, theirs = type(policy), type(other)
    names = {name for name in {*dir(ours), *dir(theirs)} if not name.startswith("_")}
    different = {name for name in names if getattr(ours, name, None) is not getattr(theirs, name, None)}
    described = {"name", "source", "summary"}
    return not different - described - (set(RULES) - rules)


def decide_anew(
    invariant: Invariant, policy: Policy, config: ServingConfig | None = None, where: Condition = always
) -> Verdict:
    """Decide an invariant by proof, and by search where there is none.

    Without a config, for every configuration that satisfies the condition.
    """
    cost = Cost()
    merged = MergedPolicy(policy)
    decision = Decision(invariant, policy, config, where, merged, cost)
    given = known_claim(decision)
    outcome = cost.add(prove(lambda ctx: invariant.proof(ctx, decision.configs, merged, given)))
    if outcome.status is Status.HELD and invariant.existence is not None:
        return decide_existence(decision, given, outcome)
    if outcome.status in (Status.HELD, Status.VACUOUS):
        return decision.verdict(outcome, None)
    found = refute(decision, given)
    if found is not None:
        return decision.verdict(*found)
    crowd = None if config is None else smallest_crowd(invariant, policy, config)
    if crowd is not None:
        return decision.verdict(replace(outcome, status=Status.VIOLATED, reason=invariant.name), crowd)
    bound = max((shape.num_requests for shape in invariant.shapes), default=0)
    limit = f"no proof ({outcome.reason}), and no violation found with up to {bound} requests"
    return decision.verdict(replace(outcome, status=Status.UNDECIDED, reason=limit), None)


def proof_alone(invariant: Invariant, policy: Policy, where: Condition = always) -> Outcome:
    """Return what becomes of an invariant's proofs for every configuration, without looking for a witness."""
    merged = MergedPolicy(policy)
    decision = Decision(invariant, policy, None, where, merged, Cost())
    given = lemma_alone(decision)
    outcome = prove(lambda ctx: invariant.proof(ctx, decision.configs, merged, given))
    if outcome.status is not Status.HELD or invariant.existence is None:
        return outcome
    existence = invariant.existence
    return prove(lambda ctx: existence(ctx, decision.configs, merged, given))


def lemma_alone(decision: Decision) -> Claim:
    """Return the claim of `known_claim`, decided by its proof alone."""
    if decision.invariant is BUDGET_NONNEGATIVE:
        return nothing
    lemma = proof_alone(BUDGET_NONNEGATIVE, decision.policy, decision.condition)
    return nonnegative_budget if lemma.status is Status.HELD else nothing


def refute(decision: Decision, given: Claim) -> tuple[Outcome, Witness] | None:
    """Search for the smallest state that breaks the invariant, domain by domain and shape by shape."""
    merged = decision.merged
    theorems = theorems_about_states(decision.invariant, merged, given)
    for configs, (shape, theorem_in) in itertools.product(decision.searched_configs, theorems.items()):
        theorem = theorem_in(configs)
        found = decision.cost.add(search(theorem))
        if found.values is not None:
            return found, witness_of(theorem, configs, merged, found.values, shape)
    return None


def theorems_about_states(
    invariant: Invariant, policy: Policy, given: Claim
) -> dict[Shape | None, Callable[[Configs], Theorem]]:
    """Return the claims whose refutation is a state: one a shape, or a single one about configurations."""
    if invariant.on_plan is None:
        return {None: lambda configs: lambda ctx: invariant.proof(ctx, configs, policy, given)}
    return {shape: functools.partial(step_theorem, invariant, policy, shape) for shape in invariant.shapes}


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


def decide_existence(decision: Decision, given: Claim, bounded: Outcome) -> Verdict:
    """Decide whether some state attains the bound; if not, prove that no state of a configuration does."""
    existence, absence = decision.invariant.existence, decision.invariant.absence
    merged, cost, configs = decision.merged, decision.cost, decision.configs
    assert existence is not None
    assert absence is not None
    attained = cost.add(search(lambda ctx: existence(ctx, configs, merged, given)))
    if attained.values is None:
        reached, unreached = bounded.reached | attained.reached, bounded.unreached | attained.unreached
        return decision.verdict(replace(attained, reached=reached, unreached=unreached), None)
    witness = Witness(
        config=plain_config(configs(ConcreteContext(attained.values), merged)),
        note="no step reaches what the engine plans for",
    )
    never = cost.add(prove(lambda ctx: absence(ctx, the_config(witness.config), merged, given)))
    if never.status is not Status.HELD:
        reason = f"{attained.reason}, but neither a step that reaches it nor a proof that none does"
        return decision.verdict(replace(attained, status=Status.UNDECIDED, reason=reason), None)
    return decision.verdict(attained, witness)


def known_claim(decision: Decision) -> Claim:
    """Return what other proofs may build on: a budget that is never negative, where that is proved."""
    if decision.invariant is BUDGET_NONNEGATIVE:
        return nothing
    if decision.condition is not always:
        return lemma_alone(decision)
    lemma = decide(BUDGET_NONNEGATIVE, decision.policy, decision.config)
    decision.merged.asked |= lemma.rules
    return nonnegative_budget if lemma.status is Status.HELD else nothing


def nonnegative_budget(moment: Moment, frame: StepFrame) -> bool:
    """Claim `budget_nonnegative`."""
    return budget_is_not_negative(moment.step)


@contextmanager
def without_memory() -> Iterator[None]:
    """Forget earlier verdicts for a while: the code under proof has been changed."""
    kept = dict(_decided)
    _decided.clear()
    try:
        yield
    finally:
        _decided.clear()
        _decided.update(kept)


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


def policy_matrix() -> list[Verdict]:
    """Decide every invariant for every policy, in the order of both."""
    return [decide(invariant, policy) for policy in POLICIES.values() for invariant in INVARIANTS.values()]
