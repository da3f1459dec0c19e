"""The options that several commands share: where a report goes and how it looks, and the engine's version."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from schedproof.engines.fastdeploy.releases import RELEASES
from schedproof_gate.completion import complete_policy, complete_release
from schedproof_gate.report.layout import (
    USUAL_WIDTH,
    Detail,
    set_detail,
    set_width,
    terminal_width,
    wanted_colours,
)
from schedproof_gate.report.renderers import RENDERERS

Command = TypeVar("Command", bound=Callable[..., Any])


def fit(context: click.Context, parameter: click.Parameter, output: Path | None) -> Path | None:
    """Fit the text to the terminal, unless it goes to a file."""
    set_width(context, terminal_width() if output is None else USUAL_WIDTH)
    return output


def colour(context: click.Context, parameter: click.Parameter, choice: str) -> None:
    """Follow ``--color``."""
    context.color = wanted_colours(choice)


def detail(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    """Follow ``--quiet`` and ``--verbose``."""
    if value:
        assert parameter.name is not None
        set_detail(context, Detail(parameter.name))


output_option = click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    callback=fit,
    help="Write to FILE, all at once.",
)
POLICY_METAVAR = "NAME|MODULE:CLASS"
policy_option = click.option(
    "--policy",
    "policy_name",
    metavar=POLICY_METAVAR,
    shell_complete=complete_policy,
    help="The engine version, one of `schedproof policies`; or a rule of your own, whose module is run.",
)
release_option = click.option(
    "--release",
    "release_name",
    metavar="VERSION",
    shell_complete=complete_release,
    help=f"The engine's release: {', '.join(RELEASES)}.",
)
colour_option = click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    expose_value=False,
    callback=colour,
    help="Colours of text; `auto` is for terminals, and off with NO_COLOR.",
)
quiet_option = click.option(
    "--quiet", "-q", is_flag=True, expose_value=False, callback=detail, help="Verdicts and what counts, no more."
)
verbose_option = click.option(
    "--verbose",
    "-v",
    is_flag=True,
    expose_value=False,
    callback=detail,
    help="What each rule says, and the files that were not read, too.",
)


def forms_and_files(
    context: click.Context, parameter: click.Parameter, words: tuple[str, ...]
) -> tuple[tuple[str, Path], ...]:
    """Return the forms and files of ``FORMAT=FILE`` words.

    Raises:
        BadParameter: no such form, or no file.
    """
    found = []
    for word in words:
        form, _, file = word.partition("=")
        if form not in RENDERERS or not file:
            raise click.BadParameter(f"{word!r} is not FORMAT=FILE with one of {', '.join(RENDERERS)}.")
        found.append((form, Path(file)))
    return tuple(found)


also_option = click.option(
    "--also",
    multiple=True,
    metavar="FORMAT=FILE",
    callback=forms_and_files,
    help="Write the same report to FILE in another format, too.",
)
jobs_option = click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Processes to use; by default as many as there are cores, where that pays off.",
)
verify_option = click.option(
    "--verify", is_flag=True, help="Decide again, rather than tell what the proof run of this release found."
)


def layout_options(command: Command) -> Command:
    """Give a command the options on how its text looks."""
    return colour_option(quiet_option(verbose_option(command)))
