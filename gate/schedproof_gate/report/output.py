"""Writes results: to the terminal, or to a file that is either whole or not there."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import click

from schedproof_gate.errors import InputError
from schedproof_gate.report.report import Report
from schedproof_gate.report.wording import plural


def emit(text: str, output: Path | None) -> None:
    """Print text, or write it to a file without colours.

    Raises:
        InputError: the file cannot be written.
    """
    if output is None:
        click.echo(text, nl=False)
    else:
        write_atomically(output, click.unstyle(text))


def tell_unread(report: Report) -> None:
    """Name on the standard error what could not be read; an interrupt in one line, as the report names the rest."""
    for unread in report.unread:
        if not (unread.is_right and report.is_interrupted):
            click.echo(f"schedproof: {unread.text}", err=True)
    if report.is_interrupted:
        count = sum(unread.is_right for unread in report.unread)
        click.echo(f"schedproof: interrupted: {plural(count, 'input')} not checked", err=True)


def write_atomically(path: Path, text: str) -> None:
    """Replace a file by text in one step; readers see the old content or the new.

    Raises:
        InputError: the file cannot be written.
    """
    with replaced(path, "--output") as file:
        file.write(text.encode("utf-8"))


@contextlib.contextmanager
def replaced(path: Path, option: str) -> Iterator[BinaryIO]:
    """Open a file that takes the place of another one when all of it is written, and goes away otherwise.

    A device or a pipe is written to, and a link stays: the file behind it is replaced.

    Raises:
        InputError: the file cannot be written; `option` is where the person named it.
    """
    try:
        is_special = path.exists() and not path.is_file() and not path.is_dir()
        target = path if is_special else path.resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise cannot_be_written(path, option, error) from None
    if is_special:
        try:
            with open(path, "wb") as file:
                yield file
        except OSError as error:
            raise cannot_be_written(path, option, error) from None
        return
    try:
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:100]}.")
    except (OSError, ValueError) as error:
        raise cannot_be_written(path, option, error) from None
    is_replaced = False
    try:
        with open(descriptor, "wb") as file:
            yield file
        os.chmod(temporary, mode_of(target))
        os.replace(temporary, target)
        is_replaced = True
    except OSError as error:
        raise cannot_be_written(path, option, error) from None
    finally:
        if not is_replaced:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def cannot_be_written(path: Path, option: str, error: OSError | RuntimeError | ValueError) -> InputError:
    """Return the error for a file that a person named and that cannot be written."""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return InputError(f"cannot be written ({reason})", source=str(path), key=option, advice="check the path")


def mode_of(path: Path) -> int:
    """Return the permissions that the written file gets: those of the file it replaces, or the usual ones."""
    try:
        return path.stat().st_mode & 0o777
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
