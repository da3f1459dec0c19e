"""The files that a script writes: here-documents, in which variables count."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import PurePosixPath

from schedproof_gate.deployment.launch import Argument, WrittenFile
from schedproof_gate.deployment.placed_text import PlacedText
from schedproof_gate.deployment.shell_expansion import expand
from schedproof_gate.deployment.shell_syntax import Command, Part, Redirection, Variable, Word
from schedproof_gate.deployment.shell_values import Values
from schedproof_gate.deployment.shell_words import ShellReader

WRITING = {">", ">|", ">>", "&>", "&>>"}
CHANGING = {
    "cp",
    "envsubst",
    "install",
    "jq",
    "ln",
    "mv",
    "patch",
    "perl",
    "rm",
    "rsync",
    "sed",
    "truncate",
    "wget",
    "yq",
    "curl",
}
"""Commands that may change a file that they name."""
ESCAPED = re.compile(r"[\\%]")


def note_files(command: Command, arguments: tuple[Argument, ...], values: Values, source: str) -> None:
    """Take in the files that a command writes, and those that it may change in another way."""
    name = PurePosixPath(arguments[0].text).name if arguments else ""
    line = command.line
    targets = [
        (each.operator, target_of(each, values)) for each in command.redirections if each.operator in WRITING
    ]
    body = next((each for each in reversed(command.redirections) if each.body is not None), None)
    if name == "tee":
        operator = ">>" if any(word.text in ("-a", "--append") for word in arguments) else ">"
        targets += [(operator, word.text) for word in arguments[1:] if not word.text.startswith("-")]
    written = None
    if body is not None and name in ("cat", "tee") and (name == "tee" or len(arguments) == 1):
        written = file_of(body, values, source)
    elif name in ("echo", "printf") and not any(each.operator.startswith("<") for each in command.redirections):
        written = printed(arguments, line)
    for operator, target in targets:
        if target:
            write(values, target, operator, written, f" (written by {name or 'the script'} in {source}:{line})")
    if name in CHANGING:
        for each in {PurePosixPath(word.text).name for word in arguments[1:]} & values.files.keys():
            values.files[each] = replace(values.files[each], doubt=f" (changed by {name} in {source}:{line})")


def target_of(redirection: Redirection, values: Values) -> str:
    """Return the file that a redirection writes; empty where its name is not known."""
    found = expand(values, redirection.target)
    return found[0].text if len(found) == 1 and not found[0].unknown_variables else ""


def write(values: Values, target: str, operator: str, written: WrittenFile | None, why: str) -> None:
    """Take in that a file is written, or something is added to it."""
    name = PurePosixPath(target).name
    before = values.files.get(name)
    if written is None:
        values.files[name] = WrittenFile(PlacedText(()), doubt=why)
    elif operator.endswith(">>") and before is not None:
        values.files[name] = replace(
            before,
            content=PlacedText((*before.content.fragments, *written.content.fragments)),
            unknown_variables=(*before.unknown_variables, *written.unknown_variables),
        )
    else:
        values.files[name] = written


def printed(arguments: tuple[Argument, ...], line: int) -> WrittenFile | None:
    """Return what ``echo`` or a ``printf`` without directives writes; None for anything else."""
    name, words = arguments[0].text, arguments[1:]
    if words and words[0].text.startswith("-"):
        return None
    text = " ".join(word.text for word in words) + "\n"
    if name == "printf":
        text = words[0].text.replace("\\n", "\n") if len(words) == 1 else "%"
    if ESCAPED.search(text):
        return None
    unknown = tuple(dict.fromkeys(each for word in words for each in word.unknown_variables))
    return WrittenFile(PlacedText.on_line(text, line), unknown)


def file_of(heredoc: Redirection, values: Values, source: str) -> WrittenFile:
    """Return a here-document's text, with what is known of its variables unless its delimiter is quoted.

    A variable that is not known stays as it is written, so that a reader of the file sees which values it is in.
    """
    body = heredoc.body or PlacedText(())
    if heredoc.target.bare is None:
        return WrittenFile(body)
    unknown: dict[str, None] = {}

    def text_of(part: Part) -> str:
        found = expand(values, Word(body.first_line, [part]))
        if isinstance(part, Variable) and any(argument.unknown_variables for argument in found):
            unknown[part.written] = None
            return part.written
        return " ".join(argument.text for argument in found)

    def expanded(line: str) -> str:
        reader = ShellReader(PlacedText.of(line.replace('"', '\\"')), source)
        word = Word(body.first_line)
        reader.text = f'"{reader.text}"'
        reader.double_quoted(word)
        return "".join(map(text_of, word.parts))

    return WrittenFile(body.changed(expanded), tuple(unknown))
