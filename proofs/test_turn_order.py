"""The order of turns, from any point of any step: who is visited, who leaves, who is admitted, and that it ends.

`next_turn` is executed with queues of any length. No rule about budgets sees this order; every plan has it.
"""

from __future__ import annotations

import pytest
from proofs.mutants.mutant import Mutant

from schedproof.engines.fastdeploy.policies import REFERENCE
from schedproof.engines.fastdeploy.turns import (
    Abort,
    Passing,
    Phase,
    Preemption,
    Skip,
    Visit,
    ask,
    has_blocks_to_continue,
    has_decode_status,
    next_turn,
)
from schedproof.engines.fastdeploy.versions.pr_7444 import Pr7444
from schedproof.engines.fastdeploy.versions.pr_7756 import Pr7756
from schedproof_spec.prover.prove import prove
from schedproof_spec.prover.verdict import Status
from schedproof_spec.states.domain import any_config
from schedproof_spec.states.ledger import any_frame, any_moment, queues_at
from schedproof_spec.states.merged import MergedPolicy

RUNNING_FIRST = "nobody waiting is asked while a running request is to be visited"
VISITED = "the running request whose turn it is follows those that had theirs"
VICTIM = "the victim is the last of the running list"
LAST_DECODE = "the victim is a decode, and the list of those that are left ends before it"
HELD = "a step that is over early has come to a prompt that may not start its chunk"
VICTIM_IN_NEED = "nobody leaves while the blocks that are asked for are free"
NO_ADMISSION = "nothing is admitted after a preemption"
SLOT = "nobody is admitted without a free slot"
BUDGET = "nobody is admitted without budget"
BLOCKS = "nobody gets blocks that are not free"
ADMITTED = "the waiting request whose turn it is follows those that had theirs"
ENDS = "every turn brings the end of the step one turn nearer"
OVER = "a step that is over has visited whom it visits"


def turn_order(policy, only=None):
    """Return the theorem about every turn; with ``only``, that claim of it alone."""

    def theorem(ctx):
        def claim(label, condition):
            if only is None or only == label:
                ctx.prove(label, condition)

        merged = MergedPolicy(policy)
        frame = any_frame(ctx, any_config, merged)
        config, ledger = frame.config, (moment := any_moment(ctx, frame)).ledger
        queues = queues_at(ctx, moment, frame)
        turn = next_turn(ledger, queues, config, merged)
        all_visited = ctx.merged(
            lambda: (
                ledger.num_visited == ledger.num_running + ledger.num_kept
                or not merged.keeps_visiting(ledger.budget)
            )
        )
        if turn is None:
            if not merged.preempts_only_decodes:
                claim(OVER, all_visited)
            elif not all_visited and ledger.num_visited < ledger.num_running:
                held = queues.running[ledger.num_visited]
                claim(HELD, ctx.merged(lambda: not held.is_decoding))
                grant = ctx.merged(lambda: ask(held, ledger.budget, config, merged))
                asked = (ledger, held, grant, queues, config, merged)
                claim(HELD, ctx.merged(lambda: not has_blocks_to_continue(*asked)))
            return
        if merged.preempts_only_decodes:
            claim(ENDS, num_left(turn.after) < num_left(ledger))
        else:
            claim(ENDS, num_left(turn.after) == num_left(ledger) - 1)
        if isinstance(turn, Visit):
            claim(BLOCKS, turn.grant.num_new_blocks <= ledger.num_free_blocks)
        if isinstance(turn, Skip) or (isinstance(turn, Visit) and turn.phase is Phase.ADMISSION):
            claim(RUNNING_FIRST, all_visited)
            claim(NO_ADMISSION, ledger.num_preempted == 0)
            claim(SLOT, ledger.num_slots_used < config.max_num_seqs)
            claim(BUDGET, ledger.budget > 0)
            claim(ADMITTED, queues.waiting.position_of(turn.request) == ledger.num_asked)
            return
        if isinstance(turn, Preemption):
            claim(VISITED, queues.running.position_of(turn.asking) == ledger.num_visited)
            if merged.preempts_only_decodes:
                claim(LAST_DECODE, queues.running.position_of(turn.request) == turn.after.num_running)
                claim(LAST_DECODE, ctx.merged(lambda: has_decode_status(turn.request, config)))
            else:
                claim(VICTIM, queues.running[ledger.num_running - 1] is turn.request)
            needed = ctx.merged(lambda: ask(turn.asking, ledger.budget, config, merged).num_new_blocks)
            claim(VICTIM_IN_NEED, needed > ledger.num_free_blocks)
        else:
            assert isinstance(turn, Visit | Passing | Abort)
            if merged.preempts_only_decodes and ledger.num_visited >= ledger.num_running:
                return
            claim(VISITED, queues.running.position_of(turn.request) == ledger.num_visited)

    return theorem


def num_left(ledger):
    """Turns that the step can have at most: none is taken twice, and each one is somebody's."""
    return ledger.num_running + ledger.num_kept - ledger.num_visited + ledger.num_waiting - ledger.num_asked


POLICIES = {policy.name: policy for policy in (REFERENCE, Pr7756(), Pr7444())}
"""One policy without aborts and skipped prompts, one with them, and one that preempts decodes alone."""

CLAIMS = {
    RUNNING_FIRST,
    VISITED,
    VICTIM,
    VICTIM_IN_NEED,
    NO_ADMISSION,
    SLOT,
    BUDGET,
    BLOCKS,
    ADMITTED,
    ENDS,
    OVER,
}
SCOPE = "every point of a step, any number of requests"


@pytest.mark.parametrize("policy_name", POLICIES)
def test_turns_come_in_order(policy_name, theorem):
    outcome = prove(turn_order(POLICIES[policy_name]))
    assert outcome.status is Status.HELD, outcome.reason
    only_decodes = POLICIES[policy_name].preempts_only_decodes
    assert outcome.reached == ((CLAIMS - {VICTIM, OVER}) | {LAST_DECODE, HELD} if only_decodes else CLAIMS)
    assert not outcome.unreached
    theorem(f"turn order under {policy_name}", outcome, scope=SCOPE)


def turn_mutant(name, function, old, new):
    return Mutant(name=name, module="schedproof.engines.fastdeploy.turns", function=function, old=old, new=new)


MUTANTS = [
    (
        LAST_DECODE,
        turn_mutant(
            "the one that asks is told to leave",
            "decode_preemption",
            "running[position]",
            "running[ledger.num_visited]",
        ),
    ),
    (
        HELD,
        turn_mutant("decodes are held too", "running_turn", "decodes and not request.is_decoding", "decodes"),
    ),
    (
        RUNNING_FIRST,
        turn_mutant(
            "waiting requests first", "next_turn", "if ledger.num_asked == 0", "if ledger.num_waiting == 0"
        ),
    ),
    (
        VISITED,
        turn_mutant(
            "begin with the last", "running_turn", "running[ledger.num_visited]", "running[ledger.num_running - 1]"
        ),
    ),
    (
        VICTIM,
        turn_mutant(
            "the one that asks leaves", "running_turn", "queues.running[ledger.num_running - 1]", "request"
        ),
    ),
    (
        VICTIM,
        turn_mutant("the first leaves", "running_turn", "running[ledger.num_running - 1]", "running[0]"),
    ),
    (
        VICTIM_IN_NEED,
        turn_mutant("the last free block is kept", "running_turn", "new_blocks > ledger", "new_blocks >= ledger"),
    ),
    (
        NO_ADMISSION,
        turn_mutant("admit after a preemption", "waiting_turn", "ledger.num_preempted > 0 or ", ""),
    ),
    (
        SLOT,
        turn_mutant(
            "admit beyond the slots", "waiting_turn", " or ledger.num_slots_used >= config.max_num_seqs", ""
        ),
    ),
    (
        SLOT,
        turn_mutant(
            "admit one beyond the slots", "waiting_turn", "num_slots_used >= config", "num_slots_used > config"
        ),
    ),
    (
        BUDGET,
        turn_mutant("admit without budget", "waiting_turn", "ledger.budget <= 0", "ledger.budget < -1"),
    ),
    (
        BLOCKS,
        turn_mutant("preempt for nobody", "running_turn", "grant.num_new_blocks > ledger.num_free_blocks", "False"),
    ),
    (
        ADMITTED,
        turn_mutant(
            "the newest first", "waiting_turn", "waiting[ledger.num_asked]", "waiting[ledger.num_waiting - 1]"
        ),
    ),
    (
        ENDS,
        turn_mutant("visit a decode again", "run_decode", "ledger.num_visited + 1", "ledger.num_visited"),
    ),
    (
        ENDS,
        turn_mutant("visit a prompt again", "run_prefill", "ledger.num_visited + 1", "ledger.num_visited"),
    ),
    (
        ENDS,
        turn_mutant("admit a request again", "admit", "ledger.num_asked + 1", "ledger.num_asked"),
    ),
    (
        ENDS,
        turn_mutant("preempt a request again", "preempt", "ledger.num_running - 1", "ledger.num_running"),
    ),
    (
        ENDS,
        turn_mutant("pass a request again", "running_turn", "num_visited + 1))", "num_visited))"),
    ),
    (
        ENDS,
        turn_mutant("skip a request again", "waiting_turn", "ledger.num_asked + 1", "ledger.num_asked"),
    ),
    (
        ENDS,
        turn_mutant("take out an aborted request again", "end_decode", "num_visited + 1", "num_visited"),
    ),
    (
        OVER,
        turn_mutant(
            "forget the last",
            "next_turn",
            "num_visited < ledger.num_running",
            "num_visited + 1 < ledger.num_running",
        ),
    ),
]


@pytest.mark.parametrize(("label", "mutant"), MUTANTS, ids=[f"{label}: {m.name}" for label, m in MUTANTS])
def test_mutant_is_refuted(label, mutant, theorem):
    with mutant.applied():
        outcomes = [prove(turn_order(policy, label)) for policy in POLICIES.values()]
    refuted = [outcome for outcome in outcomes if outcome.status is Status.VIOLATED]
    assert refuted, [outcome.reason for outcome in outcomes]
    assert refuted[0].reason == label
    theorem(f"turn order with the mutant '{mutant.name}'", refuted[0], scope=SCOPE)


def test_every_claim_is_refuted_by_a_mutant():
    assert {label for label, _ in MUTANTS} == CLAIMS | {LAST_DECODE, HELD}
