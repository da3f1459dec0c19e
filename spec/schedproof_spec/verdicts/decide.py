"""Decides an invariant for a policy: proved for every state that an engine gets to, or broken by a run."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.engines.fastdeploy.policy import Policy
from schedproof_spec.invariant import Invariant
from schedproof_spec.prover.context import ConcreteContext
from schedproof_spec.prover.prove import last_of, prove, search
from schedproof_spec.prover.subset.policies import policy_problem
from schedproof_spec.prover.verdict import Outcome, Status
from schedproof_spec.states.domain import the_config
from schedproof_spec.states.merged import MergedPolicy
from schedproof_spec.verdicts.find_numbers import find_numbers
from schedproof_spec.verdicts.find_run import find_run
from schedproof_spec.verdicts.proved import Proved, proved, proved_or_refuted
from schedproof_spec.verdicts.question import Condition, Question
from schedproof_spec.verdicts.verdict_cache import VerdictCache
from schedproof_spec.verdicts.witness import ConfigWitness, Witness, plain_config


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
    builds_on: str | None
    """The invariant that its proof takes for granted, proved for the same policy and configurations."""


_decided: VerdictCache[Verdict] = VerdictCache("verdict")


def decide(invariant: Invariant, policy: Policy, config: ServingConfig | None = None) -> Verdict:
    """Decide an invariant for one configuration, or for every configuration when none is given."""
    return answer(Question(invariant, policy, config))


def decide_where(invariant: Invariant, policy: Policy, condition: Condition) -> Verdict:
    """Decide an invariant for every configuration that satisfies a condition."""
    return answer(Question(invariant, policy, condition=condition))


def answer(question: Question) -> Verdict:
    """Answer a question, or remember the answer that an equal policy got.

    A policy that is wrong as a whole shares no answer: what is wrong may be a rule that nobody asks.
    """
    if policy_problem(question.policy) is not None:
        refusal = proved(question).outcome
        return Decision(question, MergedPolicy(question.policy), refusal).verdict(refusal, None)
    known = _decided.recall(question)
    if known is None:
        known = decide_anew(question)
        _decided.keep(question, known.rules, known)
    return replace(known, policy=question.policy.name)


@dataclass(slots=True)
class Decision:
    """A question under work."""

    question: Question
    policy: MergedPolicy
    proof: Outcome
    builds_on: str | None = None
    explored: list[Outcome] = field(default_factory=list)

    def verdict(self, outcome: Outcome, witness: Witness | None) -> Verdict:
        """Put an outcome into words."""
        return Verdict(
            invariant=self.question.invariant.name,
            policy=self.question.policy.name,
            status=outcome.status,
            scope=self.question.scope,
            message=self.question.scope if outcome.status is Status.HELD else outcome.message,
            witness=witness,
            reached=outcome.reached,
            unreached=outcome.unreached,
            rules=frozenset(self.policy.asked),
            num_paths=sum(explored.num_paths for explored in (self.proof, *self.explored)),
            solver_ms=sum(explored.solver_ms for explored in (self.proof, *self.explored)),
            builds_on=self.builds_on,
        )

    def found(self, witness: Witness, reason: str) -> Verdict:
        """Return the verdict that a witness gives, with what was refuted."""
        return self.verdict(replace(self.proof, status=Status.VIOLATED, reason=reason), witness)

    def undecided(self, reason: str) -> Verdict:
        """Return the verdict where there is neither a proof nor a witness."""
        return self.verdict(replace(self.proof, status=Status.UNDECIDED, reason=reason), None)


def decide_anew(question: Question) -> Verdict:
    """Decide a question by proof, and where there is none by a search for a witness."""
    proof = proved(question)
    lemma = None if proof.lemma is None else proof.lemma.name
    decision = Decision(question, MergedPolicy(question.policy), proof.outcome, lemma)
    decision.policy.asked |= proof.rules
    if proof.outcome.status is Status.HELD and question.invariant.existence is not None:
        return decide_existence(decision, proof)
    if proof.outcome.status in (Status.HELD, Status.VACUOUS):
        return decision.verdict(proof.outcome, None)
    if question.invariant.on_run is None:
        return decide_numbers(decision, proof)
    found = find_run(question, decision.policy)
    decision.explored += found.searches
    if found.witness is None:
        return decision.undecided(
            f"no proof ({proof.outcome.reason}), and no run found that breaks it: {found.bound}"
        )
    caveat = last_of(found.searches).caveat if found.searches else ""
    reason = f"this does not hold: {proof.outcome.reason}"
    return decision.found(found.witness, "; ".join(filter(None, (reason, caveat))))


def decide_numbers(decision: Decision, proof: Proved) -> Verdict:
    """Decide an invariant that no run can show: by the smallest numbers that refute it."""
    searches, witness = find_numbers(decision.question, decision.policy, proof.given)
    decision.explored += searches
    if witness is None:
        return decision.undecided(f"no proof ({proof.outcome.reason}), and no numbers found that refute it")
    return decision.found(witness, last_of(searches).message)


def decide_existence(decision: Decision, proof: Proved) -> Verdict:
    """Decide whether some state attains the bound; if not, prove that no state of a configuration does."""
    invariant, policy = decision.question.invariant, decision.policy
    existence, absence, configs = invariant.existence, invariant.absence, decision.question.configs
    assert existence is not None
    assert absence is not None
    bounded, given = proof.outcome, proof.given
    attained = search(lambda ctx: existence(ctx, configs, policy, given))
    decision.explored.append(attained)
    if attained.values is None:
        reached, unreached = bounded.reached | attained.reached, bounded.unreached | attained.unreached
        return decision.verdict(replace(attained, reached=reached, unreached=unreached), None)
    witness = ConfigWitness(
        config=plain_config(configs(ConcreteContext(attained.values), policy)),
        note="no step reaches what the engine plans for",
    )
    never = prove(lambda ctx: absence(ctx, the_config(witness.config), policy, given))
    decision.explored.append(never)
    if never.status is not Status.HELD:
        return decision.undecided(
            f"{attained.reason}, but neither a step that reaches it nor a proof that none does"
        )
    return decision.verdict(attained, witness)


def proof_alone(question: Question) -> Outcome:
    """Return what becomes of an invariant's proofs, without looking for a witness."""
    proof, existence = proved_or_refuted(question), question.invariant.existence
    if proof.outcome.status is not Status.HELD or existence is None:
        return proof.outcome
    return prove(lambda ctx: existence(ctx, question.configs, MergedPolicy(question.policy), proof.given))
