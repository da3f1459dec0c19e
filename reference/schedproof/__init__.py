"""The reference engine: how many tokens a serving step runs, and how large the buffers behind it are."""

from schedproof.capacity import DispatchCapacity
from schedproof.config import Platform, Role, ServingConfig
from schedproof.engine import Engine
from schedproof.job import RequestRefusedError
from schedproof.outcome import Ending, Launch, StepOutcome
from schedproof.policies import NEWEST, POLICIES, REFERENCE
from schedproof.policy import Policy
from schedproof.request import MultimodalItem, Request, new_request
from schedproof.scheduler import Phase, Queues, ScheduledRequest, StepPlan, schedule
from schedproof.speculation import SpeculativeConfig, SpeculativeMethod

__all__ = [
    "NEWEST",
    "POLICIES",
    "REFERENCE",
    "DispatchCapacity",
    "Ending",
    "Engine",
    "Launch",
    "MultimodalItem",
    "Phase",
    "Platform",
    "Policy",
    "Queues",
    "Request",
    "RequestRefusedError",
    "Role",
    "ScheduledRequest",
    "ServingConfig",
    "SpeculativeConfig",
    "SpeculativeMethod",
    "StepOutcome",
    "StepPlan",
    "new_request",
    "schedule",
]
