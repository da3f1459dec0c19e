"""A person's file before its form is known: its text, and its documents when it has a data syntax."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from schedproof_gate.deployment.given_values import GivenValues
from schedproof_gate.deployment.json_text import read_json
from schedproof_gate.deployment.toml_file import read_toml
from schedproof_gate.deployment.tree import Node
from schedproof_gate.deployment.yaml_file import read_documents

Parser = Callable[[str, str], tuple[Node, ...]]

YAML_LINE = re.compile(r"(---(\s|\Z)|[\w./-]+\s*:(\s|\Z)|-\s+[\w-]+:\s)")
TOML_LINE = re.compile(r"(\[[\w.\"-]+\]\s*\Z|[\w.-]+\s+=\s)")


def read_one_json(text: str, source: str) -> tuple[Node, ...]:
    """Return a JSON document."""
    return (read_json(text, source),)


def read_one_toml(text: str, source: str) -> tuple[Node, ...]:
    """Return a TOML document."""
    return (read_toml(text, source),)


PARSERS: dict[str, Parser] = {
    ".yaml": read_documents,
    ".yml": read_documents,
    ".toml": read_one_toml,
    ".json": read_one_json,
}
SCRIPTS = {".sh", ".bash", ".txt"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One file, or what came from standard input."""

    source: str
    """As the person names it."""
    base: Path
    """The folder that paths in it start from."""
    text: str
    given: GivenValues
    roots: tuple[Node, ...] = ()
    """Its documents; none for a script and its like."""

    @property
    def name(self) -> str:
        """The file's own name."""
        return Path(self.source).name


def parsed(source: str, base: Path, text: str, given: GivenValues) -> Document:
    """Return a file with its documents.

    Raises:
        InputError: not what its name or its first line says that it is, or over a limit.
    """
    suffix = Path(source).suffix.lower()
    parser = PARSERS.get(suffix)
    if parser is None and suffix not in SCRIPTS:
        parser = guessed_parser(text)
    roots = () if parser is None else parser(text, source)
    return Document(source=source, base=base, text=text, given=given, roots=roots)


def guessed_parser(text: str) -> Parser | None:
    """Return the parser for a file whose name does not tell its syntax; None for a script and its like."""
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            if line.lstrip().startswith("{"):
                return read_one_json
            if TOML_LINE.match(line):
                return read_one_toml
            return read_documents if YAML_LINE.match(line) else None
    return None
