"""The names of the package, with all that they need: `import schedproof` leaves this to the first of them."""

from schedproof.engines.fastdeploy.config import Platform, Role, ServingConfig
from schedproof.engines.fastdeploy.life.engine import Engine
from schedproof.engines.fastdeploy.life.job import RequestRefusedError
from schedproof.engines.fastdeploy.life.outcome import Ending, Launch, StepOutcome
from schedproof.engines.fastdeploy.loop import ScheduledRequest, StepPlan, schedule
from schedproof.engines.fastdeploy.policies import NEWEST, POLICIES, REFERENCE
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.engines.fastdeploy.rules.capacity import DispatchCapacity
from schedproof.engines.fastdeploy.speculation import SpeculativeConfig, SpeculativeMethod
from schedproof.engines.fastdeploy.turns import Phase, Queues
from schedproof.request import MultimodalItem, Request, new_request

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
