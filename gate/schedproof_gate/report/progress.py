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


def silent(doing: str) -> None:
    """Tell nobody."""


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
    timer = threading.Timer(patience_s, status.start)
    timer.daemon = True
    timer.start()
    try:
        yield status.update
    finally:
        timer.cancel()
        timer.join()
        status.stop()
