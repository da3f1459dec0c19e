"""The engines whose deployments can be checked, and the policies by the name a person may use."""

from schedproof import POLICIES, Policy
from schedproof_gate.deployment.fastdeploy import FASTDEPLOY
from schedproof_gate.deployment.flags import closest
from schedproof_gate.deployment.given import Origin
from schedproof_gate.deployment.settings import Engine
from schedproof_gate.errors import quoted

ENGINES = {engine.name: engine for engine in (FASTDEPLOY,)}


def engine_named(name: str, origin: Origin) -> Engine:
    """Return an engine.

    Raises:
        InputError: there is no such engine.
    """
    if name not in ENGINES:
        raise origin.error(f"unknown engine {quoted(name)}", f"give one of: {', '.join(ENGINES)}")
    return ENGINES[name]


def policy_named(name: str, origin: Origin) -> Policy:
    """Return a policy.

    Raises:
        InputError: there is no such policy.
    """
    if name not in POLICIES:
        close = closest(name, POLICIES)
        advice = f"give one of: {', '.join(POLICIES)}" if close is None else f"did you mean {close}?"
        raise origin.error(f"unknown policy {quoted(name)}", advice)
    return POLICIES[name]
