"""A step loop of one's own: its turns, its view of a step, and what the prover asks of both."""

from schedproof.step_loop.limits import LoopLimits
from schedproof.step_loop.loop import StepLoop
from schedproof.step_loop.queues import Ahead, QueuedRequest, Queues, Served
from schedproof.step_loop.turns import Preemption, Skip, Turn, Visit
from schedproof.view import StepView

__all__ = [
    "Ahead",
    "LoopLimits",
    "Preemption",
    "QueuedRequest",
    "Queues",
    "Served",
    "Skip",
    "StepLoop",
    "StepView",
    "Turn",
    "Visit",
]
