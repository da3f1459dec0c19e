"""The files that a script writes: here-documents, in which variables count."""

from __future__ import annotations

from schedproof_gate.deployment.launch import WrittenFile
from schedproof_gate.deployment.placed_text import PlacedText
from schedproof_gate.deployment.shell_values import Values
from schedproof_gate.deployment.shell_words import Part, Redirection, ShellReader, Variable, Word


def file_of(heredoc: Redirection, values: Values, source: str) -> WrittenFile:
    """Return a here-document's text, with what is known of its variables unless its delimiter is quoted.

    A variable that is not known stays as it is written, so that a reader of the file sees which values it is in.
    """
    body = heredoc.body or PlacedText(())
    if heredoc.target.bare is None:
        return WrittenFile(body)
    unknown: dict[str, None] = {}

    def text_of(part: Part) -> str:
        found = values.expand(Word(body.first_line, [part]))
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
