"""Reads what a person names: files, folders, patterns and standard input. One bad file loses no other."""

from __future__ import annotations

import glob
import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from schedproof_gate.accept.project_file import NAME as PROJECT_FILE
from schedproof_gate.deployment.deployment import Deployment
from schedproof_gate.deployment.deployment_file import (
    NothingStartedError,
    Outcome,
    Unreadable,
    outcomes_of,
    parsed_or_named,
)
from schedproof_gate.deployment.document import PARSERS, SCRIPTS, Document
from schedproof_gate.deployment.engines import ENGINES, NamedVersion
from schedproof_gate.deployment.forms import FORMS
from schedproof_gate.deployment.given_values import GivenValues
from schedproof_gate.deployment.launch import Argument
from schedproof_gate.deployment.starting import MENTION, started
from schedproof_gate.deployment.text_file import MAX_FILE_BYTES, decoded, read_text
from schedproof_gate.errors import InputError

STANDARD_INPUT, STANDARD_INPUT_NAME = "-", "standard input"

MAX_FILES = 1000
"""Files of one folder that may be deployments."""

MAX_ENTRIES = 100_000
"""Files and folders that are looked at to find them."""

SUFFIXES = {*PARSERS, *SCRIPTS, ".slurm", ".sbatch", ".dockerfile", ".containerfile", ""}
NAMES = ("dockerfile", "containerfile")
PROSE = ".txt"
"""How files end that hold a launch command, or anything else."""

PROGRAM = re.compile(r"--|\w+=|(\S*/)?(python[\d.]*|nohup|exec|env|bash|sh|docker|fastdeploy|vllm|sglang|srun)\s")
"""How a launch command begins, and no sentence does."""

PASSED_OVER = {"node_modules", "__pycache__", "venv", "site-packages"}

NO_FLAGS = frozenset({"model", "config", "router"})
"""Flags of an engine that other files have too."""


@dataclass(slots=True)
class Inputs:
    """What came of everything that was named."""

    outcomes: list[Outcome] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    """Files of folders and patterns that do not look like deployments."""

    @property
    def is_complete(self) -> bool:
        """Whether everything could be read."""
        return not any(isinstance(outcome, Unreadable) for outcome in self.outcomes)

    @property
    def deployments(self) -> tuple[Deployment, ...]:
        """The deployments that could be read."""
        return tuple(outcome for outcome in self.outcomes if isinstance(outcome, Deployment))

    @property
    def checked_files(self) -> tuple[str, ...]:
        """The files of what could be read, each once, in order."""
        return tuple(
            dict.fromkeys(outcome.file for outcome in self.outcomes if not isinstance(outcome, Unreadable))
        )

    @property
    def files(self) -> tuple[str, ...]:
        """The files that have or should have a deployment, each once, in order."""
        return tuple(dict.fromkeys(outcome.file for outcome in self.outcomes))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file to read, and whether it was found rather than named."""

    source: str
    is_found: bool


def read_inputs(names: Iterable[str], given: GivenValues, version: NamedVersion | None = None) -> Inputs:
    """Return every deployment of what a person names, and every error as one of the outcomes."""
    inputs = Inputs()
    seen: set[str] = set()
    read: list[tuple[Candidate, list[Outcome]]] = []
    for name in names:
        try:
            for candidate in candidates(name, inputs.skipped):
                real = os.path.realpath(candidate.source)
                if not candidate.is_found:
                    read.append((candidate, read_named(candidate.source, given, version)))
                elif real not in seen:
                    read.append((candidate, read_found(candidate.source, given, version)))
                seen.add(real)
        except InputError as error:
            read.append((Candidate(name, is_found=False), [Unreadable(source=name, file=name, error=error)]))
    used = {real for candidate, outcomes in read for real in others_of(candidate.source, outcomes)}
    for candidate, outcomes in read:
        belongs_to_another = candidate.is_found and os.path.realpath(candidate.source) in used
        if outcomes and not belongs_to_another:
            inputs.outcomes += outcomes
        else:
            inputs.skipped.append(candidate.source)
    return inputs


def candidates(name: str, skipped: list[str]) -> Iterator[Candidate]:
    """Yield the files that a name stands for.

    Raises:
        InputError: a folder with too many files, or a pattern or folder without any.
    """
    path = Path(name)
    if name == STANDARD_INPUT:
        yield Candidate(name, is_found=False)
    elif is_directory(path):
        yield from in_folder(path, skipped)
    elif glob.has_magic(name) and not path.exists():
        yield from matching(name, skipped)
    else:
        yield Candidate(name, is_found=False)


def is_directory(path: Path) -> bool:
    """Return whether a path is a folder; a path that none can have is none."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def matching(pattern: str, skipped: list[str]) -> Iterator[Candidate]:
    """Yield the files that a pattern matches, in order.

    Raises:
        InputError: there is none, or too many.
    """
    path = Path(pattern)
    root, rest = (Path(path.anchor), path.relative_to(path.anchor)) if path.is_absolute() else (Path(), path)
    found: list[Path] = []
    try:
        for match in root.glob(str(rest)):
            found.append(match)
            check_number(len(found), pattern, MAX_ENTRIES)
    except (OSError, ValueError, NotImplementedError) as error:
        raise InputError(f"is not a pattern ({error})", source=pattern, advice="check the path") from None
    if not found:
        raise InputError("no file matches", source=pattern, advice="check the path")
    for match in sorted(found):
        if is_directory(match):
            yield from in_folder(match, skipped)
        else:
            yield Candidate(str(match), is_found=True)


def in_folder(folder: Path, skipped: list[str]) -> Iterator[Candidate]:
    """Yield the files below a folder that may be deployments; links to folders are not followed.

    Raises:
        InputError: too many files.
    """
    num_files = num_entries = 0
    for base, folders, files in os.walk(folder, followlinks=False):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in PASSED_OVER)
        num_entries += len(folders) + len(files)
        check_number(num_entries, str(folder), MAX_ENTRIES)
        for name in sorted(files):
            path = Path(base) / name
            suffix = path.suffix.lower()
            may_be = suffix in SUFFIXES or name.lower().startswith(NAMES)
            if name.startswith(".") or name == PROJECT_FILE:
                continue
            if not may_be or not is_small_text(path):
                skipped.append(str(path))
                continue
            num_files += 1
            check_number(num_files, str(folder), MAX_FILES)
            yield Candidate(str(path), is_found=True)


def check_number(number: int, source: str, limit: int) -> None:
    """Refuse a folder that is too large.

    Raises:
        InputError: it is.
    """
    if number > limit:
        raise InputError(f"more than {limit} files", source=source, advice="name a smaller folder")


def is_small_text(path: Path) -> bool:
    """Return whether a path is a text file of a size that a deployment may have."""
    try:
        if not path.is_file() or path.stat().st_size > MAX_FILE_BYTES:
            return False
        with path.open("rb") as file:
            return b"\0" not in file.read(4096)
    except OSError:
        return False


def read_named(name: str, given: GivenValues, version: NamedVersion | None) -> list[Outcome]:
    """Return what comes of a file that a person names, or of standard input."""
    file = STANDARD_INPUT_NAME if name == STANDARD_INPUT else name
    try:
        if name == STANDARD_INPUT:
            text = decoded(sys.stdin.buffer.read(MAX_FILE_BYTES + 1), file)
            document = parsed_or_named(file, Path(), text, given)
        else:
            document = parsed_or_named(file, Path(name).parent, read_text(Path(name)), given)
        return outcomes_of(document, version)
    except InputError as error:
        return [Unreadable(source=error.source, file=file, error=error)]


def read_found(name: str, given: GivenValues, version: NamedVersion | None) -> list[Outcome]:
    """Return what comes of a file that was found, nothing where it does not look like a deployment."""
    text = ""
    try:
        text = read_text(Path(name))
        if name.endswith(PROSE) and not begins_with_launch(text):
            return []
        document = parsed_or_named(name, Path(name).parent, text, given)
        if is_flat(document):
            return outcomes_of(document, version) if has_own_flags(document) else []
        if MENTION.search(text):
            return outcomes_of(document, version)
        # A file that names no engine can still run a script that does.
        found = outcomes_of(document, version) if ".sh" in text else []
        return [outcome for outcome in found if not isinstance(outcome, Unreadable)]
    except NothingStartedError:
        return []
    except InputError as error:
        return [Unreadable(source=name, file=name, error=error)] if MENTION.search(text) else []


def begins_with_launch(text: str) -> bool:
    """Return whether a text that may be prose begins with a launch command, or with flags alone."""
    lines = (line.strip() for line in text.splitlines())
    first = next((line for line in lines if line and not line.startswith("#")), "")
    return PROGRAM.match(first) is not None and (
        started(tuple(Argument(word, None) for word in first.split())) is not None
    )


def is_flat(document: Document) -> bool:
    """Return whether a document is at best an engine's own config file."""
    forms = [next(form for form in FORMS if form.recognises(root, document)) for root in document.roots]
    return bool(forms) and not any(form.sure for form in forms)


def has_own_flags(document: Document) -> bool:
    """Return whether a document has flags that only an engine has."""
    names = {key.replace("-", "_") for root in document.roots for key in root.members}
    return any(names & (engine.significant - NO_FLAGS) for engine in ENGINES.values())


def others_of(source: str, outcomes: list[Outcome]) -> set[str]:
    """Return the other files that the values of a file's deployments stand in; such a file is part of them."""
    found: set[str] = set()
    for outcome in outcomes:
        if isinstance(outcome, Deployment):
            settings = outcome.settings
            tables = (settings.flags, settings.environment, settings.model)
            found |= {settings.source} | {given.origin.source for table in tables for given in table.values()}
    return {os.path.realpath(name) for name in found - {source}}
