"""Splits a command into words where no shell runs: quotes count, and nothing is expanded."""

from __future__ import annotations

import io
import shlex

from schedproof_gate.deployment.launch import Argument
from schedproof_gate.deployment.placed_text import LineIndex, PlacedText
from schedproof_gate.deployment.tree import check_count
from schedproof_gate.errors import InputError

MAX_COMMAND_CHARACTERS = 128 << 10
"""No system takes more."""


def split_words(placed: PlacedText, source: str, unknown: tuple[str, ...] = ()) -> tuple[Argument, ...]:
    """Return the words of a command, each with its line and with those of the unknown variables that it has.

    Raises:
        InputError: a quote is not closed, or the command is too long.
    """
    text, index = placed.text, LineIndex(placed)
    if len(text) > MAX_COMMAND_CHARACTERS:
        raise InputError(
            f"a command of more than {MAX_COMMAND_CHARACTERS} characters",
            source=source,
            line=placed.first_line,
            advice="write a shorter one",
        )
    stream = io.StringIO(text)
    lexer = shlex.shlex(stream, posix=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    words: list[Argument] = []
    while True:
        begin = stream.tell()
        while begin < len(text) and text[begin] in lexer.whitespace:
            begin += 1
        line = index.at(begin)
        check_count(len(words), source, line)
        try:
            word = lexer.get_token()
        except ValueError:
            raise InputError("a quote is not closed", source=source, line=line, advice="close it") from None
        if word is None:
            return tuple(words)
        inside = placed_word(text[begin : stream.tell()], word, line)
        words.append(Argument(word, line, tuple(name for name in unknown if name in word), inside))


def placed_word(raw: str, word: str, line: int) -> PlacedText | None:
    """Return the lines of a word that has several."""
    return PlacedText.aligned(word, raw, line) if "\n" in word.strip() else None
