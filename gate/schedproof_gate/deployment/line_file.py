"""Reads a person's file line by line, however long it is."""

from collections.abc import Iterator
from pathlib import Path

from schedproof_gate.deployment.text_file import opened
from schedproof_gate.errors import InputError

MAX_LINE_BYTES = 1 << 20
"""1 MiB; no record is longer."""

Line = tuple[int, str]
"""A line's number, from 1, and its text without the line end."""


def read_lines(path: Path) -> Iterator[Line]:
    """Yield the lines of a text file that are not blank; memory does not grow with the file.

    Raises:
        InputError: the file cannot be read, or a line is too long or not plain UTF-8 text.
    """
    source = str(path)
    with opened(path) as file:
        number = 0
        while content := file.readline(MAX_LINE_BYTES + 1):
            number += 1
            if len(content) > MAX_LINE_BYTES:
                raise InputError(
                    f"the line is longer than {MAX_LINE_BYTES} bytes",
                    source=source,
                    line=number,
                    advice="write one record a line",
                )
            text = decoded(content, source, number).rstrip("\r\n")
            if text.strip():
                yield number, text


def decoded(content: bytes, source: str, line: int) -> str:
    """Return a line as text, the first one without a byte-order mark.

    Raises:
        InputError: not UTF-8, or a NUL byte.
    """
    try:
        text = content.decode("utf-8-sig" if line == 1 else "utf-8")
    except UnicodeDecodeError:
        raise InputError(
            "the file is not UTF-8 text", source=source, line=line, advice="save it as UTF-8"
        ) from None
    if "\0" in text:
        raise InputError("the file has a NUL byte", source=source, line=line, advice="give a text file")
    return text
