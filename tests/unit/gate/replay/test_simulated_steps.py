"""The clock, the queue and the nodes of a replay, on runs that fit on a page."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from schedproof import (
    NEWEST,
    POLICIES,
    REFERENCE,
    Ending,
    Engine,
    MultimodalItem,
    Policy,
    Request,
    Role,
    ServingConfig,
    SpeculativeConfig,
    SpeculativeMethod,
)
from schedproof.engines.fastdeploy.reference_policy import ReferencePolicy
from schedproof.engines.fastdeploy.rules.output_reserve import OutputReserve, ReserveState
from schedproof_gate.replay.acceptance import Acceptance
from schedproof_gate.replay.checks import checks_of
from schedproof_gate.replay.measurements import Measurements, Meter, nearest_rank
from schedproof_gate.replay.nodes import NODES
from schedproof_gate.replay.simulation import SimulatedStep, Simulation
from schedproof_gate.replay.standstill import Standstill
from schedproof_gate.replay.step_time import StepTime
from schedproof_gate.replay.workloads.arrival import Arrival

NO_RESERVE = OutputReserve(initial_blocks=0)
TIME = StepTime(base_latency_us=100.0, latency_per_token_us=1.0, transfer_per_token_us=10.0)
CONFIG = ServingConfig(
    max_num_seqs=4, max_num_batched_tokens=64, max_model_len=256, block_size=16, num_kv_blocks=64
)


def arrival(number: int, at_us: int, prompt: int, output: int, **more: object) -> tuple[int, Arrival]:
    found = Arrival(
        line=number,
        request_id=f"r{number}",
        time_us=at_us,
        num_prompt_tokens=prompt,
        max_new_tokens=output,
        **more,  # type: ignore[arg-type]
    )
    return at_us, found


def simulated(
    config: ServingConfig,
    arrivals: Iterable[tuple[int, Arrival]],
    policy: Policy = REFERENCE,
    rate: float = 0.0,
    reserve: OutputReserve | None = None,
    has_just_preempted: bool = False,
) -> tuple[list[SimulatedStep], Simulation, Measurements]:
    node = NODES[config.role](Engine(config, policy, reserve=reserve), TIME)
    if has_just_preempted:
        node.engine.reserve_state = ReserveState()
    checks = checks_of(config, policy)
    simulation = Simulation(node, arrivals, Acceptance(rate, config.tokens_per_seq - 1, 0), checks)
    meter = Meter(config, tuple(check.name for check in checks))
    steps = []
    for step in simulation.steps():
        steps.append(step)
        meter.add(step)
    return steps, simulation, meter.finish(simulation)


def names(step: SimulatedStep) -> set[str]:
    return set(step.broken)


def test_a_request_alone_runs_at_the_modelled_times() -> None:
    steps, simulation, measured = simulated(CONFIG, [arrival(1, 0, 70, 3)])
    assert [(step.start_us, step.end_us, step.launch.num_tokens) for step in steps] == [
        (0, 164, 64),
        (164, 270, 6),
        (270, 371, 1),
        (371, 472, 1),
    ]
    assert [step.queueing_us for step in steps] == [(0,), (), (), ()]
    assert [step.first_token_us for step in steps] == [(), (270,), (), ()]
    assert (measured.num_steps, measured.sum_tokens, measured.duration_us) == (4, 72, 472)
    assert simulation.num_ended[Ending.FINISHED] == 1
    assert simulation.num_unfinished == 0
    assert not any(step.broken for step in steps)


def test_who_arrives_during_a_step_waits_for_the_next_and_an_idle_engine_for_an_arrival() -> None:
    steps, _, measured = simulated(CONFIG, [arrival(1, 0, 64, 1), arrival(2, 30, 64, 1), arrival(3, 5000, 8, 1)])
    assert [step.start_us for step in steps] == [0, 164, 5000]
    assert [step.queueing_us for step in steps] == [(0,), (134,), (0,)]
    assert [step.num_waiting for step in steps] == [0, 0, 0]
    assert (measured.queueing.p50_us, measured.queueing.p99_us, measured.queueing.count) == (0, 134, 3)


def test_the_wait_of_the_oldest_request_grows_until_its_first_step() -> None:
    config = replace(CONFIG, max_num_seqs=1)
    steps, _, _ = simulated(config, [arrival(1, 0, 4, 3), arrival(2, 10, 4, 1), arrival(3, 20, 4, 1)])
    assert [(step.num_waiting, step.oldest_wait_us) for step in steps] == [
        (0, 0),
        (2, 94),
        (2, 195),
        (1, 296),
        (0, 390),
    ]


def test_accepted_drafts_shorten_a_run() -> None:
    speculation = SpeculativeConfig(method=SpeculativeMethod.MTP, num_speculative_tokens=3)
    config = replace(CONFIG, speculation=speculation)
    assert [len(simulated(config, [arrival(1, 0, 8, 9)], rate=rate)[0]) for rate in (0.0, 1.0)] == [9, 3]


def test_equal_prefixes_are_not_computed_twice() -> None:
    shared = [arrival(number, number * 1000, 48, 1, prefix_hashes=("a", "b", "c")) for number in (0, 1)]
    steps, _, measured = simulated(CONFIG, shared)
    assert [step.launch.num_tokens for step in steps] == [48, 16]
    assert all(tally.num_steps == 0 for tally in measured.tallies.values())


def test_an_upstream_overshoot_is_found_with_its_first_and_its_worst_step() -> None:
    speculation = SpeculativeConfig(method=SpeculativeMethod.MTP, num_speculative_tokens=5)
    config = replace(CONFIG, speculation=speculation)
    arrivals = [arrival(1, 0, 8, 40), arrival(2, 150, 8, 40), arrival(3, 300, 200, 2)]
    steps, _, measured = simulated(config, arrivals, POLICIES["original"])
    over = [step for step in steps if step.launch.num_tokens > 64]
    assert over
    assert all("no_overshoot" in names(step) for step in over)
    tally = measured.tallies["no_overshoot"]
    assert tally.first is not None and measured.worst is not None
    assert (tally.num_steps, tally.first.index, measured.num_over_limit) == (len(over), over[0].index, len(over))
    assert measured.worst.num_tokens == max(step.launch.num_tokens for step in steps)
    assert simulated(config, arrivals, REFERENCE)[2].num_over_limit == 0


def test_a_preempted_request_is_counted_and_comes_back() -> None:
    config = replace(CONFIG, num_kv_blocks=10, max_model_len=128)
    steps, simulation, measured = simulated(
        config, [arrival(1, 0, 60, 40), arrival(2, 0, 60, 40)], reserve=NO_RESERVE
    )
    assert measured.num_preemptions > 0
    assert simulation.num_ended[Ending.FINISHED] == 2
    assert measured.queueing.count == 2
    assert all(not step.broken for step in steps)


def test_what_can_never_fit_without_chunks_is_a_standstill_and_does_not_hang() -> None:
    config = replace(CONFIG, chunked_prefill=False)
    arrivals = [arrival(1, 0, 10, 1), arrival(2, 0, 100, 1), arrival(3, 9000, 10, 1)]
    steps, simulation, measured = simulated(config, arrivals, NEWEST)
    tally = measured.tallies["progress"]
    assert (tally.num_steps > 0, simulation.num_unfinished, measured.num_unfinished) == (True, 2, 2)
    assert tally.first is not None
    assert tally.first.num_tokens == 0
    assert len(steps) < 10
    assert simulation.now_us >= 9000


class NoGrowth(ReferencePolicy):
    """Gives decodes no KV blocks, so that one stops for good when its blocks are full."""

    name = "no growth"

    def decode_blocks(self, request: Request, config: ServingConfig) -> int:
        return 0


def test_an_engine_whose_reserve_shrinks_does_not_stand_still_yet() -> None:
    config = replace(CONFIG, num_kv_blocks=18)
    stuck, later = arrival(1, 0, 48, 9), arrival(2, 200, 16, 1)
    steps, simulation, measured = simulated(config, [stuck, later], NoGrowth())
    admitted = next(step.index for step in steps if step.start_us > 0 and step.queueing_us)
    first = measured.tallies["progress"].first
    assert first is not None
    assert 1 < admitted < first.index
    assert simulation.num_ended[Ending.FINISHED] == measured.num_unfinished == 1


class NoGrowthAsPublished(NoGrowth):
    """Its reserve shrinks only in steps that have a task for the worker."""

    name = "no growth, as published"
    relaxes_reserve = True


def test_an_engine_whose_reserve_shrinks_no_more_stands_still() -> None:
    config = replace(CONFIG, num_kv_blocks=18)
    arrivals = [arrival(1, 0, 48, 9), arrival(2, 200, 16, 1)]
    steps, _, measured = simulated(config, arrivals, NoGrowthAsPublished(), has_just_preempted=True)
    assert measured.num_unfinished == 2
    assert measured.tallies["progress"].first is not None
    assert len(steps) < 20


def test_a_prefill_node_keeps_a_request_until_its_cache_is_sent() -> None:
    config = replace(CONFIG, role=Role.PREFILL, max_num_seqs=1)
    steps, simulation, measured = simulated(config, [arrival(1, 0, 50, 8), arrival(2, 0, 50, 1)])
    # 150 us for the prompt, 500 us for its cache; the one slot is free again at 650 us.
    assert [step.start_us for step in steps] == [0, 650]
    assert [step.queueing_us for step in steps] == [(0,), (650,)]
    assert [step.first_token_us for step in steps] == [(150,), (800,)]
    assert simulation.num_ended == {
        Ending.FINISHED: 1,
        Ending.HANDED_OVER: 1,
        Ending.DROPPED: 0,
        Ending.ABORTED: 0,
    }
    assert measured.num_unfinished == 0


def test_a_decode_node_waits_for_the_prompt_and_its_cache() -> None:
    config = replace(CONFIG, role=Role.DECODE, max_num_seqs=1)
    steps, simulation, measured = simulated(config, [arrival(1, 0, 50, 3), arrival(2, 0, 50, 3)])
    # 150 us for the prompt elsewhere, 500 us for its cache; two decode steps of 101 us; then the other one.
    assert [step.start_us for step in steps] == [650, 751, 1502, 1603]
    assert (measured.queueing.count, measured.queueing.max_us) == (2, 852)
    assert measured.first_token.count == 0
    assert simulation.num_ended[Ending.FINISHED] == 2


def test_a_decode_node_drops_what_it_preempts() -> None:
    config = replace(CONFIG, role=Role.DECODE, num_kv_blocks=15, max_model_len=160, enc_dec_block_num=1)
    arrivals = [arrival(number, number, 60, 90) for number in range(2)]
    _, simulation, measured = simulated(config, arrivals, reserve=NO_RESERVE)
    assert simulation.num_ended[Ending.DROPPED] == measured.num_preemptions > 0
    assert measured.num_unfinished == 0


@pytest.mark.parametrize("role", list(Role))
def test_a_request_that_can_never_be_served_is_counted_and_the_others_run(role: Role) -> None:
    config = replace(CONFIG, role=role)
    _, simulation, measured = simulated(config, [arrival(1, 0, 300, 2), arrival(2, 0, 20, 4)])
    assert (measured.num_refused, simulation.num_done, measured.num_unfinished) == (1, 2, 0)


def test_items_reach_the_engine() -> None:
    config = replace(CONFIG, max_multimodal_item_tokens=40)
    item = (MultimodalItem(start=50, end=90),)
    steps, _, _ = simulated(config, [arrival(1, 0, 100, 1, items=item)])
    assert [step.launch.num_tokens for step in steps] == [50, 50]


def test_a_cycle_of_any_length_is_noticed() -> None:
    engine = Engine(CONFIG)
    states = []
    for number in range(5):
        engine.add_request(f"r{number}", 8, 1)
        states.append(engine.queues())
    standstill = Standstill()
    seen = [standstill.has_come_back(states[min(number, 2 + (number - 2) % 3)]) for number in range(30)]
    first = seen.index(True)
    assert 3 <= first <= 12
    standstill.reset()
    assert not standstill.has_come_back(states[0])


def test_quantiles_are_values_that_occurred() -> None:
    assert [nearest_rank([1, 2, 3, 4], percent) for percent in (50, 99)] == [2, 4]
    assert nearest_rank(list(range(1, 101)), 99) == 99
    assert nearest_rank([7], 50) == 7
