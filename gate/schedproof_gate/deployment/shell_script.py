"""Finds the launch commands of a shell script, with the variables that the script itself sets.

Nothing is executed: a script's functions, loops over constant words and inner scripts are followed as text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from schedproof_gate.deployment.budget import Budget
from schedproof_gate.deployment.given_values import GivenValues
from schedproof_gate.deployment.launch import Argument, Launch, WrittenFile
from schedproof_gate.deployment.placed_text import PlacedText
from schedproof_gate.deployment.shell_blocks import Block, Kind, blocks_of
from schedproof_gate.deployment.shell_changes import set_by_command
from schedproof_gate.deployment.shell_conditions import is_question
from schedproof_gate.deployment.shell_files import file_of
from schedproof_gate.deployment.shell_inner import ASSIGNMENT, SOURCING, assigned_words, inner_script, joined
from schedproof_gate.deployment.shell_run import IsLaunch, Run
from schedproof_gate.deployment.shell_values import Values, is_pattern, same
from schedproof_gate.deployment.shell_words import Command, Elements, Redirection, ShellReader, Text, Word

DECLARING = {"export", "declare", "typeset", "readonly", "local"}
ELEMENT = re.compile(r"([A-Za-z_]\w*)\[[^\]]*\]\+?=", re.ASCII)
IN_A_BRANCH = " (set in a branch)"
PATHS_ALONE = {"activate", "conda.sh"}
"""Scripts of Python environments, which set ``PATH`` and variables of their own."""

MAX_CALLS = 16
"""Functions and scripts that may be inside each other."""
INNER_COST = 8
"""Characters of the budget for each character of an inner script, which is read again wherever it is run."""

MAX_TURNS = 64
"""Words that a loop is followed through."""


@dataclass(slots=True)
class Script:
    """One script, followed from the beginning to the end."""

    run: Run
    values: Values
    source: str
    functions: dict[str, Block] = field(default_factory=dict)
    depth: int = 0
    """How many conditions, and loops that are not followed, are open."""
    places: tuple[str, ...] = ()
    """The words of the loops that are followed."""
    line: int | None = None
    """Where the outermost function was called."""
    locals: list[dict[str, Argument | None]] = field(default_factory=list)

    def block(self, block: Block) -> None:
        """Follow a block."""
        if block.kind is Kind.FUNCTION:
            self.functions[block.name] = block
        elif block.kind is Kind.LOOP:
            self.loop(block)
        elif block.kind is Kind.SUBSHELL:
            values, self.values = self.values, self.values.copy()
            self.body(block)
            self.values = values
        else:
            is_branch = block.kind in (Kind.BRANCH, Kind.CASE)
            self.depth += is_branch
            self.body(block)
            self.depth -= is_branch

    def body(self, block: Block) -> None:
        """Follow the commands of a block."""
        is_conditional = is_asked = False
        for each in block.body:
            is_conditional = each.operator == "||" or (each.operator == "&&" and (is_conditional or is_asked))
            self.depth += is_conditional
            is_asked = is_question(each)
            if isinstance(each, Block):
                self.block(each)
            else:
                self.run.count(each.words[0].line if each.words else each.redirections[0].target.line)
                self.command(each)
            self.depth -= is_conditional

    def loop(self, block: Block) -> None:
        """Follow a loop: once for each constant word, or once with a variable that is not known."""
        name = block.words[0].literal if block.words else None
        has_list = len(block.words) > 1 and block.words[1].literal == "in"
        words = block.words[2:] if has_list else []
        turns = [argument for word in words for argument in self.values.expand(word)]
        is_constant = not any(turn.unknown_variables for turn in turns) and not any(map(is_pattern, words))
        if name is None or not has_list or not is_constant or not 0 < len(turns) <= MAX_TURNS:
            if name is not None:
                self.values.lose(name)
            self.depth += 1
            self.body(block)
            self.depth -= 1
            return
        places = self.places
        for turn in turns:
            self.places = (*places, f"{name}={turn.text}")
            self.assign(name, turn)
            self.body(block)
        self.places = places

    def command(self, command: Command) -> None:
        """Take in one command: assignments, a call, a script, or what may be a launch."""
        words = list(command.words)
        prefix: dict[str, Argument] = {}
        while words and (assigned := assignment_name(words[0])) is not None:
            word = words.pop(0)
            if not self.assign_array(word, *assigned):
                prefix[assigned[0]] = self.assigned_value(word, *assigned)
        if words and (element := ELEMENT.match(words[0].bare or "")) is not None:
            self.values.arrays.setdefault(element.group(1), ())
            self.values.lose(element.group(1))
            return
        if not words:
            for name, value in prefix.items():
                self.assign(name, value)
            self.keep_files(command, ())
            return
        first = words[0].literal
        if first in DECLARING:
            self.declare(words[1:], str(first))
        elif first == "unset":
            for word in words[1:]:
                self.unset(word.literal or "")
        else:
            arguments = tuple(argument for word in words for argument in self.values.expand(word))
            self.keep_files(command, arguments)
            self.start(arguments, prefix, command.redirections)

    def start(
        self, arguments: tuple[Argument, ...], prefix: dict[str, Argument], redirections: list[Redirection]
    ) -> None:
        """Take in a command that is more than assignments."""
        if not arguments or arguments[0].text == ":":
            return
        name = arguments[0].text
        if name == "shift":
            known, count = self.values.arguments, arguments[1].text if len(arguments) > 1 else "1"
            if known is not None and count.isdigit() and len(count) < 4:
                self.set_arguments(known[int(count) :])
        elif name in self.functions:
            self.call(name, arguments, prefix)
        elif name == "eval":
            if any(argument.unknown_variables and argument.text[:1] in "$`" for argument in arguments[1:]):
                self.run.notes[f"what eval runs in line {arguments[0].line} is not known"] = None
            self.inside(joined(arguments[1:]), self.values)
        elif name == "set":
            self.set_options(arguments[1:])
        elif changed := set_by_command(arguments):
            for variable, why in changed.items():
                self.values.lose(variable, why)
        elif (inner := inner_script(arguments, redirections, self.run.files)) is not None:
            if name in SOURCING:
                self.inside(inner.text, self.values, inner.source)
                return
            before = prefix | dict(assigned_words(arguments))
            environment = self.values.environment() | before
            self.inside(inner.text, started_with(self.values, environment, inner.arguments), inner.source)
        elif name in SOURCING:
            self.not_here(arguments[1].text if len(arguments) > 1 else "a command's output", arguments[0].line)
        elif self.run.is_launch(arguments):
            environment = self.values.environment() | prefix
            self.run.count_launch(arguments[0].line)
            self.run.launches.append(
                Launch(
                    arguments=arguments,
                    environment=environment,
                    place=", ".join(self.places),
                    line=self.line,
                    files=dict(self.run.files),
                    source="" if self.source == self.run.source else self.source,
                    notes=tuple(self.run.notes),
                )
            )

    def not_here(self, name: str, line: int | None) -> None:
        """Take in that a script is sourced that cannot be read: it may set any variable."""
        self.run.notes[f"{name}, which the script sources, is not followed"] = None
        if PurePosixPath(name).name not in PATHS_ALONE:
            self.values.lose_all(f" ({self.source}:{line} sources {name}, which is not here)", line)

    def call(self, name: str, arguments: tuple[Argument, ...], prefix: dict[str, Argument]) -> None:
        """Follow a function with the arguments of one call."""
        if self.run.num_calls >= MAX_CALLS:
            return
        outer_arguments, outer_line, outer_scalars = self.values.arguments, self.line, dict(self.values.scalars)
        for variable, value in prefix.items():
            self.values.scalars[variable] = value
        self.values.arguments = arguments[1:]
        self.line = self.line or arguments[0].line
        self.locals.append({})
        self.run.num_calls += 1
        self.body(self.functions[name])
        self.run.num_calls -= 1
        for variable in {*self.locals.pop(), *prefix}:
            self.values.scalars.pop(variable, None)
            if variable in outer_scalars:
                self.values.scalars[variable] = outer_scalars[variable]
        self.values.arguments, self.line = outer_arguments, outer_line

    def follow_functions(self) -> None:
        """Follow each function as if it were called, where a script starts nothing else: it is chosen by a word."""
        self.depth += 1
        for function in list(self.functions.values()):
            self.body(function)
        self.depth -= 1

    def inside(self, text: PlacedText, values: Values, source: str = "") -> None:
        """Follow a script that a command of this one runs; it may stand in another file."""
        if self.run.num_calls >= MAX_CALLS:
            return
        self.run.num_calls += 1
        source = source or self.source
        if source != self.source:
            values.scalars = {n: replace(v, source=v.source or self.source) for n, v in values.scalars.items()}
        inner = replace(self, values=values, functions=dict(self.functions), locals=[], source=source)
        self.run.budget.count(INNER_COST * len(text.text), text.first_line)
        inner.body(blocks_of(ShellReader(text, source).commands(), source))
        if values is self.values:
            self.functions |= inner.functions
        self.run.num_calls -= 1

    def keep_files(self, command: Command, arguments: tuple[Argument, ...]) -> None:
        """Remember the file that a here-document is written to."""
        bodies = [each for each in command.redirections if each.body is not None]
        targets = [each.target for each in command.redirections if each.operator in (">", ">|", ">>")]
        names = [target.literal for target in targets if target.literal]
        if not names and arguments and arguments[0].text == "tee":
            names = [argument.text for argument in arguments[1:] if not argument.text.startswith("-")]
        if not bodies or not names or not arguments or arguments[0].text not in ("cat", "tee"):
            return
        file = file_of(bodies[-1], self.values, self.source)
        for name in names:
            self.run.files[PurePosixPath(name).name] = file

    def declare(self, words: list[Word], how: str) -> None:
        """Take in ``export NAME=value`` and its relatives."""
        exports = how == "export"
        for word in words:
            assigned = assignment_name(word)
            name = assigned[0] if assigned is not None else word.literal
            if name == "-x":
                exports = True
                continue
            if name is not None and how in ("local", "declare", "typeset") and self.locals:
                self.locals[-1].setdefault(name, self.values.scalars.get(name))
            if assigned is not None and not self.assign_array(word, *assigned):
                self.assign(assigned[0], self.assigned_value(word, *assigned))
            if name is not None and exports:
                self.values.exported.add(name)

    def assign_array(self, word: Word, name: str, appends: bool) -> bool:
        """Set an array, or append to one; return whether the word does that."""
        elements = next((part for part in word.parts if isinstance(part, Elements)), None)
        if elements is None:
            return False
        values = tuple(argument for each in elements.words for argument in self.values.expand(each))
        before = self.values.arrays.get(name)
        if appends:
            values = (*(before or ()), *values)
        self.values.scalars.pop(name, None)
        self.values.arrays[name] = values
        if self.depth > 0 and (before is None or not same(before, values)):
            self.values.lose(name, IN_A_BRANCH)
        return True

    def assigned_value(self, word: Word, name: str, appends: bool) -> Argument:
        """Return the value of an assignment word."""
        first = word.parts[0]
        assert isinstance(first, Text)
        rest = Text(first.text[first.text.index("=") + 1 :], quoted=True)
        whole: list[Text | object] = [rest, *(replace(part, quoted=True) for part in word.parts[1:])]
        found = self.values.expand(Word(word.line, whole, word.raw))  # type: ignore[arg-type]
        value = found[0] if len(found) == 1 else joined_argument(found, word.line)
        before = self.values.scalars.get(name)
        if not appends:
            return value
        if before is None:
            return replace(value, unknown_variables=(f"${name}",))
        unknown = tuple(dict.fromkeys((*before.unknown_variables, *value.unknown_variables)))
        self.run.budget.count(len(before.text), word.line)
        return Argument(before.text + value.text, value.line, unknown)

    def assign(self, name: str, value: Argument) -> None:
        """Set a variable; one that depends on a branch of the script has no known value."""
        before = self.values.scalars.get(name)
        self.values.arrays.pop(name, None)
        self.values.scalars[name] = value
        if self.values.exports_all:
            self.values.exported.add(name)
        if self.depth > 0 and (before is None or not same((before,), (value,))):
            self.values.lose(name, IN_A_BRANCH)

    def unset(self, name: str) -> None:
        """Forget a variable; one that a branch of the script forgets has no known value."""
        if self.depth == 0:
            self.values.unset(name)
        elif name in self.values.scalars or name in self.values.arrays:
            self.values.lose(name, IN_A_BRANCH)

    def set_options(self, words: tuple[Argument, ...]) -> None:
        """Take in ``set``: whether variables are exported, and what ``$1`` and those behind it are."""
        for position, option in enumerate(words):
            sign, letters = option.text[:1], option.text[1:]
            if option.text == "--":
                self.set_arguments(words[position + 1 :])
                return
            after = words[position + 1].text if position + 1 < len(words) else ""
            if sign in ("-", "+") and ("a" in letters or (letters == "o" and after == "allexport")):
                self.values.exports_all = sign == "-"

    def set_arguments(self, arguments: tuple[Argument, ...]) -> None:
        """Set what ``$1`` and those behind it are; those that a branch of the script sets are not known."""
        self.values.arguments = arguments if self.depth == 0 else None


def assignment_name(word: Word) -> tuple[str, bool] | None:
    """Return the variable that a word assigns to, and whether it appends; None for any other word."""
    first = word.parts[0] if word.parts else None
    if not isinstance(first, Text) or first.quoted:
        return None
    match = ASSIGNMENT.match(first.text)
    return None if match is None else (match.group(1), match.group(2) == "+")


def joined_argument(arguments: list[Argument], line: int) -> Argument:
    """Return words as one."""
    unknown = dict.fromkeys(name for argument in arguments for name in argument.unknown_variables)
    return Argument(" ".join(argument.text for argument in arguments), line, tuple(unknown))


def started_with(values: Values, environment: dict[str, Argument], arguments: tuple[Argument, ...]) -> Values:
    """Return what a new shell starts with."""
    return Values(
        values.budget, values.given, scalars=dict(environment), exported=set(environment), arguments=arguments
    )


def launches(
    text: str | PlacedText,
    source: str,
    is_launch: IsLaunch,
    given: GivenValues | None = None,
    environment: Mapping[str, Argument] | None = None,
    files: Mapping[str, WrittenFile] | None = None,
) -> list[Launch]:
    """Return the script's launch commands in order.

    Raises:
        InputError: an open quote, or over a limit.
    """
    script = new_script(source, is_launch, given, environment, files)
    placed = PlacedText.of(text) if isinstance(text, str) else text
    script.body(blocks_of(ShellReader(placed, source).commands(), source))
    if not script.run.launches:
        script.follow_functions()
    return script.run.launches


def launches_of_words(
    arguments: tuple[Argument, ...],
    source: str,
    is_launch: IsLaunch,
    given: GivenValues | None = None,
    environment: Mapping[str, Argument] | None = None,
    files: Mapping[str, WrittenFile] | None = None,
) -> list[Launch]:
    """Return the launch commands of a command that is given as words: its own, or those of the script that it runs.

    Raises:
        InputError: an open quote in such a script, or over a limit.
    """
    script = new_script(source, is_launch, given, environment, files)
    script.start(arguments, {}, [])
    return script.run.launches


def new_script(
    source: str,
    is_launch: IsLaunch,
    given: GivenValues | None,
    environment: Mapping[str, Argument] | None,
    files: Mapping[str, WrittenFile] | None,
) -> Script:
    """Return a script at its beginning."""
    budget = Budget(source)
    known = dict(environment or {})
    values = Values(budget, given or GivenValues(), scalars=known, exported=set(known))
    return Script(Run(source, is_launch, budget, dict(files or {})), values, source)
