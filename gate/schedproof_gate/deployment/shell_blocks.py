"""Puts a script's commands into the conditions, loops, functions and subshells that hold them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from schedproof_gate.deployment.shell_words import Command, Text, Word
from schedproof_gate.deployment.tree import check_depth


class Kind(StrEnum):
    """What a block does with its body."""

    GROUP = "group"
    SUBSHELL = "subshell"
    FUNCTION = "function"
    LOOP = "loop"
    """``for``: the body runs for each word."""
    BRANCH = "branch"
    """A condition, or a loop that has one: the body may run."""
    CASE = "case"
    """As a branch; a parenthesis in it ends a pattern."""


@dataclass(slots=True)
class Block:
    """Commands that belong together."""

    kind: Kind
    words: list[Word] = field(default_factory=list)
    """The words of ``for``."""
    name: str = ""
    """A function's name."""
    operator: str = ""
    """What stands between it and the command before."""
    body: list[Command | Block] = field(default_factory=list)


BRANCHES = {"if": Kind.BRANCH, "while": Kind.BRANCH, "until": Kind.BRANCH, "select": Kind.BRANCH, "case": Kind.CASE}
CLOSED_BY = {
    "fi": {Kind.BRANCH},
    "done": {Kind.LOOP, Kind.BRANCH},
    "esac": {Kind.CASE},
    "}": {Kind.GROUP, Kind.FUNCTION},
    ")": {Kind.SUBSHELL, Kind.FUNCTION},
}
PASSING = {"then", "do", "else", "elif", "!", "time"}


class BlockBuilder:
    """Takes commands one after the other."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.root = Block(Kind.GROUP)
        self.open = [self.root]
        self.operator = ""
        self.function: str | None = None
        """The name of a function whose body comes next."""

    def add(self, command: Command) -> None:
        """Take in a command: what it opens and closes, and what is left of it."""
        words = command.words
        self.operator = command.operator
        while words:
            first = words[0].bare
            if first == "function" and len(words) > 1:
                self.function = words[1].literal or ""
                words = words[2:]
            elif first in ("{", "("):
                self.enter(first, words[0].line)
                words = words[1:]
            elif first == "for" and len(words) > 1 and words[1].bare == "let":
                self.begin(Block(Kind.BRANCH), words[0].line)
                words = words[1:]
            elif first == "for":
                self.begin(Block(Kind.LOOP, words=words[1:]), words[0].line)
                words = []
            elif first in BRANCHES:
                self.begin(Block(BRANCHES[first]), words[0].line)
                words = [] if first == "case" else words[1:]
                if first == "select":
                    words = [Word(command.words[0].line, [Text("read", quoted=False)]), *words[:1]]
            elif first in CLOSED_BY:
                self.close(first)
                words = words[1:]
            elif first in PASSING:
                words = words[1:]
            else:
                break
        if words or command.redirections:
            command.words = words
            self.open[-1].body.append(command)

    def enter(self, bracket: str, line: int) -> None:
        """Begin a group, a subshell, or the body of a function; a bracket in a pattern begins nothing."""
        if bracket == "(" and self.open[-1].kind is Kind.CASE:
            return
        kind = Kind.GROUP if bracket == "{" else Kind.SUBSHELL
        name, self.function = self.function, None
        self.begin(Block(kind) if name is None else Block(Kind.FUNCTION, name=name), line)

    def begin(self, block: Block, line: int) -> None:
        """Put a block into the one that is open, and open it.

        Raises:
            InputError: too deep.
        """
        check_depth(len(self.open), self.source, line)
        block.operator, self.operator = self.operator, ""
        self.open[-1].body.append(block)
        self.open.append(block)

    def close(self, word: str) -> None:
        """End the innermost block, if that is what the word ends."""
        if len(self.open) > 1 and self.open[-1].kind in CLOSED_BY[word]:
            self.open.pop()


def blocks_of(commands: Iterable[Command], source: str) -> Block:
    """Return a script as a block.

    Raises:
        InputError: blocks that are nested too deep.
    """
    builder = BlockBuilder(source)
    for command in commands:
        builder.add(command)
    return builder.root
