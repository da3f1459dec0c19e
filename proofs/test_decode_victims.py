"""Where only decodes are preempted, everybody is served all the same: on every node, with any numbers.

`schedproof_spec.theorems.decode_victims` has the argument. What PR 8022 does is proved for every configuration that
the argument is about, and each change of the code that would break it is refuted.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from proofs.mutants.mutant import Mutant
from proofs.theorems import check_refuted

from schedproof.engines.fastdeploy.config import Role, ServingConfig
from schedproof.engines.fastdeploy.versions.pr_8022 import Pr8022
from schedproof_spec import INVARIANTS
from schedproof_spec.prover.prove import prove
from schedproof_spec.prover.verdict import Status
from schedproof_spec.states.domain import any_config, holds_every_request
from schedproof_spec.states.ledger import nothing
from schedproof_spec.states.merged import MergedPolicy
from schedproof_spec.theorems.decode_victims import NO_DECODE_LEFT_OUT, NOBODY_IN_THE_MIDDLE
from schedproof_spec.theorems.order_of_service import DOOR
from schedproof_spec.theorems.progress import prove_progress
from schedproof_spec.verdicts.decide import proof_alone
from schedproof_spec.verdicts.question import Question
from schedproof_spec.verdicts.verdict_cache import without_cache

SCOPE = "text in chunks, B > N * t, blocks for growth and the longest request in the pool, any number of requests"


def usual_configs(role):
    """Return the configurations of a role in which PR 8022 serves everybody."""

    def draw(ctx, policy):
        config = any_config(ctx, policy)
        ctx.assume(config.role == role)
        ctx.assume(config.max_multimodal_item_tokens == 0)
        ctx.assume(ctx.merged(lambda: config.chunked_prefill and not config.deterministic))
        most = ctx.merged(lambda: config.max_num_seqs * (config.num_speculative_tokens + 1))
        ctx.assume(config.max_num_batched_tokens > most)
        ctx.assume(config.enc_dec_block_num >= 2)
        num_kv_blocks = ctx.integer("num_kv_blocks", 1)
        ctx.assume(ctx.merged(lambda: holds_every_request(num_kv_blocks, config, policy)))
        return replace(config, num_kv_blocks=num_kv_blocks)

    return draw


def progress_of(role):
    policy = MergedPolicy(Pr8022())
    return lambda ctx: prove_progress(ctx, usual_configs(role), policy, nothing)


SKIPS = "skip: nobody overtakes"
"""No prompt of these configurations gets no chunk while budget is left."""

COVERS = {
    Role.MIXED: {NOBODY_IN_THE_MIDDLE, NO_DECODE_LEFT_OUT, "chunk: holds the blocks of what is computed"},
    Role.PREFILL: {DOOR, "prefills: its blocks fit"},
    Role.DECODE: {DOOR, "prefills: its blocks fit", "decodes: its measure falls"},
}


@pytest.mark.parametrize("role", Role)
def test_everybody_is_served(role, theorem):
    outcome = prove(progress_of(role))
    assert outcome.status is Status.HELD, outcome.reason
    assert outcome.reached >= COVERS[role]
    assert outcome.unreached == {SKIPS}
    theorem(f"progress of a {role} node under 8022", outcome, scope=SCOPE)


def change(name, module, function, old, new):
    return Mutant(name=name, module=f"schedproof.engines.fastdeploy.{module}", function=function, old=old, new=new)


ASK_RUNNING, ASK_WAITING = (f"{kind}_turn(ledger, queues, config, policy)" for kind in ("running", "waiting"))

MUTANTS = [
    (
        Role.MIXED,
        change(
            "admit while a prompt is held",
            "turns",
            "next_turn",
            f"    return {ASK_RUNNING}",
            f"    return {ASK_RUNNING} or {ASK_WAITING}",
        ),
    ),
    (
        Role.MIXED,
        change("leave the last out", "turns", "next_turn", "num_visited < ledger", "num_visited + 1 < ledger"),
    ),
    (
        Role.MIXED,
        change("the one that asks leaves", "turns", "decode_preemption", "running[position]", "running[0]"),
    ),
    (
        Role.MIXED,
        change(
            "reserve twice",
            "rules.blocks",
            "blocks_beside_reserve",
            "num_new_blocks + num_reserved_blocks",
            "num_new_blocks + 2 * num_reserved_blocks",
        ),
    ),
    (
        Role.MIXED,
        change("two spare blocks", "rules.blocks", "published_missing_blocks", "missing + 1", "missing + 2"),
    ),
    (
        Role.MIXED,
        change(
            "grow by twice as much",
            "rules.blocks",
            "decode_blocks_by_threshold",
            "return config.enc_dec_block_num",
            "return 2 * config.enc_dec_block_num",
        ),
    ),
    (
        Role.MIXED,
        change(
            "a preempted decode goes behind those who wait",
            "life.engine",
            "Engine.acknowledge",
            "move_to_front(request_id, Place.WAITING)",
            "move(request_id, Place.WAITING)",
        ),
    ),
    (
        Role.PREFILL,
        change(
            "preempt for a prompt",
            "turns",
            "running_turn",
            "policy.preempts_only_decodes and not request.is_decoding",
            "False",
        ),
    ),
    (
        Role.PREFILL,
        change(
            "take no prompt",
            "versions.pr_7981",
            "Pr7981.takes_another_prompt",
            "return num_in_flight < MAX_INFLIGHT_PREFILL",
            "return False",
        ),
    ),
    (
        Role.DECODE,
        change(
            "preallocate no growth",
            "rules.blocks",
            "published_preallocated_blocks",
            " + config.enc_dec_block_num",
            "",
        ),
    ),
]


@pytest.mark.parametrize(("role", "mutant"), MUTANTS, ids=[f"{role}: {mutant.name}" for role, mutant in MUTANTS])
def test_mutant_is_refuted(role, mutant, theorem):
    check_refuted(f"progress of a {role} node under 8022", progress_of(role), mutant, theorem, scope=SCOPE)


MIXED_NODE = ServingConfig(max_num_seqs=128, max_num_batched_tokens=8192, max_model_len=32768)
HELD_PROMPTS = [
    change(
        "hold every prompt",
        "turns",
        "running_turn",
        "not has_blocks_to_continue(ledger, request, grant, queues, config, policy)",
        "True",
    ),
    change(
        "ask for ten times the blocks to go on",
        "turns",
        "has_blocks_to_continue",
        "return num_needed <=",
        "return 10 * num_needed <=",
    ),
    change(
        "admit nobody",
        "turns",
        "has_blocks_to_admit",
        "return num_needed <= ledger.num_free_blocks and",
        "return False and",
    ),
    change(
        "ask who waits behind a held prompt",
        "turns",
        "next_turn",
        "policy.keeps_visiting(ledger.budget)",
        "ledger.num_free_blocks > 0",
    ),
]


def test_a_held_prompt_and_whoever_is_behind_it_could_not_use_the_rest(theorem):
    outcome = proof_alone(Question(INVARIANTS["budget_tight"], Pr8022(), MIXED_NODE))
    assert outcome.status is Status.HELD, outcome.reason
    assert "a prompt that is held could not use the rest" in outcome.reached
    assert not outcome.unreached
    theorem("budget_tight of a mixed node under 8022", outcome, scope="one configuration, any number of requests")


@pytest.mark.parametrize("mutant", HELD_PROMPTS, ids=lambda mutant: mutant.name)
def test_a_prompt_that_is_held_for_nothing_is_refuted(mutant, theorem):
    with mutant.applied(), without_cache():
        outcome = proof_alone(Question(INVARIANTS["budget_tight"], Pr8022(), MIXED_NODE))
    assert outcome.status is Status.VIOLATED, outcome.reason
    theorem(f"budget_tight of a mixed node with the mutant '{mutant.name}'", outcome, scope="one configuration")
