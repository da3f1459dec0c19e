"""Reads deployments: a deployment file, the engine's own config file, a launch script, or flags."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from schedproof_gate.accept.acceptance import Acceptance, Kind
from schedproof_gate.accept.entries import EntryPlace, read_acceptances
from schedproof_gate.deployment.deployment import Deployment
from schedproof_gate.deployment.engines import ENGINES, NamedVersion, engine_named, policy_named, release_version
from schedproof_gate.deployment.flags import closest, flags_of_command, flags_of_mapping, variables_of
from schedproof_gate.deployment.given import Given, Origin
from schedproof_gate.deployment.json_text import read_json
from schedproof_gate.deployment.settings import Engine, Settings, Style
from schedproof_gate.deployment.shell_script import ASSIGNMENT, Argument, Launch, launches
from schedproof_gate.deployment.text_file import read_text
from schedproof_gate.deployment.toml_file import read_toml
from schedproof_gate.deployment.tree import Node
from schedproof_gate.deployment.yaml_file import read_yaml
from schedproof_gate.errors import InputError, quoted
from schedproof_gate.rules_by_id import DEPLOYMENT_RULES

Reader = Callable[[str, str], Node]
READERS: dict[str, Reader] = {".yaml": read_yaml, ".yml": read_yaml, ".toml": read_toml, ".json": read_json}
SCRIPTS = {".sh", ".bash", ".txt"}
KEYS = ("engine", "args", "policy", "release", "platform", "env", "model_config", "accept")
YAML_LINE = re.compile(r"[\w-]+\s*:(\s|\Z)")
COMMAND_LINE = "command line"


def read_deployments(path: Path, version: NamedVersion | None = None) -> tuple[Deployment, ...]:
    """Return every deployment of a file, of this engine version or of the one that the file names.

    Raises:
        InputError: the file cannot be used; the message says where and why.
    """
    text = read_text(path)
    reader = READERS.get(path.suffix.lower())
    if reader is None and path.suffix.lower() not in SCRIPTS:
        reader = guessed_reader(text)
    if reader is None:
        return read_script(text, path, version)
    document = reader(text, str(path))
    if not isinstance(document.value, dict):
        raise InputError(
            "the file is not a mapping", source=str(path), line=document.line, advice="give `engine:` and `args:`"
        )
    if "engine" in document.value or "args" in document.value:
        return (read_deployment(document.value, path, version),)
    return (read_engine_config(document.value, path, version),)


def guessed_reader(text: str) -> Reader | None:
    """Return the reader for a file whose name does not tell its form; None for a script."""
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            if line.lstrip().startswith("{"):
                return read_json
            return read_yaml if YAML_LINE.match(line) else None
    return None


def read_deployment(members: Mapping[str, Node], path: Path, version: NamedVersion | None = None) -> Deployment:
    """Return the deployment of a file with ``engine`` and ``args``."""
    source = str(path)
    for key, node in members.items():
        if key not in KEYS:
            close = closest(key, KEYS)
            advice = f"did you mean {close}?" if close else f"the keys are {', '.join(KEYS)}"
            raise InputError("unknown key", source=source, line=node.line, key=key, advice=advice)
    for key in ("engine", "args"):
        if key not in members:
            raise InputError(f"the key `{key}` is missing", source=source, line=1, advice=f"add `{key}:`")
    given = {key: Given(value=node.value, origin=Origin(source, node.line, key)) for key, node in members.items()}
    engine = engine_named(given["engine"].text(), given["engine"].origin)
    environment = {} if "env" not in given else variables_of(text_members(given["env"]), engine)
    model = {} if "model_config" not in given else read_model(given["model_config"], path.parent)
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
        base=path.parent,
        notes=notes,
        version=version or own_version,
    )
    return replace(found, accept=own_acceptances(members, path))


def own_acceptances(members: Mapping[str, Node], path: Path) -> tuple[Acceptance, ...]:
    """Return the findings that a deployment file accepts.

    Raises:
        InputError: an entry that cannot be used.
    """
    if "accept" not in members:
        return ()
    place = EntryPlace(kind=Kind.DEPLOYMENT, source=str(path), root=path)
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


def read_engine_config(members: Mapping[str, Node], path: Path, version: NamedVersion | None = None) -> Deployment:
    """Return the deployment of a file that is an engine's own: flags and nothing else."""
    for engine in ENGINES.values():
        flags = flags_of_mapping(members, engine, str(path))
        if flags or any(key.replace("-", "_") in engine.flags for key in members):
            settings = Settings(source=str(path), style=Style.FILE, flags=flags)
            return deployment(settings, engine, base=path.parent, version=version)
    raise InputError(
        "no key is a flag of a known engine",
        source=str(path),
        line=1,
        advice=f"give `engine:` ({', '.join(ENGINES)}) and `args:`",
    )


def read_script(text: str, path: Path, version: NamedVersion | None = None) -> tuple[Deployment, ...]:
    """Return the deployments that a script launches."""
    found = [
        (engine, launch)
        for engine in ENGINES.values()
        for launch in launches(text, str(path), lambda words, e=engine: e.launch_arguments(words) is not None)  # type: ignore[misc]
    ]
    if not found:
        raise InputError(
            f"no launch command of a known engine ({', '.join(ENGINES)})",
            source=str(path),
            advice="give a deployment file, or a script that starts the engine",
        )
    return tuple(
        read_launch(launch, engine, str(path), path.parent, is_only=len(found) == 1, version=version)
        for engine, launch in found
    )


def read_command(words: tuple[str, ...], engine: Engine, version: NamedVersion | None = None) -> Deployment:
    """Return the deployment of flags or of a whole launch command, given as words."""
    arguments = tuple(Argument(word, None) for word in words)
    launch = Launch(arguments=arguments, environment={})
    return read_launch(launch, engine, COMMAND_LINE, Path(), is_only=True, version=version)


def read_launch(
    launch: Launch, engine: Engine, source: str, base: Path, is_only: bool, version: NamedVersion | None = None
) -> Deployment:
    """Return the deployment of one launch command; several of a file are told apart by their lines."""
    rest = engine.launch_arguments(launch.arguments)
    if rest is None:
        rest = launch.arguments
    before = launch.arguments[: len(launch.arguments) - len(rest)]
    prefix = {
        match.group(1): Argument(word.text[match.end() :], word.line, word.unknown_variables)
        for word in before
        if (match := ASSIGNMENT.match(word.text)) is not None
    }
    variables = (
        (
            name,
            Given(
                value=value.text,
                origin=Origin(source, value.line, name),
                is_text=True,
                unknown_variables=value.unknown_variables,
            ),
        )
        for name, value in (launch.environment | prefix).items()
    )
    flags, notes = flags_of_command(rest, engine, source)
    line = launch.arguments[0].line if launch.arguments else None
    settings = Settings(
        source=source, style=Style.COMMAND, flags=flags, environment=variables_of(variables, engine)
    )
    label = source if is_only else f"{source}:{line}"
    return replace(deployment(settings, engine, base=base, notes=notes, version=version), source=label)


def deployment(
    settings: Settings,
    engine: Engine,
    base: Path,
    notes: tuple[str, ...] = (),
    version: NamedVersion | None = None,
) -> Deployment:
    """Return the deployment with the files that its flags name read in: the engine's config, the model's."""
    policy = None if version is None else version.policy
    settings = replace(with_named_files(settings, engine, base), version=policy)
    understood = engine.understand(settings)
    if version is not None and version.note:
        notes = (version.note, *notes)
    return Deployment(
        source=settings.source,
        engine=engine,
        settings=settings,
        config=understood.config,
        policy=policy,
        notes=notes + understood.notes,
    )


def with_named_files(settings: Settings, engine: Engine, base: Path) -> Settings:
    """Return the settings with those of the config file, which a flag overrides, and the model's own keys."""
    flags = dict(settings.flags)
    config_file = flags.get(engine.config_file_flag)
    if config_file is not None:
        path = base / config_file.text()
        document = read_yaml(read_text(path), str(path))
        if not isinstance(document.value, dict):
            raise InputError("the file is not a mapping", source=str(path), line=1, advice="write `flag: value`")
        flags = flags_of_mapping(document.value, engine, str(path)) | flags
    model: Mapping[str, Given] = settings.model
    directory = flags.get(engine.model_flag)
    if not model and directory is not None and not directory.unknown_variables:
        path = base / directory.text() / "config.json"
        if is_file(path):
            model = read_model_file(path)
    return replace(settings, flags=flags, model=model)


def is_file(path: Path) -> bool:
    """Return whether a path is a file; a path that no file can have is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def read_model(given: Given, base: Path) -> dict[str, Given]:
    """Return the keys of a model's config: written in the deployment, or in the file that it names."""
    if isinstance(given.value, str):
        return read_model_file(base / given.text())
    return given.members()


def read_model_file(path: Path) -> dict[str, Given]:
    """Return the keys of a model's ``config.json``; those of its text model fill in."""
    source = str(path)
    document = read_json(read_text(path), source)
    if not isinstance(document.value, dict):
        raise InputError("the file is not a JSON object", source=source, line=1, advice="give the model's config")
    text_model = document.value.get("text_config")
    members = dict(document.value)
    if text_model is not None and isinstance(text_model.value, dict):
        members = text_model.value | members
    return {name: Given(value=node.value, origin=Origin(source, node.line, name)) for name, node in members.items()}


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
