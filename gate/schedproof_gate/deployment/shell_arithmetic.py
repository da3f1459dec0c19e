"""What an arithmetic expression of a shell comes to: 64-bit integers, with assignments."""

from __future__ import annotations

import re
from collections.abc import Callable

MAX_CHARACTERS = 400
MAX_NESTING = 24

TOKEN = re.compile(
    r"""\s*+(?:
      (?P<number>(?:[1-9][0-9]?\#[0-9a-zA-Z]+|0[xX][0-9a-fA-F]+|[0-9]+)(?![\w\#]))
    | (?P<name>[A-Za-z_]\w*)
    | (?P<operator><<=|>>=|\*\*|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|[-+*/%&|^<>=!~?:,()])
    )""",
    re.ASCII | re.VERBOSE,
)
ASSIGNING = {"=", "+=", "-=", "*=", "/=", "%=", "<<=", ">>=", "&=", "^=", "|="}
LEVELS: tuple[tuple[str, ...], ...] = (
    ("||",),
    ("&&",),
    ("|",),
    ("^",),
    ("&",),
    ("==", "!="),
    ("<", "<=", ">", ">="),
    ("<<", ">>"),
    ("+", "-"),
    ("*", "/", "%"),
    ("**",),
)
"""Operators, from those that bind least."""
BINDING = {operator: level for level, operators in enumerate(LEVELS) for operator in operators}


class NotKnownError(Exception):
    """Only a shell knows what an expression comes to; `names` says which variables it hangs on."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.names = names


def wrapped(number: int) -> int:
    """Return a number as 64 bits hold it."""
    return (number + 2**63) % 2**64 - 2**63


def parsed_integer(text: str) -> int:
    """Return the number that a constant spells: decimal, octal, hexadecimal, or with a base before ``#``.

    Raises:
        NotKnownError: it is none.
    """
    match = TOKEN.fullmatch(text)
    if match is None or match["number"] is None or len(text) > 40:
        raise NotKnownError
    digits = match["number"]
    base, mark, rest = digits.partition("#")
    try:
        if mark:
            if int(base) > 36:
                raise NotKnownError
            return wrapped(int(rest, int(base)))
        if digits[:2] in ("0x", "0X"):
            return wrapped(int(digits, 16))
        return wrapped(int(digits, 8 if digits.startswith("0") else 10))
    except ValueError:
        raise NotKnownError from None


class Arithmetic:
    """Evaluates one expression from left to right; what a short circuit skips is parsed and has no effect."""

    def __init__(self, text: str, read: Callable[[str], int], write: Callable[[str, int], None]) -> None:
        self.read = read
        self.write = write
        self.tokens = tokens_of(text)
        self.position = 0
        self.num_open = 0
        self.is_skipped = False

    def result(self) -> int:
        """Return what the expression comes to; an empty one is 0.

        Raises:
            NotKnownError: a variable is not known, or the expression is wrong.
        """
        if not self.tokens:
            return 0
        value = self.sequence()
        if self.position < len(self.tokens):
            raise NotKnownError
        return value

    def peek(self) -> str:
        """The next token; empty at the end."""
        return self.tokens[self.position] if self.position < len(self.tokens) else ""

    def take(self) -> str:
        """Return the next token and go on."""
        token = self.peek()
        self.position += 1
        return token

    def expect(self, token: str) -> None:
        """Take a token that has to stand here."""
        if self.take() != token:
            raise NotKnownError

    def skipping(self, is_skipped: bool, part: Callable[[], int]) -> int:
        """Return what a part comes to, without its effects where it is skipped."""
        before = self.is_skipped
        self.is_skipped = before or is_skipped
        try:
            return part()
        finally:
            self.is_skipped = before

    def sequence(self) -> int:
        """Expressions with commas between them."""
        value = self.assignment()
        while self.peek() == ",":
            self.take()
            value = self.assignment()
        return value

    def assignment(self) -> int:
        """An assignment, or a condition."""
        name = self.peek()
        after = self.tokens[self.position + 1] if self.position + 1 < len(self.tokens) else ""
        if after in ASSIGNING and is_name(name):
            self.position += 2
            value = self.assignment()
            if after != "=":
                value = self.applied(after[:-1], self.value_of(name), value)
            return self.assigned(name, value)
        return self.condition()

    def condition(self) -> int:
        """``a ? b : c``."""
        value = self.binary(0)
        if self.peek() != "?":
            return value
        self.take()
        first = self.skipping(value == 0, self.sequence)
        self.expect(":")
        second = self.skipping(value != 0, self.assignment)
        return first if value != 0 else second

    def binary(self, least: int) -> int:
        """Operands with operators between them that bind at least so much."""
        value = self.unary()
        while (level := BINDING.get(self.peek(), -1)) >= least:
            operator = self.take()
            above = level if operator == "**" else level + 1
            if operator in ("&&", "||"):
                is_decided = (value == 0) == (operator == "&&")
                other = self.skipping(is_decided, lambda above=above: self.binary(above))  # type: ignore[misc]
                value = int((operator == "||") if is_decided else other != 0)
            else:
                value = self.applied(operator, value, self.binary(above))
        return value

    def unary(self) -> int:
        """An operand with the signs before it and the steps behind it."""
        token = self.take()
        if token in ("-", "+", "!", "~", "("):
            self.num_open += 1
            if self.num_open > MAX_NESTING:
                raise NotKnownError
            value = self.sequence() if token == "(" else self.unary()
            self.num_open -= 1
            if token == "(":
                self.expect(")")
            return {"-": -value, "!": int(value == 0), "~": ~value}.get(token, value)
        if token in ("++", "--"):
            name = self.take()
            return self.assigned(name, self.value_of(name) + (1 if token == "++" else -1))
        if is_name(token):
            value = self.value_of(token)
            if self.peek() in ("++", "--"):
                self.assigned(token, value + (1 if self.take() == "++" else -1))
            return value
        return parsed_integer(token)

    def value_of(self, name: str) -> int:
        """Return a variable's value."""
        if not is_name(name):
            raise NotKnownError
        return 0 if self.is_skipped else self.read(name)

    def assigned(self, name: str, value: int) -> int:
        """Set a variable, and return its value."""
        if not is_name(name):
            raise NotKnownError
        if not self.is_skipped:
            self.write(name, wrapped(value))
        return wrapped(value)

    def applied(self, operator: str, left: int, right: int) -> int:
        """Return what an operator makes of two numbers."""
        if self.is_skipped:
            return 0
        if operator in ("/", "%"):
            if right == 0:
                raise NotKnownError
            quotient = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
            return wrapped(quotient if operator == "/" else left - quotient * right)
        if operator == "**":
            if not 0 <= right <= 64:
                raise NotKnownError
            return wrapped(left**right)
        if operator in ("<<", ">>"):
            return wrapped(left << (right & 63) if operator == "<<" else left >> (right & 63))
        results = {
            "+": left + right,
            "-": left - right,
            "*": left * right,
            "&": left & right,
            "|": left | right,
            "^": left ^ right,
            "==": int(left == right),
            "!=": int(left != right),
            "<": int(left < right),
            "<=": int(left <= right),
            ">": int(left > right),
            ">=": int(left >= right),
        }
        return wrapped(results[operator])


def is_name(token: str) -> bool:
    """Return whether a token is a variable."""
    return token[:1].isalpha() or token[:1] == "_"


def tokens_of(text: str) -> list[str]:
    """Return the tokens of an expression.

    Raises:
        NotKnownError: something else stands in it, or it is too long.
    """
    text = text.strip()
    if len(text) > MAX_CHARACTERS:
        raise NotKnownError
    found: list[str] = []
    position = 0
    while position < len(text):
        match = TOKEN.match(text, position)
        if match is None:
            raise NotKnownError
        found.append(match.group().strip())
        position = match.end()
    return found
