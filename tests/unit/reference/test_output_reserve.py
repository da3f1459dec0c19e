"""Free blocks that an admission leaves, and how their number decays."""

import pytest

from schedproof.engines.fastdeploy.rules.output_reserve import OutputReserve, reserved_blocks_per_seq


@pytest.mark.parametrize(
    ("num_steps", "blocks"), [(0, 16), (1, 15), (40, 15), (41, 14), (600, 1), (601, 0), (640, 0), (10_000, 0)]
)
def test_the_preset_loses_a_fortieth_of_a_block_a_step(num_steps: int, blocks: int) -> None:
    """Upstream counts down from 16 by 0.025 and keeps whole blocks: 15 after the first step."""
    assert reserved_blocks_per_seq(OutputReserve(), num_steps) == blocks == max(int(16 - num_steps * 0.025), 0)


def test_the_reserve_stops_at_its_minimum() -> None:
    reserve = OutputReserve(initial_blocks=4, steps_per_block=1, minimum_blocks=2)
    assert [reserved_blocks_per_seq(reserve, num_steps) for num_steps in range(5)] == [4, 3, 2, 2, 2]


@pytest.mark.parametrize(("field", "value"), [("steps_per_block", 0), ("minimum_blocks", -1)])
def test_a_reserve_that_cannot_work_is_refused(field: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"{field}: expected [01] or more, got {value}"):
        OutputReserve(**{field: value})
