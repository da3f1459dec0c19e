"""What counts for the exit code: the consequences of a violation, and how far down ``--fail-on`` goes."""

from __future__ import annotations

import click

from schedproof_spec import Consequence

LEVELS = {
    "crash": Consequence.CRASH,
    "stall": Consequence.STALL,
    "wrong-output": Consequence.WRONG_OUTPUT,
    "cost": Consequence.COST,
}
"""What a person gives: each level counts its consequence and those before it."""

DEFAULT_LEVEL = "wrong-output"

fail_on_option = click.option(
    "--fail-on",
    type=click.Choice(list(LEVELS)),
    default=DEFAULT_LEVEL,
    show_default=True,
    help="What counts for the exit code: this consequence of a violation, and those that stand before it.",
)


def is_counted(consequence: Consequence | None, level: str) -> bool:
    """Return whether a level counts a consequence; what has none, as a refused start, always counts."""
    if consequence is None:
        return True
    order = list(LEVELS.values())
    return order.index(consequence) <= order.index(LEVELS[level])
