"""Finds the launch commands of a shell script, with the variables that the script itself sets.

Nothing is executed: a script's functions, conditions, loops and inner scripts are followed as text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import PurePosixPath

from schedproof_gate.deployment.budget import Budget
from schedproof_gate.deployment.given_values import GivenValues
from schedproof_gate.deployment.launch import Argument, Launch, WrittenFile
from schedproof_gate.deployment.placed_text import PlacedText
from schedproof_gate.deployment.shell_blocks import Block, blocks_of
from schedproof_gate.deployment.shell_builtins import (
    DECLARING,
    assign_word,
    assigned_value,
    assignment_name,
    declare,
    element_name,
    set_options,
    shift,
    unset,
)
from schedproof_gate.deployment.shell_changes import set_by_command
from schedproof_gate.deployment.shell_conditions import PREPARING, Status, answered, answered_in_brackets
from schedproof_gate.deployment.shell_expansion import expand
from schedproof_gate.deployment.shell_files import note_files
from schedproof_gate.deployment.shell_flow import Flow
from schedproof_gate.deployment.shell_inner import SOURCING, assigned_words, inner_script, joined, kept_environment
from schedproof_gate.deployment.shell_run import IsLaunch, Run
from schedproof_gate.deployment.shell_syntax import Command, Elements, Redirection, Variable, Word
from schedproof_gate.deployment.shell_values import Values
from schedproof_gate.deployment.shell_walk import Walk
from schedproof_gate.deployment.shell_words import ShellReader
from schedproof_gate.errors import InputError

PATHS_ALONE = {"activate", "conda", "conda.sh", "mamba", "micromamba", "pyenv", "ssh-agent"}
"""Scripts and commands of Python environments and the like, which set ``PATH`` and variables of their own."""

MAX_CALLS = 16
"""Functions and scripts that may be inside each other."""
INNER_COST = 8
"""Characters of the budget for each character of an inner script, which is read again wherever it is run."""


@dataclass(slots=True)
class Script:
    """One script, followed from the beginning to the end."""

    flow: Flow
    source: str
    line: int | None = None
    """Where the outermost function was called."""
    calls: list[tuple[str, Values]] = field(default_factory=list)
    """The functions by name and the scripts by text that run, each with what was set when it began."""
    walk: Walk = field(init=False)

    def __post_init__(self) -> None:
        self.walk = Walk(self.flow, self.source, self.command)

    @property
    def run(self) -> Run:
        """What all scripts inside each other share."""
        return self.flow.run

    @property
    def values(self) -> Values:
        """What is set."""
        return self.flow.values

    def command(self, command: Command) -> None:
        """Take in one command: assignments, a call, a script, or what may be a launch."""
        words = list(command.words)
        for word in words:
            for part in word.parts:
                if isinstance(part, Variable) and part.command:
                    self.substitution(PlacedText.of(part.command, word.line))
        if words and words[0].bare == "[[":
            self.flow.status = answered_in_brackets(words, self.values)
            return
        before = 0
        while before < len(words) and (assignment_name(words[before]) or element_name(words[before])) is not None:
            before += 1
        if before == len(words):
            self.assignments(words)
            note_files(command, (), self.values, self.source)
            return
        first = words[before].literal
        if first == "eval" and sets_paths_alone(words[before + 1 :]):
            self.flow.status = Status.LIKELY
            return
        prefix = {} if first in DECLARING else self.prefix(words[:before])
        if first in DECLARING:
            declare(self.values, words[before + 1 :], str(first))
            self.flow.status = Status.LIKELY
            return
        arguments = tuple(argument for word in words[before:] for argument in expand(self.values, word))
        note_files(command, arguments, self.values, self.source)
        self.start(arguments, prefix, command.redirections)

    def assignments(self, words: list[Word]) -> None:
        """Take in assignments alone, each after the one before."""
        self.flow.status = Status.SUCCESS
        for word in words:
            assigned = assignment_name(word)
            if assigned is None:
                name = element_name(word) or ""
                self.values.arrays.setdefault(name, ())
                self.values.lose(name)
            else:
                assign_word(self.values, word, *assigned)
            if any(isinstance(part, Variable) and not part.name for part in word.parts):
                self.flow.status = Status.LIKELY

    def prefix(self, words: list[Word]) -> dict[str, Argument]:
        """Return the variables that stand before a command, each of which the next one may use."""
        found: dict[str, Argument] = {}
        if not words:
            return found
        values = self.values.copy()
        for word in words:
            assigned = assignment_name(word)
            if assigned is not None and not any(isinstance(part, Elements) for part in word.parts):
                found[assigned[0]] = assigned_value(values, word, *assigned)
                values.assign(assigned[0], found[assigned[0]])
        return found

    def substitution(self, text: PlacedText) -> None:
        """Follow what runs in ``$(…)``, which may start an engine; what it prints is not known."""
        try:
            body = blocks_of(ShellReader(text, self.source).commands(), self.source).body
        except InputError:
            return
        self.run.budget.count(INNER_COST * len(text.text), text.first_line)
        if not self.is_too_deep("a command", text.first_line, text.text):
            self.calls.append((text.text, self.values.copy()))
            self.flow.isolated(partial(self.walk.body, body))
            self.calls.pop()

    def start(
        self, arguments: tuple[Argument, ...], prefix: dict[str, Argument], redirections: list[Redirection]
    ) -> None:
        """Take in a command that is more than assignments."""
        known = answered(arguments, self.values)
        if known is not None:
            self.flow.status = known
            return
        name = arguments[0].text if arguments else ""
        self.flow.status = Status.LIKELY if name in PREPARING else Status.UNKNOWN
        rest = arguments[1:]
        if name in self.values.functions:
            self.call(name, arguments, prefix)
        elif name in ("break", "continue"):
            count = rest[0].text if rest else "1"
            self.flow.leave_loop(name, int(count) if count.isdigit() and len(count) < 3 else 1)
        elif name == "return":
            self.flow.leave_function()
        elif name == "exit":
            self.flow.stop()
        elif name == "shift":
            shift(self.values, rest)
        elif name == "unset":
            unset(self.values, rest)
        elif name == "set":
            set_options(self.values, rest)
        elif name == "eval":
            if any(argument.unknown_variables and argument.text[:1] in "$`" for argument in rest):
                self.not_known(arguments[0].line)
            self.inside(joined(rest), prefix=prefix)
        elif changed := set_by_command(arguments):
            for variable, why in changed.items():
                self.values.lose(variable, why)
        elif arguments:
            self.program(arguments, prefix, redirections)

    def program(
        self, arguments: tuple[Argument, ...], prefix: dict[str, Argument], redirections: list[Redirection]
    ) -> None:
        """Take in a command that runs another script, or starts what may be an engine."""
        name = arguments[0].text
        if (inner := inner_script(arguments, redirections, self.values.files)) is not None:
            if name in SOURCING:
                self.inside(inner.text, inner.source, prefix=prefix)
                return
            environment = kept_environment(arguments, self.values.environment() | prefix)
            environment |= dict(assigned_words(arguments))
            started = started_with(self.values, environment, inner.arguments)
            self.flow.isolated(partial(self.inside, inner.text, inner.source, started))
            self.flow.status = Status.UNKNOWN
        elif name in SOURCING:
            self.not_here(arguments[1].text if len(arguments) > 1 else "a command's output", arguments[0].line)
        elif self.run.is_launch(arguments):
            self.run.count_launch(arguments[0].line)
            self.run.launches.append(
                Launch(
                    arguments=arguments,
                    environment=kept_environment(arguments, self.values.environment() | prefix),
                    place=", ".join(self.walk.places),
                    line=self.line,
                    files=dict(self.values.files),
                    source="" if self.source == self.run.source else self.source,
                    notes=tuple(self.run.notes),
                )
            )
        if name == "exec" and len(arguments) > 1:
            self.flow.stop()

    def not_known(self, line: int | None) -> None:
        """Take in that ``eval`` runs what is not known: it may set any variable."""
        self.run.notes[f"what eval runs in line {line} is not known"] = None
        self.values.lose_all(f" (what eval runs in {self.source}:{line} is not known)", line)

    def not_here(self, name: str, line: int | None) -> None:
        """Take in that a script is sourced that cannot be read: it may set any variable."""
        self.run.notes[f"{name}, which the script sources, is not followed"] = None
        if PurePosixPath(name).name not in PATHS_ALONE:
            self.values.lose_all(f" ({self.source}:{line} sources {name}, which is not here)", line)

    def is_too_deep(self, name: str, line: int | None, text: str = "") -> bool:
        """Return whether no more functions and scripts are followed inside each other; what is not is noted.

        One that begins where it began before sets nothing that it has not set there.
        """
        if len(self.calls) < MAX_CALLS:
            return False
        if any((text or name) == other and self.values.is_same(values) for other, values in self.calls):
            self.flow.stop()
            return True
        where = f"{self.source}:{line}"
        note = f"{name} in {where} is nested more than {MAX_CALLS} deep and not followed: it may start more engines"
        self.run.not_followed[note] = None
        self.values.lose_all(f" ({where} nests {name} too deep)", line)
        return True

    def call(self, name: str, arguments: tuple[Argument, ...], prefix: dict[str, Argument]) -> None:
        """Follow a function with the arguments of one call."""
        functions = self.values.functions[name]
        if len(functions) > 1:
            paths = [
                partial(self.walk.end, Status.UNKNOWN)
                if each is None
                else partial(self.call_one, each, arguments, prefix)
                for each in functions
            ]
            self.flow.fork(paths)
        elif functions[0] is not None:
            self.call_one(functions[0], arguments, prefix)

    def call_one(self, function: Block, arguments: tuple[Argument, ...], prefix: dict[str, Argument]) -> None:
        """Follow one function with the arguments of one call."""
        outer_arguments, outer_line = self.values.arguments, self.line
        self.values.begin(prefix)
        self.values.arguments = arguments[1:]
        if not self.is_too_deep(function.name, arguments[0].line):
            self.line = self.line or arguments[0].line
            self.calls.append((function.name, self.values.copy()))
            body = partial(self.flow.called, partial(self.walk.body, function.body))
            if function.is_in_subshell:
                self.flow.isolated(body)
            else:
                body()
            self.calls.pop()
        self.values.end()
        self.values.arguments, self.line = outer_arguments, outer_line

    def follow_functions(self) -> None:
        """Follow each function as if it were called, where a script starts nothing else: it is chosen by a word."""
        self.flow.is_alive = True
        for functions in list(self.values.functions.values()):
            for function in functions:
                if function is not None:
                    self.flow.isolated(partial(self.walk.body, function.body))

    def inside(
        self,
        text: PlacedText,
        source: str = "",
        started: Values | None = None,
        prefix: Mapping[str, Argument] | None = None,
    ) -> None:
        """Follow a script that a command of this one runs, in this shell or one that is `started`."""
        if self.is_too_deep("a script", text.first_line, text.text):
            return
        outer_source = self.source
        self.source = self.walk.source = source or outer_source
        values = self.values if started is None else started
        if self.source != outer_source:
            values.scalars = {n: replace(v, source=v.source or outer_source) for n, v in values.scalars.items()}
        self.run.budget.count(INNER_COST * len(text.text), text.first_line)
        self.flow.values = values
        if prefix:
            values.begin(prefix)
        self.calls.append((text.text, values.copy()))
        body = blocks_of(ShellReader(text, self.source).commands(), self.source).body
        self.flow.called(partial(self.walk.body, body))
        self.calls.pop()
        if prefix:
            self.values.end()
        self.source = self.walk.source = outer_source


def sets_paths_alone(words: list[Word]) -> bool:
    """Return whether ``eval`` runs what a command prints that sets ``PATH`` and variables of its own."""
    commands = [part.command.split() for word in words for part in word.parts if isinstance(part, Variable)]
    return bool(commands) and all(words and PurePosixPath(words[0]).name in PATHS_ALONE for words in commands)


def started_with(values: Values, environment: dict[str, Argument], arguments: tuple[Argument, ...]) -> Values:
    """Return what a new shell starts with."""
    return Values(
        values.budget,
        values.given,
        scalars=dict(environment),
        exported=set(environment),
        arguments=arguments,
        files=dict(values.files),
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
    script.walk.body(blocks_of(ShellReader(placed, source).commands(), source).body)
    if not script.run.launches:
        script.follow_functions()
    return script.run.found()


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
    return script.run.found()


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
    values = Values(budget, given or GivenValues(), scalars=known, exported=set(known), files=dict(files or {}))
    return Script(Flow(Run(source, is_launch, budget), values), source)
