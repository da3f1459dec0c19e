"""Random steps of every policy agree with what was proved about it.

A rule that the prover holds never fails on a drawn state, and one that it refutes fails for its smallest witness.
The accounting of a step is checked beside it, from the plan alone.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from proofs.mutants.mutant import Mutant
from proofs.plans import checks_of
from proved import PLAN_RULES, keeps, proved
from strategies import configs, states

from schedproof import POLICIES, REFERENCE, Policy, Queues, Request, Role, ServingConfig, StepPlan, schedule
from schedproof import Phase as Turn
from schedproof.engines.fastdeploy.rules.chunk import item_cut_by
from schedproof.engines.fastdeploy.turns import has_decode_status
from schedproof_spec import INVARIANTS
from schedproof_spec.prover.context import ConcreteContext
from schedproof_spec.rules.budget import charge_is_what_runs
from schedproof_spec.rules.capacity import decodes_fit_limit, dispatch_holds_a_step, message_holds_a_step
from schedproof_spec.states.ledger import Moment, StepFrame, World, is_possible, moment_after
from schedproof_spec.verdicts.witness import ConfigWitness, read_witness

THOROUGH = settings(max_examples=60, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
UNTIL_FOUND = settings(THOROUGH, max_examples=2000, phases=[Phase.generate])

CONFIG_STATEMENTS: dict[str, Callable[[ServingConfig, Policy, int], bool]] = {
    "charge_follows_method": charge_is_what_runs,
    "decode_fits_budget": lambda config, policy, _: decodes_fit_limit(config),
    "dispatch_capacity_covers_step": lambda config, policy, _: dispatch_holds_a_step(
        policy.dispatch_capacity(config), config
    ),
    "message_fits": lambda config, policy, _: message_holds_a_step(config),
}
"""The rules that speak of no planned step; the number is of live decodes, less than the slots."""

RUN_RULES = ["blocks_conserved", "blocks_cover_tokens", "requests_conserved", "progress", "launch_covers_step"]
"""The rules that speak of more than a step: `test_engine.py` has runs."""


REFUTED = [
    (policy_name, name)
    for policy_name in POLICIES
    for name, entry in proved(policy_name).items()
    if entry["status"] == "violated"
]


def test_every_rule_is_checked_on_a_plan_or_on_a_config() -> None:
    assert sorted([*PLAN_RULES, *CONFIG_STATEMENTS, *RUN_RULES]) == sorted(INVARIANTS)
    for policy_name in POLICIES:
        assert proved(policy_name).keys() == INVARIANTS.keys()


@pytest.mark.parametrize("policy_name", POLICIES)
@THOROUGH
@given(data=st.data())
def test_a_drawn_step_keeps_what_was_proved(policy_name: str, data: st.DataObject) -> None:
    policy = POLICIES[policy_name]
    config, queues = data.draw(states(policy))
    untouched = copy.deepcopy((config, queues))
    plan = schedule(queues, config, policy)
    assert (config, queues) == untouched
    assert schedule(queues, config, policy) == plan
    check_accounting(plan, queues, config, policy)
    for name, entry in proved(policy_name).items():
        if entry["status"] == "held" and name in PLAN_RULES and INVARIANTS[name].applies(config):
            assert keeps(name, plan, config, policy), name


@pytest.mark.parametrize("policy_name", POLICIES)
@THOROUGH
@given(data=st.data())
def test_an_accepted_config_keeps_what_was_proved(policy_name: str, data: st.DataObject) -> None:
    policy = POLICIES[policy_name]
    config = data.draw(configs(policy))
    num_decoding = data.draw(st.integers(0, config.max_num_seqs - 1))
    for name, statement in CONFIG_STATEMENTS.items():
        if proved(policy_name)[name]["status"] == "held" and INVARIANTS[name].applies(config):
            assert statement(config, policy, num_decoding), name


@pytest.mark.parametrize(("policy_name", "name"), REFUTED)
def test_a_refuted_rule_fails_for_its_witness(policy_name: str, name: str) -> None:
    policy, invariant = POLICIES[policy_name], INVARIANTS[name]
    entry = proved(policy_name)[name]
    witness = read_witness(entry["witness"], invariant)
    assert policy.problems(witness.config) == []
    assert invariant.applies(witness.config)
    assert isinstance(witness, ConfigWitness) == (invariant.on_run is None or "note" in entry["witness"])
    replay = witness.replay(invariant, policy)
    assert not replay.holds
    assert replay.lines == entry["replay"]


@THOROUGH
@given(config=configs(REFERENCE))
def test_some_step_of_the_reference_reaches_the_planned_capacity(config: ServingConfig) -> None:
    plan = schedule(fullest(config), config, REFERENCE)
    assert plan.num_tokens(config) == REFERENCE.max_chunk_tokens(config)


def fullest(config: ServingConfig) -> Queues:
    """Return every slot decoding on a decode node, else prompts that fill the limit; all with their KV blocks."""

    def request(index: int, prompt: int, total: int) -> Request:
        return Request(
            request_id=f"request[{index}]",
            need_prefill_tokens=prompt,
            num_computed_tokens=total - 1 if config.role is Role.DECODE else 0,
            num_total_tokens=total,
            num_blocks=config.max_blocks_per_seq,
        )

    if config.role is Role.DECODE:
        decodes = tuple(request(i, prompt=1, total=2) for i in range(config.max_num_seqs))
        return Queues(running=decodes, waiting=(), num_free_blocks=config.max_num_seqs * config.enc_dec_block_num)
    whole, rest = divmod(config.max_num_batched_tokens, config.max_model_len)
    prompts = [config.max_model_len] * whole + [rest] * (rest > 0)
    waiting = tuple(request(i, prompt, total=prompt) for i, prompt in enumerate(prompts))
    return Queues(running=(), waiting=waiting, num_free_blocks=0)


def check_accounting(plan: StepPlan, queues: Queues, config: ServingConfig, policy: Policy) -> None:
    """Check tokens, blocks, slots, order and places of the requests of any step."""
    batch = plan.batch(config)
    assert sum(entry.num_tokens for entry in batch) == plan.num_tokens(config)
    granted = sum(visit.grant.num_new_blocks for visit in plan.visits)
    freed = sum(request.num_blocks for request in plan.preempted + plan.aborted)
    assert plan.final.num_free_blocks == queues.num_free_blocks - granted + freed
    assert all(step.num_free_blocks >= 0 for step in plan.ledgers)
    assert all(step.num_slots_used <= config.max_num_seqs for step in plan.ledgers)

    scheduled = [entry.request_id for entry in batch]
    preempted = [request.request_id for request in plan.preempted]
    assert len(set(scheduled)) == len(scheduled)
    assert set(scheduled).isdisjoint(preempted)
    order = [
        request.request_id
        for request in queues.running
        if not policy.preempts_only_decodes or has_decode_status(request, config)
    ]
    assert preempted == order[::-1][: len(preempted)]
    admitted = [visit.request for visit in plan.visits if visit.phase is Turn.ADMISSION]
    asked = [request for request in queues.waiting if request in admitted or request in plan.skipped]
    assert asked == list(queues.waiting[: len(asked)])
    assert not (asked and preempted)
    num_new_slots = sum(not request.holds_slot for request in admitted)
    assert plan.final.num_slots_used == len(queues.running) + queues.num_held_slots + num_new_slots
    if config.runs_decode:
        gone = {*preempted, *(request.request_id for request in plan.aborted)}
        live = {request.request_id for request in queues.running if request.is_decoding} - gone
        assert live == {entry.request_id for entry in batch if entry.phase is Turn.DECODE}
    for label, holds in checks_of(plan, config, policy):
        assert holds(), label
    check_ledgers(plan, queues, config, policy)


def check_ledgers(plan: StepPlan, queues: Queues, config: ServingConfig, policy: Policy) -> None:
    """Check that every point of the step is one that the induction allows for, and starts from."""
    decodes = [request for request in queues.running if request.is_decoding]
    num_decoding = len(decodes) if config.runs_decode else 0
    frame = StepFrame(
        config,
        policy,
        num_decoding=num_decoding,
        num_reserved=len(decodes) if policy.counts_prefilled else num_decoding,
        num_running=len(queues.running),
        num_slots_used=len(queues.running) + queues.num_held_slots,
        initial_budget=plan.opened.budget,
    )
    world = World(num_decoding, 0, frame.num_slots_used, queues.num_free_blocks)
    moment = Moment(plan.opened, world, num_unvisited=num_decoding, prompt_seen=False, all_finished=True)
    assert is_possible(moment, frame)
    for turn in plan.turns:
        moment = moment_after(ConcreteContext({}), moment, turn, config)
        assert is_possible(moment, frame), turn


Situation = Callable[[StepPlan, ServingConfig, Queues], bool]

SITUATIONS: dict[str, Situation] = {
    "a running request is preempted": lambda plan, config, queues: len(plan.preempted) > 0 and len(plan.visits) > 0,
    "the request that asks is preempted itself": lambda plan, config, queues: (
        len(plan.preempted) == len(queues.running) > 0
    ),
    "a decode waits behind a preemption": lambda plan, config, queues: any(
        visit.phase is Turn.DECODE and visit.before.num_preempted > 0 for visit in plan.visits
    ),
    "several requests are admitted": lambda plan, config, queues: (
        sum(visit.phase is Turn.ADMISSION for visit in plan.visits) > 1
    ),
    "decodes fill the step to the last token": lambda plan, config, queues: (
        plan.opened.num_decoding * config.tokens_per_seq == config.max_num_batched_tokens
    ),
    "decodes with drafts run beside a chunk": lambda plan, config, queues: (
        plan.final.num_decoding > 0 and plan.final.prefill_tokens > 0 and config.tokens_per_seq > 1
    ),
    "an item is rolled back": lambda plan, config, queues: any(
        item_cut_by(visit.request.items, visit.request.num_computed_tokens + visit.before.budget) is not None
        for visit in plan.visits
        if visit.phase is not Turn.DECODE
    ),
    "an alignment unit does not fit": lambda plan, config, queues: any(
        visit.grant.num_tokens == 0 and visit.before.budget > 0 and config.deterministic and not visit.request.items
        for visit in plan.visits
    ),
    "every slot is taken": lambda plan, config, queues: (
        plan.final.num_slots_used == config.max_num_seqs and len(queues.waiting) > len(plan.visits) > 0
    ),
    "a pool is short of blocks for an admission": lambda plan, config, queues: (
        queues.num_reserved_blocks_per_seq > 0
        and plan.final.budget > 0
        and len(queues.waiting) > len(plan.visits) > 0
    ),
}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_the_drawn_states_contain(situation: str) -> None:
    def occurs(state: tuple[ServingConfig, Queues]) -> bool:
        config, queues = state
        return SITUATIONS[situation](schedule(queues, config, REFERENCE), config, queues)

    find(states(REFERENCE), occurs, settings=UNTIL_FOUND)


SLIPS = {
    "budget_tight": Mutant(
        name="reserve for every slot",
        module="schedproof.engines.fastdeploy.rules.budget",
        function="prefill_budget",
        old="decode_tokens(config, num_decoding)",
        new="decode_tokens(config, config.max_num_seqs)",
    ),
    "every_decode_served": Mutant(
        name="forget that the last sampled token is written too",
        module="schedproof.engines.fastdeploy.rules.blocks",
        function="decode_blocks",
        old="request.num_total_tokens - 1",
        new="request.num_total_tokens - 2",
    ),
    "chunk_within_prompt": Mutant(
        name="run past the prompt's end",
        module="schedproof.engines.fastdeploy.rules.chunk",
        function="reachable_end",
        old="return need",
        new="return computed + budget",
    ),
    "chunk_capacity_covers_step": Mutant(
        name="forget the drafts of a decode node",
        module="schedproof.engines.fastdeploy.rules.capacity",
        function="max_chunk_tokens",
        old="config.max_decode_tokens",
        new="config.max_num_seqs",
    ),
}


@pytest.mark.parametrize("name", SLIPS)
def test_the_drawn_states_notice_a_slip_in_the_reference(name: str) -> None:
    def breaks(state: tuple[ServingConfig, Queues]) -> bool:
        config, queues = state
        plan = schedule(queues, config, REFERENCE)
        return INVARIANTS[name].applies(config) and not keeps(name, plan, config, REFERENCE)

    with SLIPS[name].applied():
        find(states(REFERENCE), breaks, settings=UNTIL_FOUND)
