"""Writes results: to the terminal, or to a file that is either whole or not there."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

import click

from schedproof_gate.errors import InputError


def emit(text: str, output: Path | None) -> None:
    """Print text, or write it to a file without colours.

    Raises:
        InputError: the file cannot be written.
    """
    if output is None:
        click.echo(text, nl=False)
    else:
        write_atomically(output, click.unstyle(text))


def write_atomically(path: Path, text: str) -> None:
    """Replace a file by text in one step; readers see the old content or the new.

    Raises:
        InputError: the file cannot be written.
    """
    temporary: str | None = None
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.")
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(temporary, mode_of(path))
        os.replace(temporary, path)
    except (OSError, ValueError) as error:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(
            f"cannot be written ({reason})", source=str(path), key="--output", advice="check the path"
        ) from None


def mode_of(path: Path) -> int:
    """Return the permissions that the written file gets: those of the file it replaces, or the usual ones."""
    try:
        return path.stat().st_mode & 0o777
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
