"""A value that a person gave, with where and how they wrote it, and the types that it may be asked for."""

from __future__ import annotations

from dataclasses import dataclass

from schedproof_gate.deployment.given_values import how_to_give
from schedproof_gate.deployment.json_text import read_json
from schedproof_gate.deployment.tree import Node, Scalar
from schedproof_gate.errors import InputError, quoted

MAX_NUMBER = 2**31 - 1

Value = Scalar | list[Node] | dict[str, Node]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value stands and how its key is written there."""

    source: str
    line: int | None
    spelling: str

    def error(self, problem: str, advice: str) -> InputError:
        """Return the error that points here."""
        return InputError(problem, source=self.source, line=self.line, key=self.spelling, advice=advice)


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One flag, environment variable or key."""

    value: Value
    origin: Origin
    is_text: bool = False
    """Whether it was a word of a command line, where every value is text."""
    unknown_variables: tuple[str, ...] = ()
    """Shell variables in the value that the file does not set."""

    def fail(self, problem: str, advice: str) -> InputError:
        """Return the error for this value; a variable without a value is the better explanation."""
        if self.unknown_variables:
            return self.unset_variable()
        return self.origin.error(problem, advice)

    def unset_variable(self) -> InputError:
        """Return the error for a value that depends on a variable which the file does not set."""
        name = self.unknown_variables[0]
        return self.origin.error(f"the value of {name} is not known here", how_to_give(name))

    def check_known(self) -> None:
        """Refuse a value of which only a shell knows what it is, even where the file shows what it may be.

        Raises:
            InputError: it is one.
        """
        if self.unknown_variables:
            raise self.unset_variable()

    def whole_number(self, least: int = 0) -> int:
        """Return the value as an integer between `least` and 2**31 - 1.

        Raises:
            InputError: another type, or out of range.
        """
        self.check_known()
        number = self.value
        if self.is_text and isinstance(number, str):
            number = parsed_number(number)
        if isinstance(number, bool) or not isinstance(number, int):
            raise self.fail(f"{described(self.value)} is not a whole number", "give digits only")
        if not least <= number <= MAX_NUMBER:
            raise self.fail(f"{quoted(number)} is out of range", f"give a number from {least} to {MAX_NUMBER}")
        return number

    def truth(self) -> bool:
        """Return the value as a truth value; 0 and 1 count where everything is text.

        Raises:
            InputError: another type.
        """
        self.check_known()
        if isinstance(self.value, bool):
            return self.value
        if self.is_text and self.value in ("0", "1"):
            return self.value == "1"
        accepted = "0 or 1" if self.is_text else "true or false"
        raise self.fail(f"{described(self.value)} is not {accepted}", f"give {accepted}")

    def text(self) -> str:
        """Return the value as text.

        Raises:
            InputError: another type, or a value that is not known.
        """
        if not isinstance(self.value, str):
            raise self.fail(f"{described(self.value)} is not text", "give text")
        self.check_known()
        return self.value

    def choice(self, choices: dict[str, str]) -> str:
        """Return what the value stands for among the accepted names.

        Raises:
            InputError: none of them.
        """
        self.check_known()
        name = self.value
        if not isinstance(name, str) or name not in choices:
            raise self.fail(f"{described(name)} is not one of {', '.join(choices)}", "give one of these")
        return choices[name]

    def members(self) -> dict[str, Given]:
        """Return the members of a mapping, or of the JSON object that a text holds.

        Raises:
            InputError: another type, or not JSON.
        """
        first_line = self.origin.line if self.origin.line is not None else 1
        value = self.value
        if isinstance(value, str):
            try:
                value = read_json(value, self.origin.source, first_line, key=self.origin.spelling).value
            except InputError as error:
                if self.unknown_variables:
                    raise self.unset_variable() from None
                spelling = self.origin.spelling
                key = spelling if error.key in ("", spelling) else f"{spelling}.{error.key}"
                line = None if self.origin.line is None else error.line
                raise Origin(self.origin.source, line, key).error(error.problem, error.advice) from None
        seen = {name: name.partition(" ")[0] in str(self.value) for name in self.unknown_variables}
        if not all(seen.values()):
            raise self.unset_variable()
        if not isinstance(value, dict):
            raise self.fail(f"{described(value)} is not a JSON object", """write '{"name": value}'""")
        return {
            name: Given(
                value=node.value,
                origin=Origin(
                    self.origin.source,
                    None if self.origin.line is None else node.line,
                    f"{self.origin.spelling}.{name}",
                ),
                unknown_variables=tuple(
                    name for name in self.unknown_variables if name.partition(" ")[0] in str(node.value)
                ),
            )
            for name, node in value.items()
        }


def described(value: Value) -> str:
    """Return a value for a message, with a word in place of a collection."""
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "a mapping"
    return quoted(value)


def parsed_number(text: str) -> int | str:
    """Return the integer that a word spells as Python's ``int`` reads it, or the word itself."""
    digits = text.strip()
    body = digits[1:] if digits[:1] in ("-", "+") else digits
    if not body.isascii() or not body.replace("_", "").isdigit() or len(body) > 40:
        return text
    try:
        return int(digits)
    except ValueError:
        return text
