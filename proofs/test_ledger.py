"""The step ledger: what each turn of a loop moves, and that nothing else moves with it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from proofs.mutants.mutant import Mutant
from proofs.theorems import check_held, check_refuted
from schedproof_spec.invariants.budget import has_budget

from schedproof.engines.fastdeploy.config import Role
from schedproof.engines.fastdeploy.ledger import Grant
from schedproof.engines.fastdeploy.loop import schedule
from schedproof.engines.fastdeploy.policies import POLICIES, REFERENCE
from schedproof.engines.fastdeploy.turns import Queues, admit, open_step, preempt, run_decode, run_prefill
from schedproof_spec.states.domain import any_config, any_request, draw_config
from schedproof_spec.states.ledger import by_induction, nothing
from schedproof_spec.states.merged import MergedPolicy

SCOPE = "every ledger, every configuration"


def any_ledger(ctx):
    return Step(
        budget=ctx.integer("budget"),
        num_decoding=ctx.integer("num_decoding", 0),
        prefill_tokens=ctx.integer("prefill_tokens", 0),
        num_free_blocks=ctx.integer("num_free_blocks", 0),
        num_slots_used=ctx.integer("num_slots_used", 0),
        num_preempted=ctx.integer("num_preempted", 0),
    )


def any_grant(ctx):
    return Grant(num_tokens=ctx.integer("num_tokens", 0), num_new_blocks=ctx.integer("num_new_blocks", 0))


def same_but(before, after, *moved):
    """Every field that is not named is as it was."""
    names = [name for name in Step.__dataclass_fields__ if name not in moved]
    return all(getattr(before, name) == getattr(after, name) for name in names)


def opening(ctx):
    """A step opens with nothing handed out and nobody preempted."""
    config = draw_config(ctx)
    decodes, blocks = ctx.integer("decodes", 0), ctx.integer("blocks", 0)
    slots = ctx.integer("slots", 0)
    step = open_step(config, REFERENCE, num_decoding=decodes, num_free_blocks=blocks, num_slots_used=slots)
    ctx.prove("nothing handed out", step.prefill_tokens == 0)
    ctx.prove("nobody preempted", step.num_preempted == 0)
    ctx.prove("the decodes", step.num_decoding == decodes)
    ctx.prove("the blocks", step.num_free_blocks == blocks)
    ctx.prove("the slots", step.num_slots_used == slots)


def prefill_node(ctx):
    """A prefill node counts and visits no decodes: they wait for their hand-over."""
    config = draw_config(ctx)
    ctx.assume(ctx.merged(lambda: config.role == Role.PREFILL))
    request = any_request(ctx, "request", config)
    ctx.assume(ctx.merged(lambda: request.is_decoding))
    queues = Queues(running=(request,), waiting=(), num_free_blocks=ctx.integer("blocks", 0))
    plan = schedule(queues, config, REFERENCE)
    ctx.prove("none is counted", plan.opened.num_decoding == 0)
    ctx.prove("none is visited", plan.visits == () and plan.preempted == () and plan.unvisited_decodes == ())


def decode_turn(ctx):
    """A decode moves its blocks out of the pool and, in the reference, nothing else."""
    config, before, grant = draw_config(ctx), any_ledger(ctx), any_grant(ctx)
    after = run_decode(before, grant, config, REFERENCE)
    ctx.prove("its blocks", after.num_free_blocks + grant.num_new_blocks == before.num_free_blocks)
    ctx.prove("nothing else", ctx.merged(lambda: same_but(before, after, "num_free_blocks")))


def prefill_turn(ctx):
    """A chunk moves its tokens from the budget to the step, and its blocks out of the pool."""
    before, grant = any_ledger(ctx), any_grant(ctx)
    after = run_prefill(before, grant)
    ctx.prove("its tokens leave the budget", after.budget + grant.num_tokens == before.budget)
    ctx.prove("its tokens run", after.prefill_tokens == before.prefill_tokens + grant.num_tokens)
    ctx.prove("its blocks", after.num_free_blocks + grant.num_new_blocks == before.num_free_blocks)
    moved = ("budget", "prefill_tokens", "num_free_blocks")
    ctx.prove("nothing else", ctx.merged(lambda: same_but(before, after, *moved)))


def admission_turn(ctx):
    """An admission is a chunk and one slot."""
    before, grant = any_ledger(ctx), any_grant(ctx)
    after = admit(before, grant)
    ctx.prove("one slot", after.num_slots_used == before.num_slots_used + 1)
    ctx.prove("a chunk", ctx.merged(lambda: same_but(run_prefill(before, grant), after, "num_slots_used")))


def preemption_turn(ctx):
    """A victim gives back the blocks that it shares with nobody, and stops decoding; its slot stays held."""
    config, before = draw_config(ctx), any_ledger(ctx)
    shared = ctx.integer("num_shared_blocks", 0)
    victim = replace(any_request(ctx, "victim", config), num_shared_blocks=shared)
    after = ctx.merged(lambda: preempt(before, victim, config))
    decoded = ctx.merged(lambda: 1 if victim.is_decoding and config.runs_decode else 0)
    ctx.prove("its blocks", after.num_free_blocks + shared == before.num_free_blocks + victim.num_blocks)
    ctx.prove("one more is counted", after.num_preempted == before.num_preempted + 1)
    ctx.prove("it stops decoding", after.num_decoding + decoded == before.num_decoding)
    moved = ("num_free_blocks", "num_preempted", "num_decoding")
    ctx.prove("nothing else", ctx.merged(lambda: same_but(before, after, *moved)))


def step_mutant(name, function, old, new):
    return Mutant(name=name, module="schedproof.engines.fastdeploy.ledger", function=function, old=old, new=new)


TURNS = {
    opening: step_mutant("begin with a token handed out", "open_step", "prefill_tokens=0", "prefill_tokens=1"),
    prefill_node: Mutant(
        name="count decodes that wait for their hand-over",
        module="schedproof.engines.fastdeploy.loop",
        function="schedule",
        old="if request.is_decoding) if config.runs_decode else 0",
        new="if request.is_decoding)",
    ),
    decode_turn: step_mutant(
        "take one block more",
        "run_decode",
        "step.num_free_blocks - grant.num_new_blocks",
        "step.num_free_blocks - grant.num_new_blocks - 1",
    ),
    prefill_turn: step_mutant(
        "hand out without paying", "run_prefill", "step.budget - grant.num_tokens", "step.budget"
    ),
    admission_turn: step_mutant("admit without a slot", "admit", "+ 1", "+ 0"),
    preemption_turn: step_mutant("lose the blocks", "preempt", "+ victim.num_blocks", ""),
}
"""Each turn with a change of the code that its theorem refutes."""


@pytest.mark.parametrize("turn", TURNS, ids=lambda turn: turn.__name__)
def test_turn_moves_what_it_says(turn, theorem):
    check_held(f"ledger: {turn.__name__}", turn, theorem, scope=SCOPE)


@pytest.mark.parametrize("turn", TURNS, ids=lambda turn: f"{turn.__name__}: {TURNS[turn].name}")
def test_mutant_is_refuted(turn, theorem):
    check_refuted(f"ledger: {turn.__name__}", turn, TURNS[turn], theorem, scope=SCOPE)


@pytest.mark.parametrize("policy_name", POLICIES)
def test_every_ledger_is_possible(policy_name, theorem):
    """What the other proofs assume of a ledger holds for each policy; for the reference with its budget's sign."""
    policy = POLICIES[policy_name]
    claim = has_budget if policy is REFERENCE else nothing
    check_held(
        f"every ledger is possible under {policy_name}",
        lambda ctx: by_induction(ctx, any_config, MergedPolicy(policy), claim, nothing),
        theorem,
        scope="every state of every configuration",
    )
