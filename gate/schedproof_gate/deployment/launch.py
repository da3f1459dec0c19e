"""What a file starts: words, environment, and the files that it brings along."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from schedproof_gate.deployment.placed_text import PlacedText


@dataclass(frozen=True, slots=True)
class Argument:
    """One word of a command after expansion."""

    text: str
    line: int | None
    unknown_variables: tuple[str, ...] = ()
    placed: PlacedText | None = None
    """The lines of a word that has several."""
    source: str = ""
    """Its file, where that is another one than the command's."""
    is_default: bool = False
    """Whether it hangs on the default of a variable that the script does not set: it may be another one."""
    may_split: bool = False
    """Whether it may stand for any number of words, since it is not known."""

    @property
    def script(self) -> PlacedText:
        """The word as text that a shell reads."""
        return self.placed or PlacedText.on_line(self.text, self.line or 1)


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file that the deployment itself holds: the body of a here-document, or an entry of a ConfigMap."""

    content: PlacedText
    unknown_variables: tuple[str, ...] = ()
    source: str = ""
    """The file that it is, where it is one of its own."""
    doubt: str = ""
    """Why its content may be another one, for a person; empty where it is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """A command that starts an engine: its words, and the environment that the file gives it."""

    arguments: tuple[Argument, ...]
    environment: dict[str, Argument]
    place: str = ""
    """What tells it from the others of its file: a container's name, a loop's value."""
    line: int | None = None
    """Where it is started; None where its first word stands."""
    files: Mapping[str, WrittenFile] = field(default_factory=dict)
    """By their last name."""
    source: str = ""
    """Its file, where that is another one than the deployment's."""
    notes: tuple[str, ...] = ()
    """What a reader of the verdict has to know about the command."""
    is_in_container: bool = False
    """Whether paths mean those of a container."""


def written_file(path: str, files: Mapping[str, WrittenFile]) -> WrittenFile | None:
    """Return the file of a path: the one with just this path, else the one with this name."""
    return files.get(path) or files.get(PurePosixPath(path).name)
