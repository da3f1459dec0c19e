"""Free KV blocks that an admission leaves for the output of each request with a slot.

Source: FastDeploy's ``current_reserve_output_block_num``: it shrinks as steps pass, because running requests have
ever less to generate, and starts again when a preemption shows that it was too small.
"""

from dataclasses import dataclass

from schedproof.engines.fastdeploy.config import ceil_div
from schedproof.sizes import whole_number_fault


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputReserve:
    """The reserve and how it decays; FastDeploy's presets.

    Raises ValueError when a field is no whole number, the reserve would not decay, or could become negative.
    """

    initial_blocks: int = 16
    steps_per_block: int = 40
    """Steps in which the reserve loses one block (a decay of 0.025 blocks a step)."""
    minimum_blocks: int = 0

    def __post_init__(self) -> None:
        for name, least in (("initial_blocks", 0), ("steps_per_block", 1), ("minimum_blocks", 0)):
            if fault := whole_number_fault(name, getattr(self, name), least):
                raise ValueError(fault)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReserveState:
    """How far the reserve has decayed."""

    num_steps: int = 0
    """Steps in which it decayed, since the start or the last preemption."""
    is_relaxed: bool = False
    """Whether nothing is reserved for now."""
    blocks_left: float | None = None
    """What FastDeploy has left in floating point, a little less than the fractions add up to; None at first."""


def reserved_blocks_per_seq(reserve: OutputReserve, state: ReserveState) -> int:
    """Return the blocks reserved for each request."""
    if state.is_relaxed:
        return 0
    if state.blocks_left is not None:
        return max(int(state.blocks_left), reserve.minimum_blocks, 0)
    lost = ceil_div(state.num_steps, reserve.steps_per_block)
    return max(reserve.initial_blocks - lost, reserve.minimum_blocks)


def reserve_after_step(
    reserve: OutputReserve, state: ReserveState, has_preempted: bool, has_tasks: bool
) -> ReserveState:
    """Return the reserve after a step: a preemption starts it again, any other step makes it decay."""
    return ReserveState(num_steps=0 if has_preempted else state.num_steps + 1)


def published_reserve_after_step(
    reserve: OutputReserve, state: ReserveState, has_preempted: bool, has_tasks: bool
) -> ReserveState:
    """Return FastDeploy's reserve after a step: it decays only in steps that send the worker a task.

    It decays in the step that starts it again, too; once it is used up, nothing is reserved until a preemption.
    """
    started = ReserveState() if has_preempted else state
    if not has_tasks:
        return started
    before = float(reserve.initial_blocks) if started.blocks_left is None else started.blocks_left
    blocks_left = before - 1 / reserve.steps_per_block
    is_used_up = max(int(blocks_left), reserve.minimum_blocks, 0) == 0
    return ReserveState(
        num_steps=started.num_steps + 1, is_relaxed=started.is_relaxed or is_used_up, blocks_left=blocks_left
    )
