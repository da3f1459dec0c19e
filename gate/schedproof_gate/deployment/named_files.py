"""Makes a deployment of settings, with the files that its flags name: the engine's config, the model's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from schedproof_gate.deployment.deployment import Deployment
from schedproof_gate.deployment.engines import NamedVersion
from schedproof_gate.deployment.flags import flags_of_mapping
from schedproof_gate.deployment.given import Given, Origin
from schedproof_gate.deployment.json_text import read_json
from schedproof_gate.deployment.launch import WrittenFile, written_file
from schedproof_gate.deployment.settings import Engine, Settings
from schedproof_gate.deployment.text_file import read_text
from schedproof_gate.deployment.tree import Node
from schedproof_gate.deployment.yaml_file import read_yaml
from schedproof_gate.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where the files that a deployment names are looked for."""

    base: Path
    files: Mapping[str, WrittenFile] = field(default_factory=dict)
    """Those that the deployment's own file holds."""
    is_in_container: bool = False
    """Whether the paths are those of a container, so that only the name of a file says which one is meant."""


def deployment(
    settings: Settings,
    engine: Engine,
    surroundings: Surroundings,
    notes: tuple[str, ...] = (),
    version: NamedVersion | None = None,
) -> Deployment:
    """Return the deployment with the files that its flags name read in: the engine's config, the model's."""
    policy = None if version is None else version.policy
    settings = replace(with_named_files(settings, engine, surroundings), version=policy)
    understood = engine.understand(settings)
    if version is not None and version.note:
        notes = (version.note, *notes)
    return Deployment(
        source=settings.source,
        file=settings.source,
        engine=engine,
        settings=settings,
        config=understood.config,
        policy=policy,
        notes=notes + understood.notes,
    )


def with_named_files(settings: Settings, engine: Engine, surroundings: Surroundings) -> Settings:
    """Return the settings with those of the config file, which a flag overrides, and the model's own keys."""
    flags = dict(settings.flags)
    config_file = flags.get(engine.config_file_flag)
    if config_file is not None:
        flags = config_flags(config_file, engine, surroundings) | flags
    model: Mapping[str, Given] = settings.model
    directory = flags.get(engine.model_flag)
    if not model and directory is not None and not directory.unknown_variables:
        path = surroundings.base / directory.text() / "config.json"
        if not surroundings.is_in_container and is_file(path):
            model = read_model_file(path)
    return replace(settings, flags=flags, model=model)


def config_flags(given: Given, engine: Engine, surroundings: Surroundings) -> dict[str, Given]:
    """Return the flags of the config file that a flag names.

    Raises:
        InputError: it is not there, or is no mapping.
    """
    name = given.text()
    written = written_file(name, surroundings.files)
    if written is None:
        path = surroundings.base / name
        if surroundings.is_in_container:
            path = surroundings.base / Path(name).name
            if not is_file(path):
                raise given.fail(
                    f"the file {name} of the container is not here",
                    "put it beside the deployment, or into a ConfigMap",
                )
        return flags_of_file(read_yaml(read_text(path), str(path)), engine, str(path))
    if written.doubt:
        raise given.fail(
            f"the content of {name}{written.doubt} is not known here", "write it once in the same file"
        )
    source = written.source or given.origin.source
    flags = flags_of_file(read_yaml(written.content, source), engine, source)
    unknown = written.unknown_variables
    return {name: with_unknown(flag, unknown) for name, flag in flags.items()} if unknown else flags


def flags_of_file(document: Node, engine: Engine, source: str) -> dict[str, Given]:
    """Return the flags of a config file.

    Raises:
        InputError: it is no mapping.
    """
    if not isinstance(document.value, dict):
        raise InputError("the file is not a mapping", source=source, line=1, advice="write `flag: value`")
    return flags_of_mapping(document.value, engine, source)


def with_unknown(given: Given, unknown: tuple[str, ...]) -> Given:
    """Return a value with those of the unknown variables that are written in it."""
    if not isinstance(given.value, str):
        return given
    return replace(given, unknown_variables=tuple(name for name in unknown if name in str(given.value)))


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
