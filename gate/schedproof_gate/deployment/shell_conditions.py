"""How a command of a script ends, as far as the script says so: what ``[``, ``[[`` and ``((`` answer."""

from __future__ import annotations

import re
from enum import StrEnum

from schedproof_gate.deployment.launch import Argument
from schedproof_gate.deployment.shell_expansion import calculated, matches_pattern, scalar
from schedproof_gate.deployment.shell_syntax import Word
from schedproof_gate.deployment.shell_values import Values

PREPARING = {
    *("export", "declare", "local", "readonly", "typeset", "set", "ulimit", "source", ".", "unset", "shift"),
    *("cd", "pushd", "popd", "mkdir", "rm", "cp", "mv", "chmod", "echo", "printf", "sleep", "pip", "shopt", "trap"),
}
"""Commands that succeed in a run that gets anywhere; any other may be a question."""

NUMBER = re.compile(r"\s*[-+]?[0-9]{1,18}\s*\Z", re.ASCII)
OCTAL = re.compile(r"[-+]?0[0-9]")
MAX_WORDS = 64


class Status(StrEnum):
    """How a command ends."""

    SUCCESS = "success"
    FAILURE = "failure"
    LIKELY = "likely"
    """It succeeds in a run that gets anywhere."""
    UNKNOWN = "unknown"

    @property
    def negated(self) -> Status:
        """What ``!`` makes of it."""
        return {Status.SUCCESS: Status.FAILURE, Status.FAILURE: Status.SUCCESS}.get(self, Status.UNKNOWN)


def status(answer: bool | None) -> Status:
    """Return how a question ends."""
    return Status.UNKNOWN if answer is None else Status.SUCCESS if answer else Status.FAILURE


def compared(left: str, operator: str, right: str) -> bool | None:
    """Return what a comparison of two texts answers; None where only a shell knows."""
    if operator in ("=", "==", "!="):
        return (left == right) == (operator != "!=")
    if not NUMBER.match(left) or not NUMBER.match(right):
        return None
    one, other = int(left), int(right)
    answers = {
        "-eq": one == other,
        "-ne": one != other,
        "-lt": one < other,
        "-le": one <= other,
        "-gt": one > other,
        "-ge": one >= other,
    }
    return answers.get(operator)


def tested(words: tuple[Argument, ...]) -> bool | None:
    """Return what ``test`` answers to words; None where only a shell knows."""
    if any(word.unknown_variables or word.is_default for word in words):
        return None
    texts = [word.text for word in words]
    if len(texts) > 1 and texts[0] == "!" and not (len(texts) == 3 and texts[1] in ("=", "==", "!=")):
        answer = tested(words[1:]) if len(texts) < 5 else None
        return None if answer is None else not answer
    if len(texts) < 2:
        return bool(texts and texts[0])
    if len(texts) == 2 and texts[0] in ("-n", "-z"):
        return (texts[1] != "") == (texts[0] == "-n")
    if len(texts) == 3:
        return compared(*texts)
    return None


class DoubleBracket:
    """Answers ``[[ … ]]`` from left to right, in Kleene's logic where something is not known."""

    def __init__(self, words: list[Word], values: Values) -> None:
        self.words = words
        self.values = values
        self.position = 0
        self.is_wrong = len(words) > MAX_WORDS

    def answer(self) -> bool | None:
        """Return the answer; None where only a shell knows."""
        found = None if self.is_wrong else self.either()
        return None if self.is_wrong or self.position < len(self.words) else found

    def peek(self, ahead: int = 0) -> str | None:
        """Return a word of the grammar."""
        place = self.position + ahead
        return self.words[place].bare if place < len(self.words) else None

    def either(self) -> bool | None:
        """``a || b``."""
        found = self.both()
        while self.peek() == "||":
            self.position += 1
            other = self.both()
            found = True if found or other else None if found is None or other is None else False
        return found

    def both(self) -> bool | None:
        """``a && b``."""
        found = self.one()
        while self.peek() == "&&":
            self.position += 1
            other = self.one()
            found = False if found is False or other is False else None if None in (found, other) else True
        return found

    def one(self) -> bool | None:
        """One question, or several in parentheses."""
        if self.position >= len(self.words):
            self.is_wrong = True
            return None
        first = self.peek()
        if first == "!":
            self.position += 1
            found = self.one()
            return None if found is None else not found
        if first == "(":
            self.position += 1
            found = self.either()
            self.is_wrong = self.is_wrong or self.peek() != ")"
            self.position += 1
            return found
        if first is not None and re.fullmatch("-[a-zA-Z]", first) and self.peek(1) not in ("&&", "||", ")", "=="):
            self.position += 2
            if first not in ("-n", "-z") or self.position > len(self.words):
                return None
            return tested((Argument(first, None), self.value(self.position - 1)))
        operator = self.peek(1)
        if operator in (None, "&&", "||", ")") and not (operator is None and self.position + 1 < len(self.words)):
            self.position += 1
            return tested((self.value(self.position - 1),))
        self.position += 3
        if self.position > len(self.words) or operator is None:
            self.is_wrong = True
            return None
        left, right = self.value(self.position - 3), self.words[self.position - 1]
        if operator in ("=", "==", "!="):
            found = matches_pattern(self.values, left, right)
            return None if found is None else found == (operator != "!=")
        if not operator.startswith("-"):
            return None
        number = scalar(self.values, right)
        if any(OCTAL.match(each.text) for each in (left, number)):
            return None
        return tested((left, Argument(operator, None), number))

    def value(self, position: int) -> Argument:
        """Return a word's value."""
        return scalar(self.values, self.words[position])


def answered(expanded: tuple[Argument, ...], values: Values) -> Status | None:
    """Return how a command ends that asks a question or has a known end; None for any other."""
    name = expanded[0].text if expanded else ""
    if name in (":", "true"):
        return Status.SUCCESS
    if name == "false":
        return Status.FAILURE
    if name == "test":
        return status(tested(expanded[1:]))
    if name == "[":
        return status(tested(expanded[1:-1]) if expanded[-1].text == "]" else None)
    if name == "let":
        result = Argument("0", None)
        for word in expanded[1:]:
            result = calculated(values, word)
        is_open = bool(result.unknown_variables) or result.is_default
        return status(None if is_open else result.text != "0")
    return None


def answered_in_brackets(words: list[Word], values: Values) -> Status:
    """Return how ``[[ … ]]`` ends."""
    is_whole = len(words) > 2 and words[-1].bare == "]]"
    return status(DoubleBracket(words[1:-1], values).answer() if is_whole else None)
