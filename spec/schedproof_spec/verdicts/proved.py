"""The proof of an invariant, and what it may build on."""

from __future__ import annotations

from dataclasses import dataclass

from schedproof_spec.prover.prove import prove
from schedproof_spec.prover.verdict import Outcome, Status
from schedproof_spec.states.ledger import Claim, nothing
from schedproof_spec.states.merged import MergedPolicy
from schedproof_spec.verdicts.question import Question
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


def proved(question: Question) -> Proved:
    """Return what becomes of an invariant's proof in every state, without looking for a witness.

    An invariant that builds on another may use it where that one is proved, and must do without it elsewhere.
    """
    known = _proved.recall(question)
    if known is not None:
        return known
    policy = MergedPolicy(question.policy)
    given: Claim = nothing
    lemma = question.invariant.builds_on
    if lemma is not None:
        basis = proved(question.about(lemma))
        policy.asked |= basis.rules
        if basis.outcome.status is Status.HELD:
            given = lemma.at_every_moment
    invariant = question.invariant
    outcome = prove(lambda ctx: invariant.proof(ctx, question.configs, policy, given))
    result = Proved(outcome, given, frozenset(policy.asked))
    _proved.keep(question, result.rules, result)
    return result
