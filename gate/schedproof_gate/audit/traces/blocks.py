"""Reads a file of any length in blocks of whole lines; memory does not grow with the file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from schedproof_gate.deployment.text_file import opened
from schedproof_gate.errors import InputError

BLOCK_BYTES = 1 << 18
"""256 KiB are read at a time: hundreds of steps, and little enough for a cache."""

MAX_LINE_BYTES = 1 << 24
"""16 MiB; a step with a thousand requests takes a hundredth of it."""

MARK = b"\xef\xbb\xbf"
"""UTF-8's byte-order mark."""

COMPRESSED = {b"\x1f\x8b": "gunzip", b"\x28\xb5\x2f\xfd": "unzstd", b"\xfd7zXZ": "unxz", b"BZh": "bunzip2"}
"""How compressed files begin, and the command that unpacks them."""


@dataclass(frozen=True, slots=True)
class Block:
    """Neighbouring lines of a file, without their line ends."""

    first_line: int
    """The number of the first of them, from 1."""
    lines: list[bytes]
    is_cut_off: bool = False
    """Whether the file ends in the last of them, without a line end."""


def read_blocks(path: Path) -> Iterator[Block]:
    """Yield a file's lines, a block or one longer line at a time.

    Raises:
        InputError: the file cannot be read, is empty, compressed or binary, or has a line that is too long.
    """
    source = str(path)
    with opened(path) as file:
        content = file.read(BLOCK_BYTES)
        refuse_compressed(content, source)
        content = content.removeprefix(MARK)
        if not content:
            raise InputError("the file is empty", source=source, advice="give a file with recorded steps")
        first_line = 1
        rest = b""
        while content:
            if b"\0" in content:
                line = first_line + content.count(b"\n", 0, content.index(b"\0"))
                raise InputError("the file has a NUL byte", source=source, line=line, advice="give a text file")
            lines = (rest + content).split(b"\n")
            rest = lines.pop()
            if lines:
                yield Block(first_line, lines)
                first_line += len(lines)
            if len(rest) > MAX_LINE_BYTES:
                raise InputError(
                    f"the line is longer than {MAX_LINE_BYTES} bytes",
                    source=source,
                    line=first_line,
                    advice="write one step a line",
                )
            content = file.read(BLOCK_BYTES)
        if rest:
            yield Block(first_line, [rest], is_cut_off=True)


def refuse_compressed(content: bytes, source: str) -> None:
    """Refuse a compressed file.

    Raises:
        InputError: it begins as one does.
    """
    for begin, command in COMPRESSED.items():
        if content.startswith(begin):
            raise InputError(
                "the file is compressed", source=source, advice=f"unpack it first: {command} --keep --stdout"
            )
