"""Changes of the step loop that look harmless, each refuted by the theorem of the rule that it breaks.

The theorems speak of any number of requests: they execute the loop's turns from every possible point of a step.
`possible` is what all of them start from (`schedproof_spec.states.ledger.is_possible`); it stands in where a policy
keeps no rule that would see the change.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from proofs.changes_of_order import CHANGES_OF_ORDER
from proofs.mutants.mutant import Mutant
from proofs.possible import possible

from schedproof.engines.fastdeploy.policies import POLICIES, REFERENCE
from schedproof_spec import INVARIANTS, Status
from schedproof_spec.verdicts.decide import proof_alone
from schedproof_spec.verdicts.question import Question
from schedproof_spec.verdicts.verdict_cache import without_cache

POSSIBLE = "possible"


@dataclass(frozen=True, slots=True)
class LoopChange:
    """A change, the rule that it breaks, and the policy that keeps the rule without it."""

    rule: str
    mutant: Mutant
    policy: str = REFERENCE.name

    def prove(self):
        """Return what becomes of the rule's theorem, without a search for a run."""
        policy = POLICIES[self.policy]
        if self.rule == POSSIBLE:
            return proof_alone(possible(policy))
        return proof_alone(Question(INVARIANTS[self.rule], policy))


def change(rule, name, function, old, new, policy=REFERENCE.name):
    module = "schedproof.engines.fastdeploy.turns"
    return LoopChange(rule, Mutant(name=name, module=module, function=function, old=old, new=new), policy)


ASK, ASK_WITH_LIMIT = "ask(request, ledger.budget, config", "ask(request, config.max_num_batched_tokens, config"
BLOCKS_TAKEN = "ledger.num_free_blocks - grant.num_new_blocks"

CHANGES = [
    # what a step runs
    change("no_overshoot", "ask for a running prompt with the whole limit", "running_turn", ASK, ASK_WITH_LIMIT),
    change("no_overshoot", "ask for a waiting prompt with the whole limit", "waiting_turn", ASK, ASK_WITH_LIMIT),
    change(
        "no_overshoot",
        "run a whole prompt",
        "ask",
        "policy.next_chunk(request, budget, config)",
        "request.num_prefill_tokens_left",
    ),
    change(
        "no_overshoot",
        "run a chunk without paying",
        "run_prefill",
        "ledger.budget - grant.num_tokens",
        "ledger.budget",
    ),
    change("no_overshoot", "admit without paying", "admit", "ledger.budget - grant.num_tokens", "ledger.budget"),
    change("no_overshoot", "give the budget back", "run_prefill", "ledger.budget - grant", "ledger.budget + grant"),
    change(
        "no_overshoot",
        "count one token of a chunk",
        "run_prefill",
        "ledger.prefill_tokens + grant.num_tokens",
        "ledger.prefill_tokens + 1",
    ),
    change(
        "no_overshoot",
        "forget an admitted chunk",
        "admit",
        "ledger.prefill_tokens + grant.num_tokens",
        "ledger.prefill_tokens",
    ),
    change(
        "no_overshoot",
        "begin with the whole limit",
        "open_step",
        "initial_budget(config, num_reserved)",
        "initial_budget(config, 0)",
    ),
    change("no_overshoot", "count no decode", "open_step", "num_decoding=num_decoding", "num_decoding=0"),
    change("no_overshoot", "count prompts as decodes", "count_decode", "request.is_decoding and ", ""),
    change("no_overshoot", "count each decode twice", "count_decode", "num_decoding + 1", "num_decoding + 2"),
    change(
        "no_overshoot", "count decodes that wait for their hand-over", "count_decode", " and config.runs_decode", ""
    ),
    change("no_overshoot", "count prompts in the reservation", "count_reserved", "request.is_decoding and ", ""),
    change("no_overshoot", "reserve for nobody", "count_reserved", "num_reserved + 1", "num_reserved"),
    change("no_overshoot", "a preempted decode still counts", "preempt", "num_decoding - 1", "num_decoding"),
    change("no_overshoot", "a preempted prompt stops decoding", "preempt", "victim.is_decoding and ", ""),
    change(
        "no_overshoot",
        "run decodes of a prefill node",
        "running_turn",
        "not config.runs_decode",
        "config.runs_decode",
    ),
    # the order of turns
    change(
        "no_overshoot",
        "the first running request leaves",
        "running_turn",
        "running[ledger.num_running - 1]",
        "running[0]",
    ),
    change("no_overshoot", "admit after a preemption", "waiting_turn", "ledger.num_preempted > 0 or ", ""),
    change(
        "no_overshoot", "forget who was preempted", "preempt", "ledger.num_preempted + 1", "ledger.num_preempted"
    ),
    change("no_overshoot", "a victim stays in the list", "preempt", "ledger.num_running - 1", "ledger.num_running"),
    change("no_overshoot", "visit a decode again", "run_decode", "ledger.num_visited + 1", "ledger.num_visited"),
    change("no_overshoot", "admit a request again", "admit", "ledger.num_asked + 1", "ledger.num_asked"),
    change(
        "no_overshoot", "leave out every second running request", "run_decode", "num_visited + 1", "num_visited + 2"
    ),
    change("no_overshoot", "leave out every second waiting request", "admit", "num_asked + 1", "num_asked + 2"),
    change(
        "no_overshoot",
        "begin in the middle of the running list",
        "running_turn",
        "running[ledger.num_visited]",
        "running[0]",
    ),
    change(
        "every_decode_served",
        "waiting requests first",
        "next_turn",
        "if ledger.num_asked == 0",
        "if ledger.num_waiting == 0",
    ),
    change(
        "every_decode_served",
        "forget the last running request",
        "next_turn",
        "num_visited < ledger.num_running",
        "num_visited + 1 < ledger.num_running",
    ),
    change(
        "budget_tight",
        "waiting requests first",
        "next_turn",
        "if ledger.num_asked == 0",
        "if ledger.num_waiting == 0",
    ),
    change(
        "budget_tight",
        "forget the last running request",
        "next_turn",
        "num_visited < ledger.num_running",
        "num_visited + 1 < ledger.num_running",
    ),
    change(
        "chunk_within_prompt",
        "ask the policy about another budget",
        "next_turn",
        "visiting(ledger.budget)",
        "visiting(1)",
        "7499",
    ),
    # slots
    change(
        "no_overshoot",
        "admit beyond the slots",
        "waiting_turn",
        " or ledger.num_slots_used >= config.max_num_seqs",
        "",
    ),
    change(
        "no_overshoot",
        "admit one beyond the slots",
        "waiting_turn",
        "num_slots_used >= config",
        "num_slots_used > config",
    ),
    change(
        "no_overshoot",
        "admit without a slot",
        "admit",
        "holds_slot else ledger.num_slots_used + 1",
        "holds_slot else ledger.num_slots_used",
    ),
    change("no_overshoot", "admit and count nobody", "admit", "ledger.num_admitted + 1", "ledger.num_admitted"),
    change(
        "budget_tight",
        "keep a slot free",
        "waiting_turn",
        "num_slots_used >= config",
        "num_slots_used + 1 >= config",
    ),
    # KV blocks
    change(
        "no_overshoot",
        "preempt for nobody",
        "running_turn",
        "grant.num_new_blocks > ledger.num_free_blocks",
        "False",
    ),
    change(
        "no_overshoot",
        "preempt one block late",
        "running_turn",
        "new_blocks > ledger.num_free_blocks",
        "new_blocks > ledger.num_free_blocks + 1",
    ),
    change(
        "no_overshoot",
        "admit without blocks",
        "waiting_turn",
        "not has_blocks_to_admit(ledger, grant, queues, config, policy)",
        "False",
    ),
    change("no_overshoot", "a decode takes no blocks", "run_decode", BLOCKS_TAKEN, "ledger.num_free_blocks"),
    change("no_overshoot", "a chunk takes no blocks", "run_prefill", BLOCKS_TAKEN, "ledger.num_free_blocks"),
    change("no_overshoot", "an admission takes no blocks", "admit", BLOCKS_TAKEN, "ledger.num_free_blocks"),
    change("no_overshoot", "free blocks that others share", "preempt", " - victim.num_shared_blocks", ""),
    change(
        "no_overshoot",
        "count shared blocks one off",
        "preempt",
        "- victim.num_shared_blocks",
        "- victim.num_shared_blocks + 1",
    ),
    change("no_overshoot", "lose a victim's blocks", "preempt", " + victim.num_blocks", ""),
    change(
        "no_overshoot",
        "begin with a block more",
        "open_step",
        "num_free_blocks=num_free_blocks",
        "num_free_blocks=num_free_blocks + 1",
    ),
    change("every_decode_served", "give a decode no blocks", "ask", "policy.decode_blocks(request, config)", "0"),
    change(
        "every_decode_served", "give a decode one token", "ask", "num_tokens=config.tokens_per_seq", "num_tokens=1"
    ),
    change(
        "blocks_cover_tokens", "give a chunk no blocks", "ask", "policy.prefill_blocks(request, chunk, config)", "0"
    ),
    # chunks
    change(
        "chunk_within_prompt",
        "a token more than the rule says",
        "ask",
        "Grant(num_tokens=chunk",
        "Grant(num_tokens=chunk + 1",
    ),
    change(
        "chunk_respects_items",
        "run a whole prompt",
        "ask",
        "policy.next_chunk(request, budget, config)",
        "request.num_prefill_tokens_left",
    ),
    change(
        "chunk_capacity_covers_step",
        "begin with the whole limit",
        "open_step",
        "initial_budget(config, num_reserved)",
        "initial_budget(config, 0)",
    ),
    change(
        "budget_nonnegative", "ask for a waiting prompt with the whole limit", "waiting_turn", ASK, ASK_WITH_LIMIT
    ),
    change(
        "budget_nonnegative",
        "pay twice",
        "admit",
        "ledger.budget - grant.num_tokens",
        "ledger.budget - 2 * grant.num_tokens",
    ),
    change(
        "budget_tight",
        "pay twice",
        "admit",
        "ledger.budget - grant.num_tokens",
        "ledger.budget - 2 * grant.num_tokens",
    ),
    change("budget_tight", "keep a token back", "waiting_turn", "ledger.budget <= 0", "ledger.budget <= 1"),
    # features of upstream
    change(
        POSSIBLE,
        "leave a decode's charge out",
        "run_decode",
        "ledger.budget - policy.decode_charge(config)",
        "ledger.budget",
        "original",
    ),
    change(
        POSSIBLE,
        "count a slot that it holds again",
        "admit",
        "ledger.num_slots_used if request.holds_slot",
        "ledger.num_slots_used + 1 if request.holds_slot",
        "original",
    ),
    change(
        POSSIBLE,
        "charge a decode twice",
        "run_decode",
        "ledger.budget - policy",
        "ledger.budget - 2 * policy",
        "original",
    ),
    change(
        POSSIBLE,
        "an aborted decode still counts",
        "end_decode",
        "ledger.num_decoding - 1",
        "ledger.num_decoding",
        "original",
    ),
    change(POSSIBLE, "an aborted decode keeps its blocks", "end_decode", " + request.num_blocks", "", "original"),
    change(
        POSSIBLE, "take out an aborted decode again", "end_decode", "num_visited + 1", "num_visited", "original"
    ),
    change(
        POSSIBLE, "take out an aborted decode uncounted", "end_decode", "num_aborted + 1", "num_aborted", "original"
    ),
    change(POSSIBLE, "a prompt that holds no slot needs none", "admit", "request.holds_slot", "True", "original"),
    change(
        POSSIBLE,
        "skip a prompt and admit it",
        "waiting_turn",
        "num_asked=ledger.num_asked + 1)",
        "num_asked=ledger.num_asked + 1, num_admitted=ledger.num_admitted + 1)",
        "original",
    ),
    change(
        POSSIBLE,
        "reserve for what was handed over",
        "count_reserved",
        "config.runs_decode or policy.counts_prefilled",
        "True",
        "original",
    ),
]

CHANGES += [change(*each) for each in CHANGES_OF_ORDER]


@pytest.mark.parametrize("case", CHANGES, ids=lambda case: f"{case.rule}: {case.mutant.name}")
def test_mutant_is_refuted(case, theorem):
    with case.mutant.applied(), without_cache():
        outcome = case.prove()
    assert outcome.status is Status.VIOLATED, outcome.reason
    theorem(f"{case.rule} with the loop change '{case.mutant.name}'", outcome, scope=f"any state, {case.policy}")


@pytest.mark.parametrize(("rule", "policy"), sorted({(case.rule, case.policy) for case in CHANGES}))
def test_rule_is_kept_without_the_change(rule, policy):
    case = next(case for case in CHANGES if (case.rule, case.policy) == (rule, policy))
    assert case.prove().status is Status.HELD
