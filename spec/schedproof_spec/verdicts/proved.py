"""The proof of an invariant, and what it may build on."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace

from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.engines.fastdeploy.policy import Policy
from schedproof_spec.invariant import Invariant, Proof
from schedproof_spec.prover.context import Context
from schedproof_spec.prover.prove import prove
from schedproof_spec.prover.subset.policies import policy_problem
from schedproof_spec.prover.verdict import Outcome, Status, refused
from schedproof_spec.states.domain import Configs
from schedproof_spec.states.ledger import Claim, nothing
from schedproof_spec.states.merged import MergedPolicy
from schedproof_spec.verdicts.question import Question, always
from schedproof_spec.verdicts.reach import gets_to_a_claim
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
        return claim_of(self.lemma)

    @property
    def is_held(self) -> bool:
        """Whether the invariant was proved."""
        return self.outcome.status is Status.HELD


_proved: VerdictCache[Proved] = VerdictCache("proof")
_proved_anywhere: VerdictCache[Proved] = VerdictCache("proof that never asks for the configuration")
_attained: VerdictCache[Proved] = VerdictCache("proof that a bound is attained")
_asked: set[Hashable] = set()
"""Questions about all configurations like one that was asked about: the second such asks about all at once."""


def proved(question: Question) -> Proved:
    """Return what becomes of an invariant's proof in every state, without looking for a witness.

    An invariant that builds on another may use it where that one is proved, and must do without it elsewhere. The
    proof about all configurations like one answers for that one where it succeeds, and says nothing where it fails.
    """
    known = known_before(question)
    if known is not None:
        return known
    everyone = question.of_all_alike
    if everyone is not None and is_asked_again(everyone, "proved"):
        shared = proved_of_all(everyone, question)
        if shared is not None:
            return shared
    basis = basis_of(question)
    alone = proof_with(question, basis.lemma)
    if everyone is not None and alone.outcome.status is Status.UNDECIDED:
        # What is found must not depend on what was asked before.
        shared = proved_of_all(everyone, question)
        if shared is not None:
            return shared
    found = remembered(question, alone, basis)
    if everyone is not None and found.outcome.status is Status.VIOLATED:
        # What refutes it here refutes it of them all.
        _proved.keep(everyone, found.rules, found)
    return found


def proved_or_refuted(question: Question) -> Proved:
    """Return the same, sooner where the invariant is violated.

    A state that refutes it where all that it may build on holds refutes it in any case, so that the other
    invariant is decided only where there is no such state.
    """
    lemma = question.invariant.builds_on
    known = known_before(question)
    if known is not None or lemma is None:
        return known or proved(question)
    with_lemma = proof_with(question, lemma)
    if with_lemma.outcome.status is Status.VIOLATED:
        return with_lemma
    basis = basis_of(question)
    if with_lemma.is_held and basis.lemma is lemma:
        return remembered(question, with_lemma, basis)
    return proved(question)


def known_before(question: Question) -> Proved | None:
    """Return what is known of a proof before it is tried."""
    problem = policy_problem(question.policy)
    if problem is not None:
        return Proved(refused(f"the prover cannot follow: {problem}"), None, frozenset(), asks_configs=True)
    return _proved.recall(question) or _proved_anywhere.recall(question.anywhere)


def remembered(question: Question, found: Proved, basis: Basis) -> Proved:
    """Return what became of a proof with what it rests on, and remember it."""
    found = replace(found, outcome=basis.supports(found.outcome), rules=found.rules | basis.rules)
    if found.asks_configs or question.invariant.builds_on is not None:
        _proved.keep(question, found.rules, found)
    else:
        _proved_anywhere.keep(question.anywhere, found.rules, found)
    return found


def proof_with(question: Question, lemma: Invariant | None) -> Proved:
    """Try the proof, with all that may be taken for granted where another invariant is proved."""
    policy, configs = MergedPolicy(question.policy), AskedConfigs(question.configs)
    outcome = prove(lambda ctx: question.invariant.proof(ctx, configs, policy, claim_of(lemma)))
    return Proved(outcome, lemma, frozenset(policy.asked), asks_configs=configs.are_asked)


@dataclass(frozen=True, slots=True)
class Basis:
    """What a proof may build on."""

    lemma: Invariant | None
    rules: frozenset[str]
    """The policy's rules that this rests on."""
    settled_by: str = ""
    """The second solver, where this rests on its answer."""

    @property
    def claim(self) -> Claim:
        """What the proof takes for granted at every point of a step."""
        return claim_of(self.lemma)

    def supports(self, outcome: Outcome) -> Outcome:
        """Return what became of a proof that builds on this, with the solver that it rests on."""
        if not self.settled_by or outcome.settled_by:
            return outcome
        return replace(outcome, settled_by=self.settled_by)


def claim_of(lemma: Invariant | None) -> Claim:
    """Return what an invariant says of every point of a step."""
    return nothing if lemma is None else lemma.at_every_moment


def basis_of(question: Question) -> Basis:
    """Return what an invariant's proofs may use: the one that it builds on, where that is proved."""
    lemma = question.invariant.builds_on
    rules: frozenset[str] = frozenset()
    if lemma is None:
        return Basis(None, rules)
    for found in (proved(each) for each in wider(question.about(lemma))):
        rules |= found.rules
        if found.is_held:
            return Basis(lemma, rules, found.outcome.settled_by)
    return Basis(None, rules)


def is_asked_again(everyone: Question, kind: str) -> bool:
    """Return whether a proof of this kind was wanted of one of these before, and note that it is now."""
    key = kind, everyone.key, everyone.policy.name
    is_known = key in _asked
    _asked.add(key)
    return is_known


def proved_of_all(everyone: Question, question: Question) -> Proved | None:
    """Return the proof about all configurations like one; None where it fails or this one never gets to it."""
    found = proved(everyone)
    if not found.is_held or not is_reached(question, question.invariant.proof, found):
        return None
    _proved.keep(question, found.rules, found)
    return found


class BasisNeededError(BaseException):
    """A proof asks for what it may build on, which was not proved yet."""


def needed(moment: object, frame: object) -> bool:
    """Stand for what a proof may build on until it asks."""
    raise BasisNeededError


def attained(question: Question) -> Proved:
    """Return what becomes of the proof that some state attains what an invariant bounds, in each configuration."""
    existence = question.invariant.existence
    assert existence is not None
    known = _attained.recall(question)
    if known is None:
        policy, basis = MergedPolicy(question.policy), Basis(None, frozenset())
        try:
            outcome = prove(lambda ctx: existence(ctx, question.configs, policy, needed))
        except BasisNeededError:
            basis = basis_of(question)
            outcome = basis.supports(prove(lambda ctx: existence(ctx, question.configs, policy, basis.claim)))
        known = Proved(outcome, basis.lemma, basis.rules | policy.asked, asks_configs=True)
        _attained.keep(question, known.rules, known)
    return known


def always_attained(question: Question) -> Proved:
    """Return what becomes of that proof, for one configuration or for all that are alike."""
    shared = attained_by_all_alike(question)
    if shared is not None:
        return shared
    found = attained(question)
    if found.outcome.status is Status.UNDECIDED:
        return attained_by_all_alike(question) or found
    return found


def attained_by_all_alike(question: Question) -> Proved | None:
    """Return the proof that each configuration like one attains the bound; None where there is none.

    As for the bound itself, the first that asks is decided alone.
    """
    everyone, existence = question.of_all_alike, question.invariant.existence
    assert existence is not None
    known = _attained.recall(question)
    if known is not None and known.is_held:
        return known
    if everyone is None or not is_asked_again(everyone, "attained"):
        return None
    found = attained(everyone)
    if not found.is_held or not is_reached(question, existence, found):
        return None
    _attained.keep(question, found.rules, found)
    return found


def is_reached(question: Question, proof: Proof, found: Proved) -> bool:
    """Return whether some state of the configuration in question gets to a claim of a proof about more of them."""
    policy = MergedPolicy(question.policy)
    return gets_to_a_claim(lambda ctx: proof(ctx, question.configs, policy, found.given))


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
