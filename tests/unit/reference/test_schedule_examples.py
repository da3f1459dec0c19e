"""One step at a time: who runs, with how many tokens and blocks. A tour of the scheduler."""

import pytest

from schedproof import (
    POLICIES,
    REFERENCE,
    MultimodalItem,
    Phase,
    Queues,
    Request,
    Role,
    ServingConfig,
    SpeculativeConfig,
    SpeculativeMethod,
    StepPlan,
    new_request,
    schedule,
)

MTP = SpeculativeConfig(method=SpeculativeMethod.MTP, num_speculative_tokens=5)
"""Six tokens a decode."""

MANY_BLOCKS = 10_000


def decoding(name: str, num_total_tokens: int = 100, num_blocks: int = 4) -> Request:
    return Request(
        request_id=name,
        need_prefill_tokens=num_total_tokens - 1,
        num_computed_tokens=num_total_tokens - 1,
        num_total_tokens=num_total_tokens,
        num_blocks=num_blocks,
    )


def decodes(count: int) -> tuple[Request, ...]:
    return tuple(decoding(f"d{i}") for i in range(count))


def tokens(plan: StepPlan, config: ServingConfig) -> dict[str, int]:
    return {entry.request_id: entry.num_tokens for entry in plan.batch(config)}


def test_decodes_come_first_and_prefill_gets_the_rest_in_order() -> None:
    config = ServingConfig(max_num_seqs=4, max_num_batched_tokens=300, speculation=MTP)
    queues = Queues(
        running=decodes(2), waiting=(new_request("a", 200), new_request("b", 200)), num_free_blocks=MANY_BLOCKS
    )
    plan = schedule(queues, config, REFERENCE)
    assert tokens(plan, config) == {"d0": 6, "d1": 6, "a": 200, "b": 88}
    assert [entry.phase for entry in plan.batch(config)] == [Phase.DECODE] * 2 + [Phase.ADMISSION] * 2
    assert plan.num_tokens(config) == 300


def test_a_prompt_that_runs_ahead_leaves_the_decodes_behind_it_their_tokens() -> None:
    config = ServingConfig(max_num_seqs=4, max_num_batched_tokens=300, speculation=MTP)
    running = (Request(request_id="p", need_prefill_tokens=500, num_total_tokens=500), *decodes(2))
    plan = schedule(Queues(running=running, waiting=(), num_free_blocks=MANY_BLOCKS), config, REFERENCE)
    assert tokens(plan, config) == {"p": 288, "d0": 6, "d1": 6}


def test_the_same_state_overshoots_under_the_version_before_the_fixes() -> None:
    """One token a decode is charged, and what is left goes to the prompt: 298 + 12 of 300 tokens."""
    config = ServingConfig(max_num_seqs=4, max_num_batched_tokens=300, speculation=MTP)
    queues = Queues(running=decodes(2), waiting=(new_request("a", 500),), num_free_blocks=MANY_BLOCKS)
    plan = schedule(queues, config, POLICIES["original"])
    assert tokens(plan, config) == {"d0": 6, "d1": 6, "a": 298}
    assert plan.num_tokens(config) == 310


@pytest.mark.parametrize(
    ("policy", "opening"),
    [("7438", 512), ("7438-clamp", 512), ("7499", 512), ("reference", 512), ("original", 2048)],
)
def test_the_reviewers_example_with_every_slot_decoding(policy: str, opening: int) -> None:
    """2048 tokens, 256 sequences of 6: 512 are left for prefill, floor or no floor."""
    config = ServingConfig(max_num_seqs=256, max_num_batched_tokens=2048, speculation=MTP)
    plan = schedule(Queues(running=decodes(256), waiting=(), num_free_blocks=MANY_BLOCKS), config, POLICIES[policy])
    assert plan.opened.budget == opening
    assert plan.num_tokens(config) == 1536


def test_the_reviewers_example_with_few_decodes() -> None:
    """Reserving for 256 slots leaves 512 tokens to a long prompt; counting the two live decodes leaves 2036."""
    config = ServingConfig(max_num_seqs=256, max_num_batched_tokens=2048, speculation=MTP)
    queues = Queues(running=decodes(2), waiting=(new_request("a", 4000),), num_free_blocks=MANY_BLOCKS)
    assert tokens(schedule(queues, config, REFERENCE), config)["a"] == 2036
    assert tokens(schedule(queues, config, POLICIES["7438"]), config)["a"] == 510


def test_at_equality_decodes_use_the_whole_limit_and_nothing_is_admitted() -> None:
    config = ServingConfig(max_num_seqs=100, max_num_batched_tokens=600, speculation=MTP)
    plan = schedule(
        Queues(running=decodes(100), waiting=(new_request("a", 10),), num_free_blocks=MANY_BLOCKS),
        config,
        REFERENCE,
    )
    assert plan.num_tokens(config) == 600
    assert plan.final.budget == 0
    assert plan.unvisited_decodes == ()
    assert len(plan.visits) == 100


def test_at_equality_the_newest_version_upstream_visits_no_decode() -> None:
    """Its budget is 0 before the loop: everything runs, with no new KV blocks for anyone."""
    config = ServingConfig(max_num_seqs=100, max_num_batched_tokens=600, speculation=MTP)
    queues = Queues(running=decodes(100), waiting=(), num_free_blocks=MANY_BLOCKS)
    plan = schedule(queues, config, POLICIES["7756"])
    assert plan.visits == ()
    assert plan.unvisited_decodes == queues.running
    assert plan.num_tokens(config) == 600


def test_the_last_running_request_is_preempted_first() -> None:
    config = ServingConfig(max_num_seqs=4, block_size=64, enc_dec_block_num=1)
    running = (
        decoding("a", num_total_tokens=128, num_blocks=2),
        decoding("b", num_total_tokens=128, num_blocks=2),
        decoding("c", num_total_tokens=10, num_blocks=1),
        decoding("d", num_total_tokens=10, num_blocks=1),
    )
    queues = Queues(running=running, waiting=(new_request("w", 10),), num_free_blocks=0)
    plan = schedule(queues, config, REFERENCE)
    assert [request.request_id for request in plan.preempted] == ["d", "c"]
    assert tokens(plan, config) == {"a": 1, "b": 1}
    assert plan.final.num_free_blocks == 0
    assert plan.final.num_slots_used == 4  # until the worker acknowledges, the slots are not free
    assert all(visit.phase is not Phase.ADMISSION for visit in plan.visits)


def test_the_only_running_request_can_preempt_itself() -> None:
    config = ServingConfig()
    queues = Queues(running=(decoding("a", num_total_tokens=128, num_blocks=2),), waiting=(), num_free_blocks=0)
    plan = schedule(queues, config, REFERENCE)
    assert plan.preempted == queues.running
    assert plan.batch(config) == ()
    assert plan.num_tokens(config) == 0
    assert plan.final.num_free_blocks == 2


@pytest.mark.parametrize(("held", "admitted"), [(0, 2), (1, 1), (2, 0)])
def test_slots_limit_admissions_and_held_slots_count(held: int, admitted: int) -> None:
    config = ServingConfig(max_num_seqs=4)
    waiting = tuple(new_request(f"w{i}", 10) for i in range(3))
    queues = Queues(running=decodes(2), waiting=waiting, num_free_blocks=MANY_BLOCKS, num_held_slots=held)
    plan = schedule(queues, config, REFERENCE)
    assert [name for name in tokens(plan, config) if name.startswith("w")] == [f"w{i}" for i in range(admitted)]


def test_an_admission_leaves_the_output_reserve_of_the_running_requests() -> None:
    config = ServingConfig(max_num_seqs=4, block_size=64)
    waiting = (new_request("w", 128),)
    for free, is_admitted in ((6, True), (5, False)):
        queues = Queues(running=decodes(2), waiting=waiting, num_free_blocks=free, num_reserved_blocks_per_seq=2)
        plan = schedule(queues, config, REFERENCE)
        assert ("w" in tokens(plan, config)) is is_admitted


def test_the_first_request_that_cannot_be_admitted_keeps_its_place() -> None:
    """An image of 60 tokens does not fit 50: nobody overtakes it, though the next prompt would fit."""
    config = ServingConfig(max_num_seqs=4, max_num_batched_tokens=64, max_multimodal_item_tokens=60)
    picture = new_request("picture", 60, items=(MultimodalItem(start=0, end=60),))
    running = (Request(request_id="p", need_prefill_tokens=14, num_total_tokens=14),)
    queues = Queues(running=running, waiting=(picture, new_request("short", 5)), num_free_blocks=MANY_BLOCKS)
    assert tokens(schedule(queues, config, REFERENCE), config) == {"p": 14}
    overshooting = schedule(queues, config, POLICIES["7756"])
    assert tokens(overshooting, config) == {"p": 14, "picture": 60}
    assert overshooting.num_tokens(config) == 74


def test_a_prefill_node_runs_prompts_and_leaves_finished_ones_alone() -> None:
    config = ServingConfig(max_num_seqs=4, max_num_batched_tokens=100, role=Role.PREFILL, speculation=MTP)
    queues = Queues(
        running=(decoding("done"), Request(request_id="p", need_prefill_tokens=70, num_total_tokens=70)),
        waiting=(new_request("w", 70),),
        num_free_blocks=MANY_BLOCKS,
    )
    plan = schedule(queues, config, REFERENCE)
    assert plan.opened.num_decoding == 0
    assert tokens(plan, config) == {"p": 70, "w": 30}
    assert plan.unvisited_decodes == ()
    assert plan.num_tokens(config) == 100


def test_a_decode_node_runs_every_slot() -> None:
    config = ServingConfig(max_num_seqs=3, max_num_batched_tokens=64, role=Role.DECODE, speculation=MTP)
    plan = schedule(Queues(running=decodes(3), waiting=(), num_free_blocks=MANY_BLOCKS), config, REFERENCE)
    assert tokens(plan, config) == {"d0": 6, "d1": 6, "d2": 6}
    assert plan.num_tokens(config) == REFERENCE.max_chunk_tokens(config) == 18


def test_the_ledgers_show_every_point_of_a_step() -> None:
    config = ServingConfig(max_num_seqs=4, max_num_batched_tokens=300)
    queues = Queues(
        running=(decoding("d"), Request(request_id="p", need_prefill_tokens=100, num_total_tokens=100)),
        waiting=(new_request("w", 300),),
        num_free_blocks=MANY_BLOCKS,
    )
    plan = schedule(queues, config, REFERENCE)
    assert [step.budget for step in plan.ledgers] == [299, 299, 199, 0]
    assert [step.prefill_tokens for step in plan.ledgers] == [0, 0, 100, 299]
