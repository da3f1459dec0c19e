"""The step ledger: what each turn moves, and that nothing else moves with it."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from proofs.mutants.mutant import Mutant
from proofs.possible import possible
from proofs.theorems import check_held, check_refuted

from schedproof.engines.fastdeploy.config import Role, ServingConfig
from schedproof.engines.fastdeploy.ledger import Grant, Ledger
from schedproof.engines.fastdeploy.loop import schedule
from schedproof.engines.fastdeploy.policies import POLICIES, REFERENCE
from schedproof.engines.fastdeploy.turns import (
    Queues,
    admit,
    end_decode,
    has_blocks_to_admit,
    next_turn,
    open_step,
    preempt,
    preempt_decode,
    run_decode,
    run_prefill,
)
from schedproof_spec.prover.verdict import Status
from schedproof_spec.states.domain import any_request, draw_config
from schedproof_spec.theorems.budget import EVERY_TURN
from schedproof_spec.verdicts.proved import proved

SCOPE = "every ledger, every configuration"
ORIGINAL = POLICIES["original"]


def any_ledger(ctx):
    """Draw any numbers; only the budget may be negative."""
    return Ledger(
        **{field.name: ctx.integer(field.name, None if field.name == "budget" else 0) for field in fields(Ledger)}
    )


def any_grant(ctx):
    return Grant(num_tokens=ctx.integer("num_tokens", 0), num_new_blocks=ctx.integer("num_new_blocks", 0))


def same_but(before, after, *moved):
    """Every field that is not named is as it was."""
    names = [field.name for field in fields(Ledger) if field.name not in moved]
    return all(getattr(before, name) == getattr(after, name) for name in names)


def any_victim(ctx, config):
    """Draw a request that shares some of its blocks."""
    shared = ctx.integer("num_shared_blocks", 0)
    return replace(any_request(ctx, "victim", config), num_shared_blocks=shared)


def opening(ctx):
    """A step opens with the budget of those that are reserved for, nothing handed out and nobody gone."""
    config = draw_config(ctx)
    given = {
        name: ctx.integer(name, 0)
        for name in ("num_decoding", "num_free_blocks", "num_slots_used", "num_running", "num_waiting")
    }
    num_reserved = ctx.integer("num_reserved", 0)
    ledger = open_step(config, REFERENCE, num_reserved=num_reserved, **given)
    for name, number in given.items():
        ctx.prove(f"{name} as it was found", getattr(ledger, name) == number)
    budget = ctx.merged(lambda: REFERENCE.initial_budget(config, num_reserved))
    ctx.prove("the budget of the policy", ledger.budget == budget)
    nothing_yet = [getattr(ledger, field.name) for field in fields(Ledger) if field.name not in {*given, "budget"}]
    ctx.prove("nothing else happened", all(number == 0 for number in nothing_yet))


def prefill_node(ctx):
    """A prefill node counts and visits no decodes: it goes past them, and they wait for their hand-over."""
    config = draw_config(ctx)
    ctx.assume(ctx.merged(lambda: config.role == Role.PREFILL))
    request = any_request(ctx, "request", config)
    ctx.assume(ctx.merged(lambda: request.is_decoding))
    queues = Queues(running=(request,), waiting=(), num_free_blocks=ctx.integer("blocks", 0))
    plan = schedule(queues, config, REFERENCE)
    ctx.prove("none is counted", plan.opened.num_decoding == 0)
    ctx.prove("none is visited", plan.visits == () and plan.preempted == () and plan.unvisited_decodes == ())
    ctx.prove("the loop goes past it", plan.final == replace(plan.opened, num_visited=1))


def decode_turn(ctx):
    """A decode takes its blocks and its charge, which is nothing in the reference."""
    policy = ctx.one_of("policy", (REFERENCE, ORIGINAL))
    config, before, grant = draw_config(ctx), any_ledger(ctx), any_grant(ctx)
    after = run_decode(before, grant, config, policy)
    ctx.prove("its charge", after.budget + policy.decode_charge(config) == before.budget)
    ctx.prove("its blocks", after.num_free_blocks + grant.num_new_blocks == before.num_free_blocks)
    ctx.prove("one more is visited", after.num_visited == before.num_visited + 1)
    moved = ("budget", "num_free_blocks", "num_visited")
    ctx.prove("nothing else", ctx.merged(lambda: same_but(before, after, *moved)))


def prefill_turn(ctx):
    """A chunk moves its tokens from the budget to the step, and its blocks out of the pool."""
    before, grant = any_ledger(ctx), any_grant(ctx)
    after = run_prefill(before, grant)
    ctx.prove("its tokens leave the budget", after.budget + grant.num_tokens == before.budget)
    ctx.prove("its tokens run", after.prefill_tokens == before.prefill_tokens + grant.num_tokens)
    ctx.prove("its blocks", after.num_free_blocks + grant.num_new_blocks == before.num_free_blocks)
    ctx.prove("one more is visited", after.num_visited == before.num_visited + 1)
    moved = ("budget", "prefill_tokens", "num_free_blocks", "num_visited")
    ctx.prove("nothing else", ctx.merged(lambda: same_but(before, after, *moved)))


def admission_turn(ctx):
    """An admission is a chunk, and one slot unless the request holds one."""
    before, grant, config = any_ledger(ctx), any_grant(ctx), draw_config(ctx)
    request = replace(any_request(ctx, "request", config), holds_slot=ctx.boolean("holds_slot"))
    reserved = ctx.integer("reserved_for_it", 0)
    after = admit(before, request, grant, reserved)
    new_slots = ctx.merged(lambda: 0 if request.holds_slot else 1)
    ctx.prove("one slot, or its own", after.num_slots_used == before.num_slots_used + new_slots)
    ctx.prove("one more was asked", after.num_asked == before.num_asked + 1)
    ctx.prove("one more is admitted", after.num_admitted == before.num_admitted + 1)
    chunk = replace(run_prefill(before, grant), num_visited=before.num_visited)
    ctx.prove("its reserve is counted", after.num_reserved_blocks == before.num_reserved_blocks + reserved)
    moved = ("num_slots_used", "num_asked", "num_admitted", "num_reserved_blocks")
    ctx.prove("a chunk", ctx.merged(lambda: same_but(chunk, after, *moved)))


def admission_guard(ctx):
    """An admission is refused for blocks only if they, and the reserve of those with a slot, are not all free."""
    ledger, grant, per_seq = any_ledger(ctx), any_grant(ctx), ctx.one_of("reserved_per_seq", (0, 1, 16))
    queues = Queues(running=(), waiting=(), num_free_blocks=0, num_reserved_blocks_per_seq=per_seq)
    accepted = ctx.merged(lambda: has_blocks_to_admit(ledger, grant, queues, ServingConfig(), REFERENCE))
    needed = grant.num_new_blocks + ledger.num_slots_used * per_seq
    ctx.prove("exactly", accepted == (needed <= ledger.num_free_blocks))


def preemption_turn(ctx):
    """A victim gives back the blocks that it shares with nobody, and stops decoding; its slot stays held."""
    config, before = draw_config(ctx), any_ledger(ctx)
    victim = any_victim(ctx, config)
    after = ctx.merged(lambda: preempt(before, victim, config))
    decoded = ctx.merged(lambda: 1 if victim.is_decoding and config.runs_decode else 0)
    freed = victim.num_blocks - victim.num_shared_blocks
    ctx.prove("its blocks", after.num_free_blocks == before.num_free_blocks + freed)
    ctx.prove("one more is counted", after.num_preempted == before.num_preempted + 1)
    ctx.prove("one fewer runs", after.num_running == before.num_running - 1)
    ctx.prove("it stops decoding", after.num_decoding + decoded == before.num_decoding)
    moved = ("num_free_blocks", "num_preempted", "num_running", "num_decoding")
    ctx.prove("nothing else", ctx.merged(lambda: same_but(before, after, *moved)))


def decode_preemption_turn(ctx):
    """Where only decodes are preempted, prompts behind the victim stay; one that asked itself ends the loop."""
    config, before, position = draw_config(ctx), any_ledger(ctx), ctx.integer("position", 0)
    ctx.assume(before.num_visited <= position)
    ctx.assume(position < before.num_running)
    victim = any_victim(ctx, config)
    after = ctx.merged(lambda: preempt_decode(before, position, victim, config))
    as_ever = ctx.merged(lambda: preempt(before, victim, config))
    num_left = before.num_running + before.num_kept - 1
    ctx.prove("the list ends before it", after.num_running == position)
    asked_itself = position == before.num_visited
    ctx.prove(
        "prompts behind it stay, or the loop is over",
        ctx.merged(
            lambda: (
                after.num_kept == 0 and after.num_visited == after.num_running
                if asked_itself
                else after.num_running + after.num_kept == num_left
            )
        ),
    )
    ctx.prove("nothing else", ctx.merged(lambda: same_but(as_ever, after, "num_running", "num_kept")))


def abort_turn(ctx):
    """An aborted decode gives back the blocks that it shares with nobody, and has had its turn."""
    config, before = draw_config(ctx), any_ledger(ctx)
    victim = any_victim(ctx, config)
    after = end_decode(before, victim)
    freed = victim.num_blocks - victim.num_shared_blocks
    ctx.prove("its blocks", after.num_free_blocks == before.num_free_blocks + freed)
    ctx.prove("it stops decoding", after.num_decoding + 1 == before.num_decoding)
    ctx.prove("one more is visited", after.num_visited == before.num_visited + 1)
    ctx.prove("one more is aborted", after.num_aborted == before.num_aborted + 1)
    moved = ("num_free_blocks", "num_decoding", "num_visited", "num_aborted")
    ctx.prove("nothing else", ctx.merged(lambda: same_but(before, after, *moved)))


def skipped_turn(ctx):
    """A waiting prompt that gets no chunk is gone past, where the policy does so, and ends the step elsewhere."""
    policy = ctx.one_of("policy", (REFERENCE, ORIGINAL))
    config = draw_config(ctx)
    begun = replace(any_ledger(ctx), num_preempted=0, num_asked=0, num_waiting=1)
    before = replace(begun, num_running=0, num_kept=0, num_visited=0)
    request = replace(any_request(ctx, "request", config), holds_slot=False)
    ctx.assume(
        ctx.merged(lambda: not request.is_decoding and policy.next_chunk(request, before.budget, config) == 0)
    )
    queues = Queues(running=(), waiting=(request,), num_free_blocks=before.num_free_blocks)
    turn = next_turn(before, queues, config, policy)
    if not policy.skips_unfit_prompts:
        ctx.prove("the step is over", turn is None)
    elif turn is not None:
        ctx.prove("one more was asked", turn.after.num_asked == before.num_asked + 1)
        ctx.prove("nothing else", ctx.merged(lambda: same_but(before, turn.after, "num_asked")))


def turn_mutant(name, function, old, new):
    return Mutant(name=name, module="schedproof.engines.fastdeploy.turns", function=function, old=old, new=new)


TURNS = {
    opening: turn_mutant("begin with a token handed out", "open_step", "prefill_tokens=0", "prefill_tokens=1"),
    prefill_node: turn_mutant(
        "count decodes that wait for their hand-over", "count_decode", " and config.runs_decode", ""
    ),
    decode_turn: turn_mutant(
        "leave the charge out", "run_decode", "ledger.budget - policy.decode_charge(config)", "ledger.budget"
    ),
    prefill_turn: turn_mutant(
        "hand out without paying", "run_prefill", "ledger.budget - grant.num_tokens", "ledger.budget"
    ),
    admission_turn: turn_mutant(
        "count a slot that it holds again",
        "admit",
        "ledger.num_slots_used if request.holds_slot else ledger.num_slots_used + 1",
        "ledger.num_slots_used + 1",
    ),
    admission_guard: turn_mutant("keep a block free", "has_blocks_to_admit", "num_needed <=", "num_needed <"),
    preemption_turn: turn_mutant("free what others share", "preempt", " - victim.num_shared_blocks", ""),
    decode_preemption_turn: turn_mutant(
        "prompts behind the victim leave too", "preempt_decode", "ledger.num_kept + num_between", "ledger.num_kept"
    ),
    abort_turn: turn_mutant("keep the blocks", "end_decode", " + request.num_blocks", ""),
    skipped_turn: turn_mutant(
        "hand a waiting prompt nothing",
        "waiting_turn",
        "if grant == NOTHING:",
        "if False:",
    ),
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
    outcome = proved(possible(POLICIES[policy_name])).outcome
    assert outcome.status is Status.HELD, outcome.reason
    assert outcome.reached >= {f"{turn}: the step is possible" for turn in EVERY_TURN}
    assert not outcome.unreached
    theorem(f"every ledger is possible under {policy_name}", outcome, scope="every state of every configuration")
