"""The engines whose deployments can be checked, and their versions by the name a person may use."""

from collections.abc import Iterable
from dataclasses import dataclass

from schedproof import NEWEST, POLICIES, Policy
from schedproof.engines.fastdeploy.releases import RELEASES, VERSIONS, release_named
from schedproof_gate.deployment.fastdeploy import FASTDEPLOY
from schedproof_gate.deployment.given import Origin
from schedproof_gate.deployment.settings import Engine
from schedproof_gate.errors import COMMAND_LINE, quoted
from schedproof_gate.misspellings import closest
from schedproof_gate.own_policy import is_own, own_policy

ENGINES = {engine.name: engine for engine in (FASTDEPLOY,)}

ASSUMED = f"no release is given: assuming {NEWEST.name}, the newest version decided in full; --release names yours"
"""What a report says of a deployment that names no version."""


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
    if name not in VERSIONS:
        close = closest(name, VERSIONS)
        advice = f"give one of: {', '.join(POLICIES)}" if close is None else f"did you mean {close}?"
        raise origin.error(f"unknown policy {quoted(name)}", advice)
    return VERSIONS[name]


@dataclass(frozen=True, slots=True)
class NamedVersion:
    """The engine version that a person names, and what a reader of the verdict has to know about it."""

    policy: Policy
    note: str = ""


def release_version(name: str, origin: Origin) -> NamedVersion:
    """Return the version that a release has.

    Raises:
        InputError: no such release is known.
    """
    release = release_named(name)
    if release is None:
        raise origin.error(f"unknown release {quoted(name)}", f"give one of: {', '.join(RELEASES)}")
    version = release.version
    note = f"release {release.name} is version {version.name}: {version.summary}"
    return NamedVersion(version, f"{note}; {release.note}" if release.note else note)


def named_policies(names: Iterable[str]) -> list[Policy]:
    """Return the policies of several ``--policy``, each once.

    Raises:
        InputError: there is no such policy, it cannot be made, or two have one name.
    """
    found: dict[str, Policy] = {}
    for name in names:
        policy = named_policy(name)
        if found.setdefault(policy.name, policy) is not policy:
            raise Origin(COMMAND_LINE, None, "--policy").error(
                f"two policies have the name {quoted(policy.name)}", "give each class a name of its own"
            )
    return list(found.values())


def named_policy(name: str) -> Policy:
    """Return the policy of ``--policy``: a version, or a rule of one's own as MODULE:CLASS, whose module is run.

    Raises:
        InputError: there is no such policy, or it cannot be made.
    """
    origin = Origin(COMMAND_LINE, None, "--policy")
    return own_policy(name, origin) if is_own(name) else policy_named(name, origin)
