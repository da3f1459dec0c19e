"""Reads the deployments of a file, whatever its form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from schedproof_gate.deployment.deployment import Deployment
from schedproof_gate.deployment.described import read_described
from schedproof_gate.deployment.document import Document, parsed
from schedproof_gate.deployment.engines import ENGINES, NamedVersion
from schedproof_gate.deployment.forms import FORMS
from schedproof_gate.deployment.forms.unsupported import unsupported_text
from schedproof_gate.deployment.given_values import GivenValues
from schedproof_gate.deployment.launch import Argument, Launch
from schedproof_gate.deployment.launched import Started, label, read_launch, started_by
from schedproof_gate.deployment.parts import Described, Form, NamedEngine, Part
from schedproof_gate.deployment.settings import Engine
from schedproof_gate.deployment.starting import TITLES, OtherEngine
from schedproof_gate.deployment.text_file import read_text
from schedproof_gate.deployment.tree import Node
from schedproof_gate.errors import COMMAND_LINE, InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class NotModelled:
    """A deployment of an engine that schedproof recognises, and has no rules for."""

    source: str
    """As for `Deployment`."""
    file: str
    """As for `Deployment`."""
    engine: str
    line: int | None

    @property
    def sentence(self) -> str:
        """What can be said of it."""
        return f"{self.recognised}: nothing was checked"

    @property
    def recognised(self) -> str:
        """Which engine it is, and that it has no rules."""
        name = TITLES.get(self.engine, self.engine)
        return f"the engine is {name}, which is recognised and for which schedproof has no rules"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A deployment, or a whole file, that cannot be used."""

    source: str
    """As for `Deployment`."""
    file: str
    """As for `Deployment`; the error can stand in a file that this one names."""
    error: InputError


Outcome = Deployment | NotModelled | Unreadable
"""What comes of one deployment of a file."""

Item = Started | Described | NamedEngine | InputError


class NothingStartedError(InputError):
    """A file is readable, and no deployment."""


def read_deployments(path: Path, version: NamedVersion | None = None) -> tuple[Deployment, ...]:
    """Return every deployment of a file, of this engine version or of the one that the file names.

    Raises:
        InputError: the file, or one of its deployments, cannot be used; the message says where and why.
    """
    document = parsed_or_named(str(path), path.parent, read_text(path), GivenValues())
    deployments = []
    for outcome in outcomes_of(document, version):
        if isinstance(outcome, Unreadable):
            raise outcome.error
        if isinstance(outcome, NotModelled):
            raise InputError(
                outcome.recognised,
                source=outcome.file,
                line=outcome.line,
                advice=f"give a deployment of: {', '.join(ENGINES)}",
            )
        deployments.append(outcome)
    return tuple(deployments)


def parsed_or_named(source: str, base: Path, text: str, given: GivenValues) -> Document:
    """Return a file with its documents; one that cannot be parsed because it is of another form is named so.

    Raises:
        InputError: the file cannot be used.
    """
    try:
        return parsed(source, base, text, given)
    except InputError as error:
        form = unsupported_text(text, Path(source).name)
        if form is None:
            raise
        raise InputError(f"{form.name} is not read", source=source, line=error.line, advice=form.advice) from None


def outcomes_of(document: Document, version: NamedVersion | None = None) -> list[Outcome]:
    """Return what comes of each deployment of a file; one that cannot be used does not lose the others.

    Raises:
        NothingStartedError: the file is readable, and has no deployment.
    """
    items = [item for form, root in forms_of(document) for item in items_of(form, root, document)]
    if not items:
        raise NothingStartedError(
            f"no launch command of a known engine ({', '.join(ENGINES)})",
            source=document.source,
            advice="give a deployment file, or a script that starts the engine",
        )
    is_only = len(items) == 1
    return [outcome_of(item, document, is_only, version) for item in items]


def forms_of(document: Document) -> Iterator[tuple[Form, Node | None]]:
    """Yield each document of a file with its form."""
    for root in document.roots or (None,):
        yield next(form for form in FORMS if form.recognises(root, document)), root


def items_of(form: Form, root: Node | None, document: Document) -> list[Item]:
    """Return the launch commands and described deployments of one document, and what cannot be used of it."""
    items: list[Item] = []
    try:
        for part in form.parts(root, document):
            items += items_of_part(part, document)
    except InputError as error:
        items.append(error)
    return items


def items_of_part(part: Part, document: Document) -> list[Item]:
    """Return the launch commands of a part of a document, or the part itself where it is none."""
    if isinstance(part, Described | NamedEngine):
        return [part]
    try:
        return list(started_by(part, document))
    except InputError as error:
        return [error]


def outcome_of(item: Item, document: Document, is_only: bool, version: NamedVersion | None) -> Outcome:
    """Return what comes of one deployment; several of a file are told apart by their places."""
    source = document.source
    if isinstance(item, InputError):
        return Unreadable(source=source, file=source, error=item)
    if isinstance(item, Started):
        line, place = item.launch.line, item.launch.place
    else:
        line, place = item.line, item.place
    name = source if is_only else label(source, line, place)
    try:
        if isinstance(item, NamedEngine):
            return NotModelled(source=name, engine=item.engine, file=source, line=line)
        if isinstance(item, Described):
            found = read_described(item.members, source, document.base, item.line, version)
        elif isinstance(item.engine, OtherEngine):
            return NotModelled(source=name, engine=item.engine.name, file=source, line=line)
        else:
            found = read_launch(item.launch, item.engine, source, document.base, version)
    except InputError as error:
        return Unreadable(source=name, file=source, error=error)
    return replace(found, source=name, file=source)


def read_command(words: tuple[str, ...], engine: Engine, version: NamedVersion | None = None) -> Deployment:
    """Return the deployment of flags or of a whole launch command, given as words.

    Raises:
        InputError: a flag or a value that cannot be used.
    """
    launch = Launch(arguments=tuple(Argument(word, None) for word in words), environment={})
    return read_launch(launch, engine, COMMAND_LINE, Path(), version)


def outcomes_of_command(
    words: tuple[str, ...], engine: Engine, version: NamedVersion | None = None
) -> list[Outcome]:
    """Return what comes of flags that are given as words."""
    try:
        return [read_command(words, engine, version)]
    except InputError as error:
        return [Unreadable(source=COMMAND_LINE, file=COMMAND_LINE, error=error)]
