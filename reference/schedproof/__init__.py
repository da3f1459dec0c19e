"""The reference engine: how many tokens a serving step runs, and how large the buffers behind it are.

Importing it costs next to nothing: all but the version is loaded when the first of its names is asked for.
"""

from typing import TYPE_CHECKING, Any

from schedproof.version import __version__

if TYPE_CHECKING:
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
    "__version__",
    "new_request",
    "schedule",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from schedproof import public

    globals().update({each: getattr(public, each) for each in public.__all__})
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
