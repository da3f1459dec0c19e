"""Puts a script's commands into the conditions, loops, functions and subshells that hold them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from schedproof_gate.deployment.shell_syntax import Command, Word
from schedproof_gate.deployment.tree import check_depth


class BlockKind(StrEnum):
    """What a block does with its body."""

    GROUP = "group"
    SUBSHELL = "subshell"
    FUNCTION = "function"
    FOR = "for"
    """The body runs for each word."""
    COUNTED = "for (("
    WHILE = "while"
    UNTIL = "until"
    SELECT = "select"
    IF = "if"
    CASE = "case"


@dataclass(slots=True)
class Clause:
    """A condition or patterns, and what runs where they hold."""

    condition: list[Element] = field(default_factory=list)
    """Empty for ``else``."""
    patterns: list[Word] = field(default_factory=list)
    body: list[Element] = field(default_factory=list)
    end: str = ";;"
    """What stands behind a clause of ``case``: ``;&`` goes on with the next body, ``;;&`` with the next pattern."""


@dataclass(slots=True)
class Block:
    """Commands that belong together."""

    kind: BlockKind
    line: int
    words: list[Word] = field(default_factory=list)
    """Those of ``for``, ``select`` and ``case``; the expression of ``for ((``."""
    name: str = ""
    """A function's name."""
    operator: str = ""
    """What stands between it and the command before."""
    is_negated: bool = False
    is_in_background: bool = False
    is_in_subshell: bool = False
    """Whether a function's body runs in another shell."""
    body: list[Element] = field(default_factory=list)
    clauses: list[Clause] = field(default_factory=list)


Element = Command | Block

WITH_CONDITION = {"if": BlockKind.IF, "while": BlockKind.WHILE, "until": BlockKind.UNTIL}
WITH_WORDS = {"for": BlockKind.FOR, "select": BlockKind.SELECT}
CLOSED_BY = {
    "fi": {BlockKind.IF},
    "done": {BlockKind.FOR, BlockKind.COUNTED, BlockKind.WHILE, BlockKind.UNTIL, BlockKind.SELECT},
    "esac": {BlockKind.CASE},
    "}": {BlockKind.GROUP, BlockKind.FUNCTION},
    ")": {BlockKind.SUBSHELL, BlockKind.FUNCTION},
}
CLAUSE_ENDS = {";;", ";&", ";;&"}


@dataclass(slots=True)
class Open:
    """A block whose end has not been read, and the commands that the next one joins."""

    block: Block
    target: list[Element]
    expects_pattern: bool = False
    patterns: list[Word] = field(default_factory=list)
    """Those of the clause of ``case`` that comes next."""
    closer: str = ""


class BlockBuilder:
    """Takes commands one after the other."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.root = Block(BlockKind.GROUP, 1)
        self.open = [Open(self.root, self.root.body)]
        self.operator = ""
        self.is_negated = False
        self.function: str | None = None
        """The name of a function whose body comes next."""

    def add(self, command: Command) -> None:
        """Take in a command: what it opens and closes, and what is left of it."""
        words = command.words
        self.operator, self.is_negated = command.operator, False
        self.take_operator(command.operator)
        while words:
            first = words[0].bare
            if self.open[-1].expects_pattern and first != "esac":
                words = self.pattern(words)
            elif first == "function" and len(words) > 1:
                self.function = words[1].literal or ""
                words = words[2:]
            elif first in ("{", "("):
                self.enter(first, words[0].line)
                words = words[1:]
            elif first == "for" and len(words) > 2 and words[1].bare == "let":
                self.begin(Block(BlockKind.COUNTED, words[0].line, words=words[2:3]))
                words = words[3:]
            elif first in WITH_WORDS:
                self.begin(Block(WITH_WORDS[first], words[0].line, words=words[1:]))
                words = []
            elif first in WITH_CONDITION:
                block = Block(WITH_CONDITION[first], words[0].line, clauses=[Clause()])
                self.begin(block, block.clauses[0].condition)
                words = words[1:]
            elif first == "case":
                self.begin(Block(BlockKind.CASE, words[0].line, words=words[1:2]))
                self.open[-1].expects_pattern = True
                words = words[3:]
            elif first in CLOSED_BY:
                self.close(first)
                words = words[1:]
            elif first in ("then", "do", "else", "elif"):
                self.go_on(first)
                words = words[1:]
            elif first in ("!", "time"):
                self.is_negated ^= first == "!"
                words = words[1:]
            else:
                break
        if words or command.redirections:
            command.words = words
            command.operator, command.is_negated = self.operator, self.is_negated
            self.open[-1].target.append(command)

    def take_operator(self, operator: str) -> None:
        """Take in what stands between this command and the one before."""
        innermost = self.open[-1]
        if operator == "&" and innermost.target:
            innermost.target[-1].is_in_background = True
        if operator in CLAUSE_ENDS and innermost.block.kind is BlockKind.CASE and innermost.block.clauses:
            innermost.block.clauses[-1].end = operator
            innermost.expects_pattern = True

    def pattern(self, words: list[Word]) -> list[Word]:
        """Take in patterns of ``case``; the parenthesis behind them begins the body."""
        innermost = self.open[-1]
        self.operator = ""
        if words[0].bare == ")" and innermost.patterns:
            clause = Clause(patterns=innermost.patterns)
            innermost.block.clauses.append(clause)
            innermost.target, innermost.patterns, innermost.expects_pattern = clause.body, [], False
        elif words[0].bare not in ("(", ")"):
            innermost.patterns.append(words[0])
        return words[1:]

    def enter(self, bracket: str, line: int) -> None:
        """Begin a group, a subshell, or the body of a function."""
        name, self.function = self.function, None
        if name is not None:
            block = Block(BlockKind.FUNCTION, line, name=name, is_in_subshell=bracket == "(")
        else:
            block = Block(BlockKind.GROUP if bracket == "{" else BlockKind.SUBSHELL, line)
        self.begin(block)
        self.open[-1].closer = "}" if bracket == "{" else ")"

    def begin(self, block: Block, target: list[Element] | None = None) -> None:
        """Put a block into the one that is open, and open it.

        Raises:
            InputError: too deep.
        """
        check_depth(len(self.open), self.source, block.line)
        block.operator, self.operator = self.operator, ""
        block.is_negated, self.is_negated = self.is_negated, False
        self.open[-1].target.append(block)
        self.open.append(Open(block, block.body if target is None else target))

    def go_on(self, word: str) -> None:
        """Begin the next part of a condition or loop, if one is open."""
        innermost = self.open[-1]
        block = innermost.block
        self.operator = ""
        if (word == "then" and block.kind is BlockKind.IF) or (word == "do" and block.clauses):
            innermost.target = block.clauses[-1].body
        elif word in ("elif", "else") and block.kind is BlockKind.IF:
            block.clauses.append(Clause())
            innermost.target = block.clauses[-1].condition if word == "elif" else block.clauses[-1].body

    def close(self, word: str) -> None:
        """End the innermost block, if that is what the word ends."""
        innermost = self.open[-1]
        is_closer = innermost.closer in ("", word)
        if len(self.open) > 1 and is_closer and innermost.block.kind in CLOSED_BY[word]:
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
