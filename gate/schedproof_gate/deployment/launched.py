"""Reads what a file starts: finds the launch commands of its parts, and makes a deployment of each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from schedproof_gate.deployment.deployment import Deployment
from schedproof_gate.deployment.document import Document
from schedproof_gate.deployment.engines import NamedVersion
from schedproof_gate.deployment.flags import flags_of_command, variables_of
from schedproof_gate.deployment.given import Given, Origin
from schedproof_gate.deployment.launch import Argument, Launch
from schedproof_gate.deployment.named_files import Surroundings, deployment
from schedproof_gate.deployment.parts import ContainerCommand, ShellText
from schedproof_gate.deployment.settings import Engine, Settings, Style
from schedproof_gate.deployment.shell_inner import ASSIGNMENT
from schedproof_gate.deployment.shell_script import launches, launches_of_words
from schedproof_gate.deployment.starting import OtherEngine, started, started_by_image


@dataclass(frozen=True, slots=True)
class Started:
    """A launch command and the engine that it starts."""

    launch: Launch
    engine: Engine | OtherEngine


def started_by(part: ContainerCommand | ShellText, document: Document) -> list[Started]:
    """Return the launch commands of a container or a script.

    Raises:
        InputError: a script that cannot be read.
    """
    if isinstance(part, ShellText):
        accepts = is_launch_or_flags if begins_with_flag(part.text.text) else is_launch
        found = launches(part.text, document.source, accepts, document.given, files=part.files)
        return [Started(with_place(launch, part.place, None), engine_of(launch)) for launch in found]
    arguments = part.arguments
    if not arguments or is_flag(arguments[0].text):
        engine = started_by_image(part.image, part.default_engine)
        launch = Launch(arguments=arguments, environment=part.environment, files=part.files, notes=part.notes)
        return [] if engine is None else [Started(with_place(launch, part.place, part.line), engine)]
    found = launches_of_words(arguments, document.source, is_launch, document.given, part.environment, part.files)
    noted = [replace(launch, notes=(*part.notes, *launch.notes)) for launch in found]
    return [Started(with_place(launch, part.place, part.line), engine_of(launch)) for launch in noted]


def is_flag(word: str) -> bool:
    """Return whether a container's first word is an argument of the image's own command."""
    return word.startswith("-")


def is_launch(arguments: tuple[Argument, ...]) -> bool:
    """Return whether a command starts an engine that is known."""
    return not is_flag(arguments[0].text) and started(arguments) is not None


def is_launch_or_flags(arguments: tuple[Argument, ...]) -> bool:
    """Return the same, where flags alone count too."""
    return started(arguments) is not None


def begins_with_flag(text: str) -> bool:
    """Return whether a text is flags, without the command that takes them."""
    lines = (line.strip() for line in text.splitlines())
    return next((line for line in lines if line and not line.startswith("#")), "").startswith("--")


def engine_of(launch: Launch) -> Engine | OtherEngine:
    """Return the engine that a launch command starts."""
    engine = started(launch.arguments)
    assert engine is not None
    return engine


def with_place(launch: Launch, place: str, container_line: int | None) -> Launch:
    """Return a launch command with the name of what it belongs to; `container_line` is that of a container."""
    line = container_line if launch.source else launch.line
    if line is None:
        line = launch.arguments[0].line if launch.arguments else container_line
    places = [part for part in (place, launch.place) if part]
    is_in_container = container_line is not None
    return replace(launch, place=", ".join(places), line=line, is_in_container=is_in_container)


def label(source: str, line: int | None, place: str) -> str:
    """Return how a deployment is named that is not the only one of its file."""
    where = source if line is None else f"{source}:{line}"
    return f"{where} ({place})" if place else where


def read_launch(
    launch: Launch, engine: Engine, source: str, base: Path, version: NamedVersion | None = None
) -> Deployment:
    """Return the deployment of one launch command.

    Raises:
        InputError: a flag or a value that cannot be used.
    """
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
                origin=Origin(value.source or source, value.line, name),
                is_text=True,
                unknown_variables=value.unknown_variables,
            ),
        )
        for name, value in (launch.environment | prefix).items()
    )
    source = launch.source or source
    flags, notes = flags_of_command(rest, engine, source)
    settings = Settings(
        source=source, style=Style.COMMAND, flags=flags, environment=variables_of(variables, engine)
    )
    surroundings = Surroundings(base=base, files=launch.files, is_in_container=launch.is_in_container)
    return deployment(settings, engine, surroundings=surroundings, notes=(*launch.notes, *notes), version=version)
