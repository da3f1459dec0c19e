"""The reference engine: how many tokens a serving step runs, and how large the buffers behind it are."""

from schedproof.capacity import DispatchCapacity
from schedproof.config import Platform, Role, ServingConfig
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
    "MultimodalItem",
    "Phase",
    "Platform",
    "Policy",
    "Queues",
    "Request",
    "Role",
    "ScheduledRequest",
    "ServingConfig",
    "SpeculativeConfig",
    "SpeculativeMethod",
    "StepPlan",
    "new_request",
    "schedule",
]
