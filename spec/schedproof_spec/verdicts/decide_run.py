"""Decides an invariant of an engine over many steps: proved event by event, or refuted by a short run."""

from __future__ import annotations

import functools
from collections.abc import Hashable
from dataclasses import dataclass, replace

from schedproof.engines.fastdeploy.policies import POLICIES
from schedproof.engines.fastdeploy.policy import Policy
from schedproof_spec.invariants import RUN_INVARIANTS
from schedproof_spec.prover.context import RecordingContext
from schedproof_spec.prover.prove import failures_in, last_of, prove, search
from schedproof_spec.prover.verdict import Outcome, Status
from schedproof_spec.run_invariant import RunInvariant
from schedproof_spec.states.merged import MergedPolicy
from schedproof_spec.states.runs import SHAPES, RunShape, any_arrivals, any_run_config, run_theorem
from schedproof_spec.verdicts.run_witness import RunWitness
from schedproof_spec.verdicts.verdict_cache import Memory
from schedproof_spec.verdicts.witness import plain_config


@dataclass(frozen=True, slots=True, kw_only=True)
class RunVerdict:
    """What is known about an invariant over many steps under a policy."""

    invariant: str
    policy: str
    status: Status
    scope: str
    """The states that the proof speaks of."""
    message: str
    witness: RunWitness | None
    reached: frozenset[str]
    """Claims of the proof that some state gets to."""
    unreached: frozenset[str]
    """Claims that hold only because no state gets to them."""
    rules: frozenset[str]
    """The policy's rules that it rests on."""
    num_paths: int
    solver_ms: float


@dataclass(frozen=True, slots=True)
class RunQuestion:
    """An invariant and a policy."""

    invariant: RunInvariant
    policy: Policy

    @property
    def key(self) -> Hashable:
        """What it asks, whatever the policy."""
        return self.invariant.name


_decided: Memory[RunVerdict] = Memory("run")


def decide_run(invariant: RunInvariant, policy: Policy) -> RunVerdict:
    """Decide an invariant for whatever happens to an engine, under every configuration that it accepts."""
    question = RunQuestion(invariant, policy)
    known = _decided.recall(question)
    if known is None:
        known = decide_anew(question)
        _decided.keep(question, known.rules, known)
    return replace(known, policy=policy.name)


def decide_anew(question: RunQuestion) -> RunVerdict:
    """Decide by proof; where there is none, by a search for the shortest run."""
    invariant, policy = question.invariant, MergedPolicy(question.policy)
    outcomes = [prove(lambda ctx: invariant.proof(ctx, policy))]
    witness = None
    if outcomes[0].status is Status.VIOLATED and invariant.on_step is not None:
        for shape in SHAPES:
            found, witness = shortest_run(invariant, policy, shape)
            outcomes.append(found)
            if witness is not None:
                break
    return verdict(question, policy, outcomes, witness)


def shortest_run(
    invariant: RunInvariant, policy: MergedPolicy, shape: RunShape
) -> tuple[Outcome, RunWitness | None]:
    """Search the runs of a shape for the smallest that breaks the invariant."""
    assert invariant.on_step is not None
    theorem = functools.partial(
        run_theorem, policy=policy, shape=shape, label=invariant.name, statement=invariant.on_step
    )
    found = search(theorem)
    if found.values is None:
        return found, None
    recorded = RecordingContext(found.values)
    failures_in(theorem, recorded)
    return found, run_of(RecordingContext(found.values), recorded.drawn, policy, shape)


def run_of(ctx: RecordingContext, drawn: dict[str, None], policy: Policy, shape: RunShape) -> RunWitness:
    """Return the run that these numbers stand for."""
    config = plain_config(any_run_config(ctx, policy, shape.enc_dec_block_num))
    arrivals = tuple(any_arrivals(ctx, shape.num_requests, config))
    accepted: list[dict[str, int]] = [{} for _ in range(shape.num_steps)]
    for number in range(shape.num_steps):
        for arrival in arrivals:
            name = f"steps[{number}].{arrival.request_id}.num_accepted_drafts"
            if name in drawn and ctx.values[name] > 0:
                accepted[number][arrival.request_id] = ctx.values[name]
    return RunWitness(config=config, arrivals=arrivals, num_accepted_drafts=tuple(accepted))


def verdict(
    question: RunQuestion, policy: MergedPolicy, outcomes: list[Outcome], witness: RunWitness | None
) -> RunVerdict:
    """Put the outcomes into words."""
    proof, invariant = outcomes[0], question.invariant
    status, message = proof.status, proof.reason
    if status is Status.HELD:
        message = invariant.scope
    elif witness is not None:
        message = replace(last_of(outcomes), reason=f"this does not hold: {proof.reason}").message
    elif status is Status.VIOLATED:
        status = Status.UNDECIDED
        message = f"no proof ({proof.reason}), and no run found that breaks it"
    return RunVerdict(
        invariant=invariant.name,
        policy=question.policy.name,
        status=status,
        scope=invariant.scope,
        message=message,
        witness=witness,
        reached=proof.reached,
        unreached=proof.unreached,
        rules=frozenset(policy.asked),
        num_paths=sum(outcome.num_paths for outcome in outcomes),
        solver_ms=sum(outcome.solver_ms for outcome in outcomes),
    )


def run_matrix() -> list[RunVerdict]:
    """Decide every invariant of an engine over many steps for every policy, in the order of both."""
    return [decide_run(invariant, policy) for policy in POLICIES.values() for invariant in RUN_INVARIANTS.values()]
