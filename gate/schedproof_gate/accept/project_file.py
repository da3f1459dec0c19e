"""Finds and reads the `schedproof.toml` that goes with a deployment file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from schedproof_gate.accept.acceptance import Acceptance, AcceptanceKind
from schedproof_gate.accept.entries import EntryPlace, entries_of, read_acceptances
from schedproof_gate.deployment.text_file import read_text
from schedproof_gate.deployment.toml_file import read_toml
from schedproof_gate.from_here import from_here

NAME = "schedproof.toml"
REPOSITORY = ".git"
ENTRY = re.compile(r"[ \t]*\[\[[ \t]*accept[ \t]*\]\]")


def project_file_of(file: str) -> Path | None:
    """Return the nearest `schedproof.toml` in the file's folder or above it, up to the root of its repository.

    The path is relative where the file's is and the project file lies below the working directory.
    """
    for folder in Path(file).absolute().parents:
        found = folder / NAME
        if found.is_file():
            return from_here(found)
        if (folder / REPOSITORY).exists():
            return None
    return None


def read_project_file(path: Path, rules: Sequence[str]) -> tuple[Acceptance, ...]:
    """Return the findings that a `schedproof.toml` accepts.

    Raises:
        InputError: the file cannot be used; the message says where and why.
    """
    text = read_text(path)
    place = EntryPlace(kind=AcceptanceKind.PROJECT, source=str(path), root=path.parent)
    entries = entries_of(read_toml(text, str(path)), place, ["accept"])
    lines = [number for number, line in enumerate(text.split("\n"), start=1) if ENTRY.match(line)]
    return read_acceptances(entries, place, rules, lines)
