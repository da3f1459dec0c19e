"""One proof for all configurations that differ in their sizes: it says of each what its own proof says."""

from dataclasses import replace

import pytest

from schedproof import NEWEST, POLICIES, Policy, Role, ServingConfig, SpeculativeConfig, SpeculativeMethod
from schedproof_spec import INVARIANTS, Invariant, Status
from schedproof_spec.prover.context import AssumptionFailedError, ConcreteContext, Context
from schedproof_spec.prover.prove import prove
from schedproof_spec.states.merged import MergedPolicy
from schedproof_spec.verdicts import proved as proofs
from schedproof_spec.verdicts.alike import Decodes, alike
from schedproof_spec.verdicts.decide import decide, is_held, proof_alone
from schedproof_spec.verdicts.proved import proved
from schedproof_spec.verdicts.question import Question
from schedproof_spec.verdicts.reach import gets_to_a_claim
from schedproof_spec.verdicts.verdict_cache import without_cache

MTP = SpeculativeConfig(method=SpeculativeMethod.MTP, num_speculative_tokens=3)
MIXED = ServingConfig(max_num_seqs=64, max_num_batched_tokens=8192, max_model_len=32768)
CONFIGS = {
    "mixed": MIXED,
    "odd length": replace(MIXED, max_model_len=32700),
    "with a pool": replace(MIXED, num_kv_blocks=4000),
    "with a small pool": replace(MIXED, num_kv_blocks=513),
    "decode": replace(MIXED, role=Role.DECODE, speculation=MTP),
    "full": replace(MIXED, max_num_seqs=128, max_num_batched_tokens=512, speculation=MTP),
    "above": replace(MIXED, max_num_seqs=200, max_num_batched_tokens=512, speculation=MTP),
}
BLOCKS = "blocks of max_model_len"


@pytest.fixture(autouse=True)
def nothing_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proofs, "_asked", set())


def sizes_of(config: ServingConfig) -> dict[str, int]:
    found = {name: getattr(config, name) for name in ("max_num_seqs", "max_num_batched_tokens", "max_model_len")}
    found[BLOCKS] = config.max_model_len // config.block_size
    return found if config.num_kv_blocks is None else found | {"num_kv_blocks": config.num_kv_blocks}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_configuration_is_among_those_that_are_alike(name: str) -> None:
    config = CONFIGS[name]
    policy = POLICIES["original"]
    drawn = alike(config, policy).configs(needs_pool=False)(ConcreteContext(sizes_of(config)), policy)
    for field in (*(sizes_of(config).keys() - {BLOCKS}), "num_kv_blocks", "role", "speculation"):
        assert getattr(drawn, field) == getattr(config, field)


def test_others_are_not() -> None:
    config = CONFIGS["mixed"]
    kinds = {alike(each, NEWEST) for each in CONFIGS.values()}
    assert len(kinds) == len(CONFIGS)
    other = replace(config, max_num_seqs=65, max_num_batched_tokens=4096, max_model_len=64)
    assert alike(other, NEWEST) == alike(config, NEWEST)
    assert [alike(CONFIGS[name], NEWEST).decodes for name in ("decode", "full", "above")] == list(Decodes)
    beyond = sizes_of(replace(config, max_num_seqs=9000))
    with pytest.raises(AssumptionFailedError):
        alike(config, NEWEST).configs(needs_pool=False)(ConcreteContext(beyond), NEWEST)


@pytest.mark.parametrize("invariant", ["every_decode_served", "blocks_cover_tokens", "chunk_capacity_covers_step"])
@pytest.mark.parametrize("policy", [NEWEST, POLICIES["7438"]], ids=lambda policy: policy.name)
def test_the_proof_of_all_and_that_of_one_agree(invariant: str, policy: Policy) -> None:
    for config in (CONFIGS["mixed"], CONFIGS["full"]):
        if policy.problems(config):
            continue
        question = Question(INVARIANTS[invariant], policy, config)
        with without_cache():
            alone = proof_alone(question).status
        with without_cache():
            for seqs in (1, 2):
                decide(INVARIANTS[invariant], policy, replace(config, max_num_seqs=config.max_num_seqs - seqs))
            assert proof_alone(question).status is alone
            assert is_held(question) is (alone is Status.HELD)


def test_the_second_of_a_kind_is_proved_with_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    proof_with = proofs.proof_with
    asked: list[Question] = []

    def noted(question: Question, lemma: Invariant | None) -> proofs.Proved:
        asked.append(question)
        return proof_with(question, lemma)

    monkeypatch.setattr(proofs, "proof_with", noted)
    with without_cache():
        for seqs in (64, 65, 66, 67):
            config = replace(MIXED, max_num_seqs=seqs)
            assert proved(Question(INVARIANTS["no_overshoot"], NEWEST, config)).is_held
    own = [question.alike is not None for question in asked if question.invariant is INVARIANTS["no_overshoot"]]
    assert own == [False, True]


def test_what_one_refutes_is_not_asked_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    policy, config = POLICIES["original"], CONFIGS["full"]
    with without_cache():
        question = Question(INVARIANTS["no_overshoot"], policy, config)
        assert proved(question).outcome.status is Status.VIOLATED
        assert question.of_all_alike is not None
        monkeypatch.setattr(proofs, "proof_with", lambda question, lemma: pytest.fail("proved again"))
        assert proved(question.of_all_alike).outcome.status is Status.VIOLATED


def test_where_one_is_given_up_the_proof_of_all_answers_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    proof_with = proofs.proof_with

    def given_up(question: Question, lemma: Invariant | None) -> proofs.Proved:
        found = proof_with(question, lemma)
        if question.config is None or question.invariant.name != "budget_nonnegative":
            return found
        return replace(found, outcome=replace(found.outcome, status=Status.UNDECIDED, reason="given up"))

    monkeypatch.setattr(proofs, "proof_with", given_up)
    with without_cache():
        question = Question(INVARIANTS["budget_nonnegative"], NEWEST, MIXED)
        assert [proved(question).is_held for _ in range(3)] == [True] * 3


def test_a_configuration_that_does_not_start_is_like_no_other() -> None:
    refused = replace(MIXED, max_num_seqs=100_000)
    assert Question(INVARIANTS["no_overshoot"], NEWEST, refused).of_all_alike is None
    assert proof_alone(Question(INVARIANTS["no_overshoot"], NEWEST, refused)).status is Status.VACUOUS


def test_a_claim_that_no_state_gets_to_is_not_reached() -> None:
    policy, invariant = MergedPolicy(NEWEST), INVARIANTS["chunk_within_prompt"]
    question = Question(invariant, NEWEST, CONFIGS["mixed"])
    proof = proved(question)
    assert gets_to_a_claim(lambda ctx: invariant.proof(ctx, question.configs, policy, proof.given))
    assert not gets_to_a_claim(about_nothing)
    assert prove(about_nothing).status is Status.VACUOUS


def about_nothing(ctx: Context) -> None:
    ctx.assume(ctx.integer("n", 1) < 1)
    ctx.prove("never", False)
