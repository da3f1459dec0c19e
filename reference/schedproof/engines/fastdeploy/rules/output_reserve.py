"""Free KV blocks that an admission leaves for the output of each request with a slot.

Source: FastDeploy's ``current_reserve_output_block_num``: it shrinks with every step, because running requests have
ever less to generate, and starts again when a preemption shows that it was too small.
"""

from dataclasses import dataclass

from schedproof.engines.fastdeploy.config import ceil_div


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputReserve:
    """The reserve and how it decays; FastDeploy's presets.

    Raises ValueError when the reserve would not decay, or could become negative.
    """

    initial_blocks: int = 16
    steps_per_block: int = 40
    """Steps in which the reserve loses one block (a decay of 0.025 blocks a step)."""
    minimum_blocks: int = 0

    def __post_init__(self) -> None:
        if self.steps_per_block < 1:
            raise ValueError(f"steps_per_block: expected 1 or more, got {self.steps_per_block}")
        if self.minimum_blocks < 0:
            raise ValueError(f"minimum_blocks: expected 0 or more, got {self.minimum_blocks}")


def reserved_blocks_per_seq(reserve: OutputReserve, num_steps_since_reset: int) -> int:
    """Return the blocks reserved for each request this many steps after the start or the last preemption."""
    lost = ceil_div(num_steps_since_reset, reserve.steps_per_block)
    return max(reserve.initial_blocks - lost, reserve.minimum_blocks)
