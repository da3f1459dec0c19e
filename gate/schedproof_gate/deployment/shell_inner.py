"""Finds the script that a command runs: behind ``bash -c``, in a here-document, or in a written file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from schedproof_gate.deployment.launch import Argument, WrittenFile, written_file
from schedproof_gate.deployment.placed_text import PlacedText
from schedproof_gate.deployment.shell_syntax import Redirection

ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)(\+?)=", re.ASCII)
SHELLS = {"sh", "bash", "zsh", "dash", "ash", "ksh"}
SOURCING = {"source", "."}
BEFORE_ENV = {"exec", "nohup", "setsid", "command"}
"""Commands that may stand before ``env``."""
RUNNING = {"exec", "source", ".", "nohup"}


@dataclass(frozen=True, slots=True)
class InnerScript:
    """A script that a command runs, and the arguments that it gets."""

    text: PlacedText
    arguments: tuple[Argument, ...]
    source: str = ""
    """Its file, where that is another one."""


def assigned_words(arguments: tuple[Argument, ...]) -> Iterator[tuple[str, Argument]]:
    """Yield the variables that words such as those of ``env NAME=value command`` assign."""
    for argument in arguments:
        match = ASSIGNMENT.match(argument.text)
        if PurePosixPath(argument.text).name in SHELLS:
            return
        if match is not None:
            yield match.group(1), replace(argument, text=argument.text[match.end() :])


def kept_environment(arguments: tuple[Argument, ...], environment: dict[str, Argument]) -> dict[str, Argument]:
    """Return what ``env -i`` or ``env -u NAME`` leaves of the environment; all of it for any other command."""
    names = [PurePosixPath(argument.text).name for argument in arguments]
    position = next((index for index, name in enumerate(names) if name not in BEFORE_ENV), len(names))
    if names[position : position + 1] != ["env"]:
        return environment
    kept = dict(environment)
    position += 1
    while position < len(arguments) and arguments[position].text.startswith("-"):
        option = arguments[position].text
        if option in ("-", "-i", "--ignore-environment"):
            kept.clear()
        elif option in ("-u", "--unset") and position + 1 < len(arguments):
            position += 1
            kept.pop(arguments[position].text, None)
        elif option.startswith("--unset="):
            kept.pop(option.partition("=")[2], None)
        elif option.startswith("-u"):
            kept.pop(option[2:], None)
        position += 1
    return kept


def inner_script(
    arguments: tuple[Argument, ...], redirections: list[Redirection], files: Mapping[str, WrittenFile]
) -> InnerScript | None:
    """Return the script that a command runs; None when it runs none that is here."""
    for index, argument in enumerate(arguments):
        name = PurePosixPath(argument.text).name
        file = written_file(argument.text, files)
        is_sourced = index == 1 and arguments[0].text in SOURCING
        if file is not None and (is_sourced or looks_like_script(file, argument.text)):
            before = "" if index == 0 else arguments[index - 1].text
            is_run = before in RUNNING or PurePosixPath(before).name in {*SHELLS, *RUNNING}
            if not before or before.startswith("-") or is_run:
                return InnerScript(file.content, arguments[index + 1 :], file.source)
        if name in SHELLS:
            rest = arguments[index + 1 :]
            for position, option in enumerate(rest):
                if not option.text.startswith(("-", "+")):
                    break
                if not option.text.startswith("--") and "c" in option.text and position + 1 < len(rest):
                    return InnerScript(rest[position + 1].script, rest[position + 3 :])
            body = next((each.body for each in redirections if each.body is not None), None)
            if body is not None:
                return InnerScript(body, ())
    return None


def looks_like_script(file: WrittenFile, name: str) -> bool:
    """Return whether a written file is a script rather than a configuration."""
    return name.endswith((".sh", ".bash")) or file.content.text.startswith("#!")


def joined(arguments: tuple[Argument, ...]) -> PlacedText:
    """Return words as the text that ``eval`` makes of them."""
    return PlacedText(tuple((argument.text + " ", argument.line or 1) for argument in arguments))
