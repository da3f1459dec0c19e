"""The values of ``--set``: what a file leaves open, as the person defines it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from schedproof_gate.errors import COMMAND_LINE, InputError

OPTION = "--set"
SETTING = re.compile(r"([A-Za-z_][A-Za-z0-9_]*|[0-9]+)=(.*)", re.DOTALL)
VARIABLE = re.compile(r"\$[{(]?([A-Za-z_][A-Za-z0-9_]*|[0-9]+)\b")


class GivenValues:
    """Values by the name of the variable. Remembers which of them were asked for."""

    def __init__(self, values: dict[str, str] | None = None) -> None:
        self.values = values or {}
        self.asked: set[str] = set()

    def get(self, name: str) -> str | None:
        """Return the value of a variable, if there is one."""
        if name not in self.values:
            return None
        self.asked.add(name)
        return self.values[name]

    def refuse_unused(self) -> None:
        """Refuse a value that nothing asks for; it is most likely misspelt.

        Raises:
            InputError: there is such a value.
        """
        for name in self.values:
            if name not in self.asked:
                raise InputError(
                    "no file leaves this variable open",
                    source=COMMAND_LINE,
                    key=f"{OPTION} {name}",
                    advice="check the name, or leave the option out",
                )


def given_values(settings: Iterable[str]) -> GivenValues:
    """Return the values of ``NAME=VALUE`` texts.

    Raises:
        InputError: another form, or a name twice.
    """
    values: dict[str, str] = {}
    for setting in settings:
        match = SETTING.fullmatch(setting)
        if match is None:
            raise InputError(
                "is not NAME=VALUE",
                source=COMMAND_LINE,
                key=f"{OPTION} {setting}",
                advice="write --set NAME=VALUE",
            )
        name, value = match.groups()
        if name in values:
            raise InputError(
                "the name is given twice", source=COMMAND_LINE, key=f"{OPTION} {name}", advice="keep one of them"
            )
        values[name] = value
    return GivenValues(values)


def how_to_give(unknown: str) -> str:
    """Return what to do about a variable, as it is written, whose value is not known."""
    match = VARIABLE.match(unknown)
    if match is None:
        return "write the value"
    return f"give {OPTION} {match.group(1)}=VALUE, set it once in the same file, or write the value"
