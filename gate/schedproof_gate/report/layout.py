"""How text for a person is laid out: its width, its colours and how much is said, as the command line wants it."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass, replace
from enum import StrEnum

import click

KEY = "schedproof.layout"
USUAL_WIDTH = 80
LEAST_WIDTH, MOST_WIDTH = 60, 120
"""Columns: narrower and a label's column swallows its text, wider and lines are hard to read."""


class Detail(StrEnum):
    """How much a report says."""

    QUIET = "quiet"
    """Verdicts, and what counts against them."""
    USUAL = "usual"
    VERBOSE = "verbose"
    """What every rule says, and accepted findings in full."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What the renderers for a person follow."""

    width: int = USUAL_WIDTH
    detail: Detail = Detail.USUAL


def layout() -> Layout:
    """Return the layout of the running command; the usual one outside a command."""
    context = click.get_current_context(silent=True)
    found = None if context is None else context.meta.get(KEY)
    return found if isinstance(found, Layout) else Layout()


def set_width(context: click.Context, width: int) -> None:
    """Lay out the command's text in so many columns."""
    context.meta[KEY] = replace(context.meta.get(KEY, Layout()), width=width)


def set_detail(context: click.Context, detail: Detail) -> None:
    """Say so much in the command's text."""
    context.meta[KEY] = replace(context.meta.get(KEY, Layout()), detail=detail)


def terminal_width() -> int:
    """Return the columns of the terminal that is written to, within limits; the usual number without one."""
    if not sys.stdout.isatty():
        return USUAL_WIDTH
    return max(LEAST_WIDTH, min(MOST_WIDTH, shutil.get_terminal_size((USUAL_WIDTH, 24)).columns))


def has_colours() -> bool:
    """Return whether colours of the running command's text reach its reader."""
    context = click.get_current_context(silent=True)
    if context is not None and context.color is not None:
        return context.color
    return sys.stdout.isatty()


def wanted_colours(choice: str) -> bool | None:
    """Return what ``--color`` and ``NO_COLOR`` say; None leaves it to whether there is a terminal."""
    if choice == "auto":
        return False if os.environ.get("NO_COLOR") else None
    return choice == "always"
