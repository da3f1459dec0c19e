"""Shows on a terminal's stderr what a command is at, once it takes longer than people wait without a word."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

PATIENCE_S = 2.0
"""Seconds before anything is shown."""

Tell = Callable[[str], None]
"""Says what is done next."""


Done = Callable[[], None]
"""Says that one more thing is done."""


def nothing() -> None:
    """Tell nobody."""


def silent(doing: str) -> None:
    """Tell nobody."""


@contextlib.contextmanager
def bar(total: int, things: str, console: Console | None = None, patience_s: float = PATIENCE_S) -> Iterator[Done]:
    """Yield a function that is called when one more of so many things is done, which a bar shows."""
    if console is None and not sys.stderr.isatty():
        yield nothing
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = console or Console(stderr=True)
    if not console.is_terminal:
        yield nothing
        return
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    shown = Progress(*columns, console=console, transient=True)
    task = shown.add_task(things, total=total)
    with after(patience_s, shown.start, shown.stop):
        yield lambda: shown.advance(task)


@contextlib.contextmanager
def after(patience_s: float, start: Callable[[], None], stop: Callable[[], None]) -> Iterator[None]:
    """Start something once a block takes so long, and stop it at its end."""
    timer = threading.Timer(patience_s, start)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        stop()


@contextlib.contextmanager
def progress(console: Console | None = None, patience_s: float = PATIENCE_S) -> Iterator[Tell]:
    """Yield a function that takes what is done next; nothing stays on the screen, and nothing goes into a file."""
    if console is None and not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console

    console = console or Console(stderr=True)
    if not console.is_terminal:
        yield silent
        return
    status = console.status("")
    with after(patience_s, status.start, status.stop):
        yield status.update
