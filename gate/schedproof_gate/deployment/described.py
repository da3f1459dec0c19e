"""Reads a deployment that names its engine and gives its flags as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from schedproof_gate.accept.acceptance import Acceptance, AcceptanceKind
from schedproof_gate.accept.entries import EntryPlace, read_acceptances
from schedproof_gate.deployment.deployment import Deployment
from schedproof_gate.deployment.engines import NamedVersion, engine_named, policy_named, release_version
from schedproof_gate.deployment.flags import flags_of_command, flags_of_mapping, variables_of
from schedproof_gate.deployment.given import Given, Origin
from schedproof_gate.deployment.launch import Argument
from schedproof_gate.deployment.named_files import Surroundings, deployment, read_model
from schedproof_gate.deployment.settings import Settings, Style
from schedproof_gate.deployment.tree import Node
from schedproof_gate.errors import InputError, quoted
from schedproof_gate.misspellings import closest
from schedproof_gate.rules_by_id import DEPLOYMENT_RULES

KEYS = ("engine", "args", "policy", "release", "platform", "env", "model_config", "accept")


def read_described(
    members: Mapping[str, Node], source: str, base: Path, first_line: int, version: NamedVersion | None = None
) -> Deployment:
    """Return the deployment of the keys ``engine`` and ``args``, and the others; `first_line` is theirs.

    Raises:
        InputError: a key that is missing or unknown, or a value that cannot be used.
    """
    for key, node in members.items():
        if key not in KEYS:
            close = closest(key, KEYS)
            advice = f"did you mean {close}?" if close else f"the keys are {', '.join(KEYS)}"
            raise InputError("unknown key", source=source, line=node.line, key=key, advice=advice)
    for key in ("engine", "args"):
        if key not in members:
            raise InputError(f"the key `{key}` is missing", source=source, line=first_line, advice=f"add `{key}:`")
    given = {key: Given(value=node.value, origin=Origin(source, node.line, key)) for key, node in members.items()}
    engine = engine_named(given["engine"].text(), given["engine"].origin)
    environment = {} if "env" not in given else variables_of(text_members(given["env"]), engine)
    model = {} if "model_config" not in given else read_model(given["model_config"], base)
    own_version = version_of(given.get("policy"), given.get("release"))
    args = members["args"]
    notes: tuple[str, ...] = ()
    style = Style.FILE
    if isinstance(args.value, list):
        style = Style.COMMAND
        flags, notes = flags_of_command(words_of(args.value, given["args"].origin), engine, source)
    elif isinstance(args.value, dict):
        flags = flags_of_mapping(args.value, engine, source)
    else:
        raise given["args"].fail("is neither a mapping nor a list", "write the flags below it, `flag: value`")
    found = deployment(
        Settings(
            source=source,
            style=style,
            flags=flags,
            environment=environment,
            model=model,
            platform=given.get("platform"),
        ),
        engine,
        surroundings=Surroundings(base=base),
        notes=notes,
        version=version or own_version,
    )
    return replace(found, accept=own_acceptances(members, source))


def own_acceptances(members: Mapping[str, Node], source: str) -> tuple[Acceptance, ...]:
    """Return the findings that a deployment file accepts.

    Raises:
        InputError: an entry that cannot be used.
    """
    if "accept" not in members:
        return ()
    place = EntryPlace(kind=AcceptanceKind.DEPLOYMENT, source=source, root=Path(source))
    return read_acceptances(members["accept"], place, list(DEPLOYMENT_RULES))


def version_of(policy: Given | None, release: Given | None) -> NamedVersion | None:
    """Return the engine version that a file names, if it names one.

    Raises:
        InputError: there is no such policy or release, or both are given.
    """
    if policy is not None and release is not None:
        raise release.fail("`policy` is given too, and both name the engine's version", "keep one of the two")
    if release is not None:
        return release_version(release_text(release), release.origin)
    return None if policy is None else NamedVersion(policy_named(policy_text(policy), policy.origin))


def text_members(given: Given) -> list[tuple[str, Given]]:
    """Return environment variables, whose values are text even where a file has numbers."""
    found = []
    for name, member in given.members().items():
        value = member.value
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        origin = Origin(member.origin.source, member.origin.line, name)
        found.append((name, Given(value=value, origin=origin, is_text=True)))
    return found


def words_of(items: list[Node], origin: Origin) -> tuple[Argument, ...]:
    """Return the words of a list of arguments.

    Raises:
        InputError: an item that is not a word.
    """
    words = []
    for item in items:
        if isinstance(item.value, bool) or not isinstance(item.value, str | int):
            raise Origin(origin.source, item.line, origin.spelling).error(
                "an item is not a word", "write each argument as text"
            )
        words.append(Argument(str(item.value), item.line))
    return tuple(words)


def release_text(given: Given) -> str:
    """Return a release's name; 2.4 needs no quotes.

    Raises:
        InputError: neither text nor a number.
    """
    if isinstance(given.value, float):
        return str(given.value)
    return policy_text(given)


def policy_text(given: Given) -> str:
    """Return a policy's name; one that is a number needs no quotes.

    Raises:
        InputError: neither text nor a number.
    """
    if isinstance(given.value, int) and not isinstance(given.value, bool):
        return quoted(given.value)
    return given.text()
