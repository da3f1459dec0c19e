"""Where a person's rule stands: its file, the line of its class, and the line that the prover cannot follow."""

from __future__ import annotations

import inspect
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from schedproof_gate.own_policy import file_of

PLACE = re.compile(r"(?P<file>[\w.-]+\.py), line (?P<line>\d+)")
"""How the prover names a place in a rule."""


@dataclass(frozen=True, slots=True)
class RulePlace:
    """A file as a person sees it, and a line of it."""

    file: str
    line: int | None


def place_of_class(rule: object) -> RulePlace:
    """Return where the class of a policy or loop begins."""
    kind = type(rule)
    file = file_of(sys.modules[kind.__module__])
    try:
        return RulePlace(file, inspect.getsourcelines(kind)[1])
    except (OSError, TypeError):
        return RulePlace(file, None)


def place_in_message(message: str, rule: object) -> RulePlace:
    """Return the place that the prover's message names, for lack of one that of the class.

    The message has a file's name alone: it is that of the class, of those that it inherits from, or of one module.
    """
    own = place_of_class(rule)
    named = PLACE.search(message)
    if named is None:
        return own
    line = int(named["line"])
    inherited = [sys.modules[kind.__module__] for kind in type(rule).__mro__]
    for module in [*inherited, *sys.modules.values()]:
        file = getattr(module, "__file__", None)
        if file is not None and Path(file).name == named["file"]:
            return RulePlace(file_of(module), line)
    return own
