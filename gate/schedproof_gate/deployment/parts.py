"""What a form finds in a file: the same few things, whatever the form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from schedproof_gate.deployment.document import Document
from schedproof_gate.deployment.launch import Argument, WrittenFile
from schedproof_gate.deployment.placed_text import PlacedText
from schedproof_gate.deployment.tree import Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """Keys of a deployment file: ``engine``, ``args`` and the rest."""

    members: Mapping[str, Node]
    line: int
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerCommand:
    """What a container runs: words, environment, and the files that are mounted into it."""

    arguments: tuple[Argument, ...]
    environment: dict[str, Argument]
    place: str
    line: int
    image: str = ""
    files: Mapping[str, WrittenFile] = field(default_factory=dict)
    default_engine: str = ""
    """What the form starts when no command is given."""
    notes: tuple[str, ...] = ()
    """As for `Launch`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShellText:
    """A script."""

    text: PlacedText
    place: str = ""
    files: Mapping[str, WrittenFile] = field(default_factory=dict)
    """Scripts that it may run or source, by their names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedEngine:
    """A deployment in a form that names its engine, which schedproof does not model."""

    engine: str
    line: int
    place: str = ""


Part = Described | ContainerCommand | ShellText | NamedEngine


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One way in which people keep deployments in files."""

    name: str
    """As a sentence names it, with its article."""
    recognises: Callable[[Node | None, Document], bool]
    """Whether a document is of this form; a script and its like has no node."""
    parts: Callable[[Node | None, Document], Iterable[Part]]
    """What the document starts; raises `InputError` when it cannot be used."""
    sure: bool = True
    """Whether a file of this form is a deployment even where nobody named it: in a folder."""
