"""What one step of the engine was, and what became of the requests in it."""

from dataclasses import dataclass
from enum import StrEnum

from schedproof.engines.fastdeploy.loop import StepPlan


class Ending(StrEnum):
    """How a request's life in this engine ends."""

    FINISHED = "finished"
    HANDED_OVER = "handed over"
    """A prefill node sent its first token and its cache to the decode node."""
    DROPPED = "dropped"
    """A decode node preempted it; it has to start again elsewhere."""
    ABORTED = "aborted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """A step that was scheduled and launched, and not yet completed."""

    plan: StepPlan
    num_tokens: int
    """Tokens that the worker really runs."""
    launch_tokens: int
    """Tokens that it was launched with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOutcome:
    """One completed step."""

    launch: Launch
    num_produced: dict[str, int]
    """Tokens that each request gained, first tokens included."""
    ended: dict[str, Ending]
    """Requests that ended with this step."""
    sending_ranks: tuple[int, ...]
    """Tensor-parallel ranks that sent the step's output."""
