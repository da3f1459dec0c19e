"""The proof of an invariant, and what it may build on."""

from __future__ import annotations

from dataclasses import dataclass, replace

from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.engines.fastdeploy.policy import Policy
from schedproof_spec.prover.context import Context
from schedproof_spec.prover.prove import prove
from schedproof_spec.prover.subset.policies import policy_problem
from schedproof_spec.prover.verdict import Outcome, Status, refused
from schedproof_spec.states.domain import Configs
from schedproof_spec.states.ledger import Claim, nothing
from schedproof_spec.states.merged import MergedPolicy
from schedproof_spec.verdicts.question import Question, always
from schedproof_spec.verdicts.verdict_cache import VerdictCache


@dataclass(frozen=True, slots=True)
class Proved:
    """What became of a proof."""

    outcome: Outcome
    given: Claim
    """What the proof built on."""
    rules: frozenset[str]
    """The policy's rules that the outcome rests on."""


_proved: VerdictCache[Proved] = VerdictCache("proof")
_proved_anywhere: VerdictCache[Proved] = VerdictCache("proof that never asks for the configuration")


def proved(question: Question) -> Proved:
    """Return what becomes of an invariant's proof in every state, without looking for a witness.

    An invariant that builds on another may use it where that one is proved, and must do without it elsewhere.
    """
    problem = policy_problem(question.policy)
    if problem is not None:
        return Proved(refused(f"the prover cannot follow: {problem}"), nothing, frozenset())
    anywhere = replace(question, config=None, condition=always)
    known = _proved.recall(question) or _proved_anywhere.recall(anywhere)
    if known is not None:
        return known
    policy = MergedPolicy(question.policy)
    given: Claim = nothing
    settled_by = ""
    lemma = question.invariant.builds_on
    if lemma is not None:
        for basis in (proved(each) for each in wider(question.about(lemma))):
            policy.asked |= basis.rules
            if basis.outcome.status is Status.HELD:
                given, settled_by = lemma.at_every_moment, basis.outcome.settled_by
                break
    invariant, configs = question.invariant, AskedConfigs(question.configs)
    outcome = prove(lambda ctx: invariant.proof(ctx, configs, policy, given))
    if settled_by and not outcome.settled_by:
        outcome = replace(outcome, settled_by=settled_by)
    result = Proved(outcome, given, frozenset(policy.asked))
    if configs.are_asked or lemma is not None:
        _proved.keep(question, result.rules, result)
    else:
        _proved_anywhere.keep(anywhere, result.rules, result)
    return result


def wider(question: Question) -> list[Question]:
    """Return the questions of which any answers this one: first the one about every configuration, if it differs.

    Questions under different conditions share that answer.
    """
    return [question] if question.condition is always else [replace(question, condition=always), question]


@dataclass(slots=True)
class AskedConfigs:
    """Configurations that note whether a proof asks for them."""

    configs: Configs
    are_asked: bool = False

    def __call__(self, ctx: Context, policy: Policy) -> ServingConfig:
        """Return a configuration."""
        self.are_asked = True
        return self.configs(ctx, policy)
