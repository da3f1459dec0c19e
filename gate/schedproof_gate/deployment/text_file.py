"""Reads a person's file as text, or says why it cannot be read."""

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from schedproof_gate.errors import InputError

MAX_FILE_BYTES = 1 << 20
"""1 MiB; a deployment is a page of text."""


def read_text(path: Path) -> str:
    """Return the file's text without a byte-order mark.

    Raises:
        InputError: the file is missing, not a regular file, too large, empty, or not plain UTF-8 text.
    """
    return decoded(read_bytes(path), str(path))


def decoded(content: bytes, source: str) -> str:
    """Return the text of a file's bytes.

    Raises:
        InputError: too large, empty, or not plain UTF-8 text.
    """
    if len(content) > MAX_FILE_BYTES:
        raise InputError(
            f"the file is larger than {MAX_FILE_BYTES} bytes", source=source, advice="give the deployment alone"
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            "the file is not UTF-8 text", source=source, line=line, advice="save it as UTF-8"
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise InputError("the file has a NUL byte", source=source, line=line, advice="give a text file")
    if not text.strip():
        raise InputError("the file is empty", source=source, advice="give a deployment or a launch command")
    return text.replace("\r\n", "\n")


def read_bytes(path: Path) -> bytes:
    """Return at most one byte more than the limit of a regular file."""
    with opened(path) as file:
        return file.read(MAX_FILE_BYTES + 1)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file to be read.

    Raises:
        InputError: the file is missing, not a regular file, or cannot be read.
    """
    source = str(path)
    try:
        # A pipe without a writer would block an ordinary open.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        raise InputError("no such file", source=source, advice="check the path") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(f"cannot be read ({reason})", source=source, advice="check the path") from None
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise InputError("is a directory", source=source, advice="give a file")
        if not stat.S_ISREG(mode):
            raise InputError("is not a regular file", source=source, advice="give a file")
        with open(descriptor, "rb", closefd=False) as file:
            yield file
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", source=source, advice="check the file") from None
    finally:
        os.close(descriptor)
