"""Dockerfiles: ``ENTRYPOINT`` and ``CMD`` of the last stage, in both forms, with ``ENV`` and ``ARG``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from schedproof_gate.deployment.budget import Budget
from schedproof_gate.deployment.document import Document
from schedproof_gate.deployment.json_text import read_json
from schedproof_gate.deployment.launch import Argument, WrittenFile
from schedproof_gate.deployment.nearby import nearby_file
from schedproof_gate.deployment.parts import ContainerCommand, Form, Part
from schedproof_gate.deployment.placed_text import PlacedText
from schedproof_gate.deployment.shell_expansion import expand
from schedproof_gate.deployment.shell_values import Values
from schedproof_gate.deployment.shell_words import ShellReader
from schedproof_gate.deployment.tree import MAX_ITEMS, Node, check_count
from schedproof_gate.errors import InputError

INSTRUCTION = re.compile(r"\s*([A-Za-z]+)(?:\s+|\Z)")
FIRST = re.compile(r"(ARG\s+\w+(=\S*)?|FROM\s+\S+)(\s|\Z)", re.IGNORECASE)
HEREDOC = re.compile(r"<<-?\s*[\"']?([A-Za-z_]\w*)[\"']?")
MAX_COPIED = 64
SHELL = (Argument("/bin/sh", None), Argument("-c", None))


def recognises(root: Node | None, document: Document) -> bool:
    """Return whether the file is named as a Dockerfile, or begins as one."""
    if root is not None:
        return False
    name = document.name.lower()
    if name.startswith(("dockerfile", "containerfile")) or name.endswith((".dockerfile", ".containerfile")):
        return True
    lines = (line.strip() for line in document.text.splitlines())
    first = next((line for line in lines if line and not line.startswith("#")), "")
    return FIRST.match(first) is not None and re.search(r"^[ \t]*FROM\s", document.text, re.I | re.M) is not None


@dataclass(slots=True)
class Stage:
    """What has been set since ``FROM``."""

    line: int
    values: Values
    image: str = ""
    entrypoint: tuple[Argument, ...] = ()
    command: tuple[Argument, ...] = ()
    is_whole: bool = False
    """Whether the entrypoint is a string for the shell, which takes no command."""
    files: dict[str, WrittenFile] = field(default_factory=dict)

    def copy(self, line: int) -> Stage:
        """Return a stage that begins where this one ended."""
        return replace(self, line=line, values=self.values.copy(), files=dict(self.files))


def parts(root: Node | None, document: Document) -> Iterable[Part]:
    """Return what the last stage runs."""
    budget = Budget(document.source)
    first = Stage(1, Values(budget, document.given))
    stages: dict[str, Stage] = {}
    stage = first
    for name, placed in instructions(document):
        text = placed.text
        if name == "FROM":
            words = [word for word in text.split() if not word.startswith("--")]
            base = stages.get(words[0].lower()) if words else None
            stage = (base or first).copy(placed.first_line)
            if base is None:
                stage.image = words[0] if words else ""
            if len(words) == 3:
                stages[words[2].lower()] = stage
        elif name in ("ENV", "ARG"):
            take_variables(name, placed, stage, document)
        elif name in ("ENTRYPOINT", "CMD"):
            arguments, is_string = command(placed, document)
            if name == "ENTRYPOINT":
                stage.entrypoint, stage.command, stage.is_whole = arguments, (), is_string
            else:
                stage.command = arguments
        elif name in ("COPY", "ADD"):
            stage.files |= copied(text, document)
    arguments = stage.entrypoint if stage.is_whole else stage.entrypoint + stage.command
    if arguments:
        line = next((argument.line for argument in arguments if argument.line is not None), stage.line)
        yield ContainerCommand(
            arguments=arguments,
            environment=stage.values.environment(),
            place="",
            line=line,
            image=stage.image,
            files=stage.files,
        )


def copied(text: str, document: Document) -> dict[str, WrittenFile]:
    """Return the scripts and config files that an instruction copies from beside the Dockerfile."""
    words = [word for word in text.split() if not word.startswith("--")]
    if "--from" in text or len(words) < 2 or text.lstrip().startswith("["):
        return {}
    found = {}
    for word in words[:-1][:MAX_COPIED]:
        file = nearby_file(document.base, word)
        if file is not None:
            whole = words[-1] + PurePosixPath(word).name if words[-1].endswith("/") else words[-1]
            found[whole] = found[PurePosixPath(whole).name] = file
    return found


def instructions(document: Document) -> Iterator[tuple[str, PlacedText]]:
    """Yield each instruction with what follows it; continued lines are joined, comments and bodies left out."""
    lines = document.text.split("\n")
    escape = "`" if re.match(r"#\s*escape\s*=\s*`", document.text, re.IGNORECASE) else "\\"
    index = count = 0
    while index < len(lines):
        fragments: list[tuple[str, int]] = []
        while index < len(lines):
            line, number = lines[index], index + 1
            index += 1
            if line.lstrip().startswith("#") or (fragments and not line.strip()):
                continue
            is_continued = line.rstrip().endswith(escape)
            body = line.rstrip()[:-1] + " " if is_continued else line
            fragments.append((body, number))
            if not is_continued:
                break
        match = INSTRUCTION.match(fragments[0][0]) if fragments else None
        if match is None:
            continue
        count += 1
        check_count(count, document.source, fragments[0][1])
        fragments[0] = (fragments[0][0][match.end() :], fragments[0][1])
        name = match.group(1).upper()
        if name in ("RUN", "COPY", "ADD"):
            index = behind_bodies(" ".join(text for text, _ in fragments), lines, index)
        yield name, PlacedText(tuple(fragments))


def behind_bodies(text: str, lines: list[str], index: int) -> int:
    """Return the first line behind the here-documents that an instruction begins."""
    for delimiter in HEREDOC.findall(text)[:MAX_ITEMS]:
        while index < len(lines) and lines[index].lstrip("\t") != delimiter:
            index += 1
        index += 1
    return index


def take_variables(name: str, placed: PlacedText, stage: Stage, document: Document) -> None:
    """Take in ``ENV NAME=value …``, ``ENV NAME value`` or ``ARG NAME=default``."""
    reader = ShellReader(placed, document.source)
    words = [word for each in reader.commands() for word in each.words]
    if not words:
        return
    first = words[0].literal or ""
    if name == "ENV" and first and "=" not in first and len(words) > 1:
        values = [argument for word in words[1:] for argument in expand(stage.values, word)]
        text = " ".join(value.text for value in values)
        unknown = tuple(unknown for value in values for unknown in value.unknown_variables)
        stage.values.scalars[first] = Argument(text, words[0].line, unknown)
        stage.values.exported.add(first)
        return
    for word in words:
        for argument in expand(stage.values, word)[:1]:
            key, equals, text = argument.text.partition("=")
            if name == "ENV":
                stage.values.exported.add(key)
            elif (given := document.given.get(key)) is not None:
                text = given
            elif not equals:
                continue
            stage.values.scalars[key] = Argument(text, argument.line, argument.unknown_variables)


def command(placed: PlacedText, document: Document) -> tuple[tuple[Argument, ...], bool]:
    """Return the words of a list, or those that give a string to the shell, and whether it is a string."""
    text = placed.text
    if text.lstrip().startswith("["):
        try:
            root = read_json("".join(f"{part}\n" for part, _ in placed.fragments), document.source)
        except InputError:
            root = None
        if root is not None and all(isinstance(item.value, str) for item in root.items):
            lines = [line for _, line in placed.fragments]
            words = tuple(Argument(item.text.text, lines[min(item.line, len(lines)) - 1]) for item in root.items)
            return words, False
    return (*SHELL, Argument(text, placed.first_line, (), placed)), True


FORM = Form(name="a Dockerfile", recognises=recognises, parts=parts)
