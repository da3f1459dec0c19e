"""The proof of an invariant, and what it may build on."""

from __future__ import annotations

from dataclasses import dataclass, replace

from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.engines.fastdeploy.policy import Policy
from schedproof_spec.invariant import Invariant
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
    lemma: Invariant | None
    """What the proof builds on: another invariant, proved for the same policy and configurations."""
    rules: frozenset[str]
    """The policy's rules that the outcome rests on."""
    asks_configs: bool
    """Whether it depends on the configurations in question."""

    @property
    def given(self) -> Claim:
        """What the proof takes for granted at every point of a step."""
        return nothing if self.lemma is None else self.lemma.at_every_moment


_proved: VerdictCache[Proved] = VerdictCache("proof")
_proved_anywhere: VerdictCache[Proved] = VerdictCache("proof that never asks for the configuration")


def proved(question: Question) -> Proved:
    """Return what becomes of an invariant's proof in every state, without looking for a witness.

    An invariant that builds on another may use it where that one is proved, and must do without it elsewhere.
    """
    known = _known(question)
    if known is not None:
        return known
    lemma, rules = _held_lemma(question)
    return _remembered(question, _proof_with(question, lemma), rules)


def proved_or_refuted(question: Question) -> Proved:
    """Return the same, sooner where the invariant is violated.

    A state that refutes it where all that it may build on holds refutes it in any case, so that the other
    invariant is decided only where there is no such state.
    """
    lemma = question.invariant.builds_on
    known = _known(question)
    if known is not None:
        return known
    if lemma is None:
        return proved(question)
    with_lemma = _proof_with(question, lemma)
    if with_lemma.outcome.status is Status.VIOLATED:
        return with_lemma
    held, rules = _held_lemma(question)
    return _remembered(question, with_lemma if held is lemma else _proof_with(question, held), rules)


def _known(question: Question) -> Proved | None:
    """Return what is known of a proof before it is tried."""
    problem = policy_problem(question.policy)
    if problem is not None:
        return Proved(refused(f"the prover cannot follow: {problem}"), None, frozenset(), True)
    return _proved.recall(question) or _proved_anywhere.recall(_anywhere(question))


def _anywhere(question: Question) -> Question:
    return replace(question, config=None, condition=always)


def _held_lemma(question: Question) -> tuple[Invariant | None, frozenset[str]]:
    """Return what an invariant may build on, None where that is not proved, and the rules that this rests on."""
    lemma, rules = question.invariant.builds_on, frozenset[str]()
    for basis in (proved(each) for each in wider(question.about(lemma))) if lemma is not None else ():
        rules |= basis.rules
        if basis.outcome.status is Status.HELD:
            return lemma, rules
    return None, rules


def _remembered(question: Question, found: Proved, rules_of_lemma: frozenset[str]) -> Proved:
    """Keep what became of a proof, with the rules that its lemma rests on."""
    found = replace(found, rules=found.rules | rules_of_lemma)
    if found.asks_configs or question.invariant.builds_on is not None:
        _proved.keep(question, found.rules, found)
    else:
        _proved_anywhere.keep(_anywhere(question), found.rules, found)
    return found


def _proof_with(question: Question, lemma: Invariant | None) -> Proved:
    """Try the proof, with all that may be taken for granted where another invariant is proved."""
    policy, configs = MergedPolicy(question.policy), AskedConfigs(question.configs)
    given = nothing if lemma is None else lemma.at_every_moment
    outcome = prove(lambda ctx: question.invariant.proof(ctx, configs, policy, given))
    return Proved(outcome, lemma, frozenset(policy.asked), configs.are_asked)


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
