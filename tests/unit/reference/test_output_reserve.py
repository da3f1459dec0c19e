"""Free blocks that an admission leaves, and how their number decays."""

import pytest

from schedproof.engines.fastdeploy.rules.output_reserve import (
    OutputReserve,
    ReserveState,
    published_reserve_after_step,
    reserved_blocks_per_seq,
)


@pytest.mark.parametrize(
    ("num_steps", "blocks"), [(0, 16), (1, 15), (40, 15), (41, 14), (600, 1), (601, 0), (640, 0), (10_000, 0)]
)
def test_the_preset_loses_a_fortieth_of_a_block_a_step(num_steps: int, blocks: int) -> None:
    """Upstream counts down from 16 by 0.025 and keeps whole blocks: 15 after the first step."""
    assert (
        reserved_blocks_per_seq(OutputReserve(), ReserveState(num_steps=num_steps))
        == blocks
        == max(int(16 - num_steps * 0.025), 0)
    )


def test_the_reserve_stops_at_its_minimum() -> None:
    reserve = OutputReserve(initial_blocks=4, steps_per_block=1, minimum_blocks=2)
    assert [reserved_blocks_per_seq(reserve, ReserveState(num_steps=number)) for number in range(5)] == [
        4,
        3,
        2,
        2,
        2,
    ]


@pytest.mark.parametrize(("field", "value"), [("steps_per_block", 0), ("minimum_blocks", -1)])
def test_a_reserve_that_cannot_work_is_refused(field: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"{field}: expected a whole number of [01] or more, got {value}"):
        OutputReserve(**{field: value})


def test_fastdeploys_reserve_is_relaxed_until_a_preemption_and_once_it_is_used_up() -> None:
    reserve, state = OutputReserve(initial_blocks=2, steps_per_block=1), ReserveState(is_relaxed=True)
    seen = []
    for has_preempted, has_tasks in [(False, True), (True, True), (False, False), (False, True), (False, True)]:
        state = published_reserve_after_step(reserve, state, has_preempted, has_tasks)
        seen.append(reserved_blocks_per_seq(reserve, state))
    assert seen == [0, 1, 1, 0, 0]  # the step that preempts decays too; one without a task does not
