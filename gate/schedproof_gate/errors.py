"""The one way in which the command refuses an input: a single line for a person, and exit code 2."""

from __future__ import annotations

from collections.abc import Callable

COMMAND_LINE = "command line"
"""The source of what stands in the command's own words."""

MAX_SHOWN = 120
"""Characters of a person's text that a message repeats."""


class InputError(Exception):
    """A file or a flag cannot be used. Prints as ``SOURCE:LINE: KEY: problem; advice``."""

    def __init__(
        self, problem: str, *, source: str, line: int | None = None, key: str = "", advice: str = ""
    ) -> None:
        super().__init__(problem)
        self.problem = problem
        self.source = source
        self.line = line
        self.key = key
        self.advice = advice

    def __reduce__(self) -> tuple[Callable[..., InputError], tuple[str, str, int | None, str, str]]:
        return from_process, (self.problem, self.source, self.line, self.key, self.advice)

    def __str__(self) -> str:
        place = shown(self.source) + ("" if self.line is None else f":{self.line}")
        key = f": {shown(self.key)}" if self.key else ""
        advice = f"; {self.advice}" if self.advice else ""
        return printable(f"{place}{key}: {self.problem}{advice}")


def from_process(problem: str, source: str, line: int | None, key: str, advice: str) -> InputError:
    """Return an error as another process raised it."""
    return InputError(problem, source=source, line=line, key=key, advice=advice)


def shown(text: str) -> str:
    """Return a person's text as it may stand in a one-line message: printable and not too long."""
    return printable(text) if len(text) <= MAX_SHOWN else printable(text[:MAX_SHOWN]) + "…"


def printable(text: str) -> str:
    """Return text with line ends and other control characters escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def quoted(value: object) -> str:
    """Return a value for a message: text in quotes, everything else as it would be written in JSON."""
    if isinstance(value, str):
        return f"'{shown(value)}'"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value) if value.bit_length() <= 256 else "a number of more than 77 digits"
    return shown(repr(value))
