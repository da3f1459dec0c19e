"""Every plan of a step is a chain of turns and nothing else: what is proved of turns is so of plans.

The loop asks its policy, whatever the rules behind it: here they are the simplest that ask for anything, and the
queues are short. `tests/property/test_scheduler.py` has long queues of any numbers, and every policy.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from proofs.mutants.mutant import Mutant
from proofs.plans import CHAINED, ENDED, LEFT, OPENED, OVER, SORTED, TAKEN, checks_of
from proofs.theorems import check_held

from schedproof.engines.fastdeploy.config import Role, ServingConfig
from schedproof.engines.fastdeploy.loop import schedule
from schedproof.engines.fastdeploy.reference_policy import ReferencePolicy
from schedproof.engines.fastdeploy.turns import Queues
from schedproof.request import Request
from schedproof_spec.prover.prove import prove
from schedproof_spec.prover.verdict import Status
from schedproof_spec.states.merged import MergedPolicy

LENGTHS = {
    "the reference's turns": [(r, w) for r in range(4) for w in range(4) if r + w <= 3],
    "upstream's turns": [(r, w) for r in range(3) for w in range(4) if r + w <= 3],
    "turns that preempt decodes alone": [(2, 0), (1, 1), (2, 1)],
}


class SimpleRules(ReferencePolicy):
    """Any chunk that fits the budget, a block a token."""

    def next_chunk(self, request, budget, config):
        return min(request.num_prefill_tokens_left, budget)

    def prefill_blocks(self, request, chunk, config):
        return chunk

    def decode_blocks(self, request, config):
        return 1


class SimpleRulesOfUpstream(SimpleRules):
    """The same with the turns that the reference does not take."""

    counts_prefilled = True
    skips_unfit_prompts = True
    aborts_when_visited = True

    def decode_charge(self, config):
        return 1

    def keeps_visiting(self, budget):
        return budget > 0

    def next_chunk(self, request, budget, config):
        return request.num_prefill_tokens_left if request.num_prefill_tokens_left <= budget else 0


class SimpleRulesOfDecodes(SimpleRulesOfUpstream):
    """The same where only decodes are preempted."""

    preempts_only_decodes = True


POLICIES = {
    "the reference's turns": SimpleRules(),
    "upstream's turns": SimpleRulesOfUpstream(),
    "turns that preempt decodes alone": SimpleRulesOfDecodes(),
}
ROLES = (Role.MIXED, Role.PREFILL)
"""A decode node's loop is that of a mixed node."""


def any_member(ctx, name):
    """Draw a request, decoding or not, with blocks that it may share."""
    request = Request(
        request_id=name,
        need_prefill_tokens=ctx.integer(f"{name}.need_prefill_tokens", 1),
        num_computed_tokens=ctx.integer(f"{name}.num_computed_tokens", 0),
        num_total_tokens=1,
        num_blocks=ctx.integer(f"{name}.num_blocks", 0),
        num_shared_blocks=ctx.integer(f"{name}.num_shared_blocks", 0),
        is_aborted=ctx.boolean(f"{name}.is_aborted"),
    )
    ctx.assume(request.num_shared_blocks <= request.num_blocks)
    return request


def any_prompt(ctx, name):
    """Draw a waiting request, which may hold a slot."""
    request = replace(any_member(ctx, name), holds_slot=ctx.boolean(f"{name}.holds_slot"))
    ctx.assume(request.num_prefill_tokens_left > 0)
    return request


def plan_is_turns(policy, role, num_running, num_waiting, only=None):
    """Return the theorem about every plan of queues of these lengths; with ``only``, that claim of it alone."""

    def theorem(ctx):
        merged = MergedPolicy(policy)
        config = ServingConfig(
            max_num_batched_tokens=ctx.integer("max_num_batched_tokens", 1),
            max_num_seqs=ctx.integer("max_num_seqs", 1),
            role=role,
        )
        queues = Queues(
            running=tuple(any_member(ctx, f"running[{i}]") for i in range(num_running)),
            waiting=tuple(any_prompt(ctx, f"waiting[{i}]") for i in range(num_waiting)),
            num_free_blocks=ctx.integer("num_free_blocks", 0),
            num_held_slots=ctx.integer("num_held_slots", 0),
            num_reserved_blocks_per_seq=1,
        )
        plan = schedule(queues, config, merged)
        for label, holds in checks_of(plan, config, merged):
            if only is None or only == label:
                ctx.prove(label, ctx.merged(holds))

    return theorem


CASES = [(name, role, *lengths) for name in POLICIES for role in ROLES for lengths in LENGTHS[name]]


@pytest.mark.parametrize(("name", "role", "num_running", "num_waiting"), CASES)
def test_a_plan_is_its_turns(name, role, num_running, num_waiting, theorem):
    outcome = check_held(
        f"a plan is its turns: {name}",
        plan_is_turns(POLICIES[name], role, num_running, num_waiting),
        theorem,
        scope=f"{role}: {num_running} running, {num_waiting} waiting",
    )
    has_turns = num_running + num_waiting > 0
    assert outcome.reached == {OPENED, CHAINED, ENDED, OVER, SORTED, LEFT} | ({TAKEN} if has_turns else set())


def loop_mutant(name, old, new):
    return Mutant(name=name, module="schedproof.engines.fastdeploy.loop", function="schedule", old=old, new=new)


WITH_WHOLE_BUDGET = "{name: getattr(turn.after, name) for name in Ledger.__slots__} | {'budget': opened.budget}"
ONE_SLOT_MORE = "ServingConfig(max_num_seqs=config.max_num_seqs + 1, role=config.role)"
MUTANTS = [
    (OPENED, loop_mutant("held slots are free", " + queues.num_held_slots", "")),
    (OPENED, loop_mutant("count no decodes", "num_decoding = count_decode(num_decoding, request, config)", "pass")),
    (OPENED, loop_mutant("count the last decode alone", "count_decode(num_decoding,", "count_decode(0,")),
    (OPENED, loop_mutant("reserve for nobody", "num_reserved=num_reserved", "num_reserved=0")),
    (OPENED, loop_mutant("reserve for the last alone", "count_reserved(num_reserved,", "count_reserved(0,")),
    (OPENED, loop_mutant("a block more", "=queues.num_free_blocks", "=queues.num_free_blocks + 1")),
    (
        OPENED,
        loop_mutant(
            "the last never runs", "num_running=len(queues.running)", "num_running=len(queues.running[1:])"
        ),
    ),
    (OPENED, loop_mutant("the last is never asked", "len(queues.waiting)", "len(queues.waiting[1:])")),
    (
        CHAINED,
        loop_mutant(
            "the budget is whole again", "ledger = turn.after", f"ledger = Ledger(**({WITH_WHOLE_BUDGET}))"
        ),
    ),
    (CHAINED, loop_mutant("turns in reverse", "turns.append(turn)", "turns.insert(0, turn)")),
    (
        TAKEN,
        loop_mutant(
            "a slot more", "next_turn(ledger, queues, config,", f"next_turn(ledger, queues, {ONE_SLOT_MORE},"
        ),
    ),
    (ENDED, loop_mutant("the plan ends as it began", "final=ledger", "final=opened")),
    (OVER, loop_mutant("one turn a step", "while (turn", "while not turns and (turn")),
    (
        SORTED,
        loop_mutant(
            "list no visit without tokens",
            "isinstance(turn, Visit))",
            "isinstance(turn, Visit) and turn.grant.num_tokens > 0)",
        ),
    ),
    (SORTED, loop_mutant("forget who was preempted", "isinstance(turn, Preemption)", "False")),
    (SORTED, loop_mutant("forget who was aborted", "isinstance(turn, Abort)", "False")),
    (SORTED, loop_mutant("forget who was skipped", "isinstance(turn, Skip)", "False")),
    (LEFT, loop_mutant("victims run too", "ledger.num_visited : ledger.num_running", "ledger.num_visited :")),
    (
        LEFT,
        loop_mutant("the first was visited", "ledger.num_visited : ledger", "max(ledger.num_visited, 1) : ledger"),
    ),
    (LEFT, loop_mutant("a prefill node decodes", " if config.runs_decode else ()", "")),
    (
        LEFT,
        loop_mutant(
            "prompts decode", "for request in unvisited if request.is_decoding", "for request in unvisited"
        ),
    ),
]


@pytest.mark.parametrize(("label", "mutant"), MUTANTS, ids=[f"{label}: {m.name}" for label, m in MUTANTS])
def test_mutant_is_refuted(label, mutant, theorem):
    with mutant.applied():
        outcomes = (
            prove(plan_is_turns(POLICIES[name], role, 2, num_waiting, label))
            for num_waiting in (0, 1)
            for name in POLICIES
            for role in ROLES
        )
        refuted = next((outcome for outcome in outcomes if outcome.status is Status.VIOLATED), None)
    assert refuted is not None
    assert refuted.reason == label
    theorem(f"a plan is its turns, with the mutant '{mutant.name}'", refuted, scope="2 running, up to 1 waiting")
