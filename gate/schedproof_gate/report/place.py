"""Where a finding points: a file, a line, and the columns of the flag on it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from schedproof_gate.deployment.deployment import Deployment
from schedproof_gate.deployment.text_file import read_text
from schedproof_gate.errors import InputError


@dataclass(frozen=True, slots=True)
class Columns:
    """A part of a line, in characters counted from 1."""

    first: int
    end: int
    """The column behind the last one."""


@dataclass(frozen=True, slots=True)
class Place:
    """What to look at first."""

    file: str
    line: int | None = None
    columns: Columns | None = None


def place_of(fields: Iterable[str], deployment: Deployment) -> Place:
    """Return where the first of these fields stands that the person gave, else the deployment's file."""
    for field in fields:
        origin = deployment.place(field)
        if origin is not None:
            return Place(origin.source, origin.line, columns_of(origin.source, origin.line, origin.spelling))
    return Place(deployment.settings.source)


def columns_of(file: str, line: int | None, spelling: str) -> Columns | None:
    """Return where a flag, key or variable stands on a line.

    None where that is not known: the file is not there any more, as standard input never is, or the line does not
    have the word exactly once.
    """
    if line is None or not spelling:
        return None
    try:
        lines = read_text(Path(file)).split("\n")
    except InputError:
        return None
    if line > len(lines):
        return None
    for word in (spelling, spelling.rpartition(".")[2]):
        found = list(re.finditer(rf"(?<![\w-]){re.escape(word)}(?![\w-])", lines[line - 1]))
        if found:
            return Columns(found[0].start() + 1, found[0].end() + 1) if len(found) == 1 else None
    return None
