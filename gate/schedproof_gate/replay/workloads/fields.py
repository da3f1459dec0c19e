"""Reads the values of a trace's records, and says what is wrong with one: file, line, column, advice."""

from __future__ import annotations

import functools
import json
import math
from dataclasses import dataclass
from typing import Any

from schedproof_gate.deployment.given import MAX_NUMBER, parsed_number
from schedproof_gate.deployment.tree import check_number
from schedproof_gate.errors import InputError, quoted
from schedproof_gate.misspellings import closest

MAX_SECONDS = 10_000_000_000
"""Some 300 years; a clock that counts from 1970 fits."""

MISSPELT = 0.75
"""How alike an unknown key and a known one must be for a misspelling."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a trace, by column or key."""

    source: str
    line: int
    values: dict[str, Any]

    def error(self, problem: str, key: str, advice: str) -> InputError:
        """Return the error that points at one value."""
        return InputError(problem, source=self.source, line=self.line, key=key, advice=advice)

    def has(self, key: str) -> bool:
        """Return whether there is a value."""
        value = self.values.get(key)
        return value is not None and value != ""

    def required(self, key: str) -> Any:
        """Return a value.

        Raises:
            InputError: there is none.
        """
        if not self.has(key):
            raise self.error("is missing", key, f"give {key} for every request")
        return self.values[key]

    def count(self, key: str) -> int:
        """Return a number of tokens.

        Raises:
            InputError: missing, not a whole number, or out of range.
        """
        value = self.required(key)
        number = parsed_number(value) if isinstance(value, str) else value
        if isinstance(number, float) and number.is_integer():
            number = int(number)
        if isinstance(number, bool) or not isinstance(number, int):
            raise self.error(f"{shown(value)} is not a whole number", key, "give digits only")
        if not 0 <= number <= MAX_NUMBER:
            raise self.error(f"{shown(value)} is out of range", key, f"give a number from 0 to {MAX_NUMBER}")
        return number

    def microseconds(self, key: str, per_unit: int) -> int:
        """Return a time as microseconds; ``per_unit`` of them are one of the trace's units.

        Raises:
            InputError: missing, not a number, not finite, negative, or out of range.
        """
        value = self.required(key)
        number = value
        if isinstance(value, str):
            try:
                number = float(value)
            except ValueError:
                number = None
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise self.error(f"{shown(value)} is not a number", key, "give a time since the beginning")
        if isinstance(number, float) and not math.isfinite(number):
            raise self.error(f"{shown(value)} is not a finite number", key, "give a time since the beginning")
        most = MAX_SECONDS * 1_000_000 // per_unit
        if not 0 <= number <= most:
            raise self.error(f"{shown(value)} is out of range", key, f"give a time from 0 to {most}")
        return round(number * per_unit)

    def sequence(self, key: str) -> list[Any]:
        """Return a list, empty when the key is absent.

        Raises:
            InputError: something else.
        """
        value = self.values.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.error(f"{shown(value)} is not a list", key, "write a JSON list")
        return value

    def hashes(self, key: str) -> tuple[int | str, ...]:
        """Return a list of hashes.

        Raises:
            InputError: not a list of numbers and texts.
        """
        values = self.sequence(key)
        for value in values:
            if isinstance(value, bool) or not isinstance(value, int | str):
                raise self.error(f"{shown(value)} is not a hash", key, "give whole numbers or texts")
        return tuple(values)

    def refuse_misspelt(self, known: tuple[str, ...]) -> None:
        """Refuse a key that looks like a known one that is absent; any other unknown key is left alone.

        Raises:
            InputError: such a key.
        """
        for key in self.values:
            if key not in known:
                close = meant(key, known)
                if close is not None and close not in self.values:
                    raise self.error("unknown key", key, f"did you mean {close}?")


@functools.lru_cache(maxsize=1024)
def meant(key: str, known: tuple[str, ...]) -> str | None:
    """Return the known key that a misspelt one most likely means."""
    return closest(key, known, MISSPELT)


def read_object(text: str, source: str, line: int) -> Record:
    """Return the record that a line of JSON holds.

    Raises:
        InputError: not a JSON object, or a key twice.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            names = [name for name, _ in pairs]
            repeated = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"the key {quoted(repeated)} is given twice")
        return found

    def whole(digits: str) -> int:
        check_number(len(digits), source, line)
        return int(digits)

    def refuse(name: str) -> None:
        raise ValueError(f"{name} is not a JSON number")

    try:
        value = json.loads(text, object_pairs_hook=unique, parse_constant=refuse, parse_int=whole)
    except json.JSONDecodeError as error:
        problem = f"not valid JSON: {error.msg} (column {error.colno})"
        raise InputError(problem, source=source, line=line, advice="write one JSON object a line") from None
    except (ValueError, RecursionError) as error:
        problem = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise InputError(
            f"not valid JSON: {problem}", source=source, line=line, advice="write one JSON object a line"
        ) from None
    if not isinstance(value, dict):
        raise InputError(
            f"{shown(value)} is not a JSON object", source=source, line=line, advice="write one JSON object a line"
        )
    return Record(source, line, value)


def shown(value: object) -> str:
    """Return a value for a message, with a word in place of a collection."""
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "a JSON object"
    return quoted(value)
