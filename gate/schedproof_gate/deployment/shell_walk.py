"""Follows the blocks of a script: conditions, loops, lists and pipes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from schedproof_gate.deployment.launch import Argument
from schedproof_gate.deployment.shell_blocks import Block, BlockKind, Clause, Element
from schedproof_gate.deployment.shell_builtins import assign
from schedproof_gate.deployment.shell_conditions import Status
from schedproof_gate.deployment.shell_expansion import calculated, expand, is_file_pattern, matches_pattern, scalar
from schedproof_gate.deployment.shell_flow import IN_A_BRANCH, MAX_TURNS, Flow
from schedproof_gate.deployment.shell_syntax import Command, Text, Variable, Word
from schedproof_gate.deployment.shell_values import Values

LIKELY_OR_TRUE = {Status.SUCCESS, Status.LIKELY}
EVERY_ARGUMENT = Word(1, [Variable("$@", "@", quoted=True, is_array=True)])


@dataclass(slots=True)
class Ends:
    """Where several paths end."""

    values: list[Values] = field(default_factory=list)
    statuses: set[Status] = field(default_factory=set)

    def add(self, flow: Flow) -> None:
        """Take in the end of a path, if anything gets there."""
        if flow.is_alive:
            self.values.append(flow.values)
            self.statuses.add(flow.status)

    def join(self, flow: Flow, before: Values) -> None:
        """Go on where all of them end."""
        flow.go_on(before, self.values[::-1])
        flow.status = self.statuses.pop() if len(self.statuses) == 1 else Status.UNKNOWN


@dataclass(slots=True)
class Walk:
    """A way through the blocks of a script, which gives each command to `command`."""

    flow: Flow
    source: str
    command: Callable[[Command], None]
    places: tuple[str, ...] = ()
    """The words of the loops that are followed."""

    @property
    def values(self) -> Values:
        """What is set."""
        return self.flow.values

    def body(self, elements: list[Element]) -> None:
        """Follow commands one after the other."""
        position = 0
        while position < len(elements) and self.flow.is_alive:
            end = position + 1
            while end < len(elements) and elements[end].operator in ("&&", "||", "|", "|&"):
                end += 1
            group = elements[position:end]
            if group[-1].is_in_background:
                self.flow.isolated(partial(self.and_or, group))
                self.flow.status = Status.SUCCESS
            else:
                self.and_or(group)
            position = end

    def and_or(self, elements: list[Element]) -> None:
        """Follow commands with ``&&`` and ``||`` between them."""
        pipelines: list[list[Element]] = []
        for element in elements:
            if not pipelines or element.operator in ("&&", "||"):
                pipelines.append([])
            pipelines[-1].append(element)
        self.pipeline(pipelines[0])
        for pipeline in pipelines[1:]:
            if not self.flow.is_alive:
                return
            before, is_and = self.flow.status, pipeline[0].operator == "&&"
            if before in LIKELY_OR_TRUE if is_and else before is Status.FAILURE:
                self.pipeline(pipeline)
            elif before is not (Status.FAILURE if is_and else Status.SUCCESS):
                other = Status.FAILURE if is_and else Status.SUCCESS
                self.flow.fork([partial(self.end, other), partial(self.pipeline, pipeline)])

    def end(self, status: Status) -> None:
        """Follow a path on which nothing runs."""
        self.flow.status = status

    def pipeline(self, elements: list[Element]) -> None:
        """Follow a command, or several of which each runs in a shell of its own."""
        for element in elements:
            if len(elements) > 1:
                self.flow.isolated(partial(self.element, element))
            else:
                self.element(element)
        if elements[0].is_negated:
            self.flow.status = self.flow.status.negated

    def element(self, element: Element) -> None:
        """Follow a command or a block."""
        if isinstance(element, Block):
            self.block(element)
        else:
            self.flow.run.count(element.line)
            self.command(element)

    def block(self, block: Block) -> None:
        """Follow a block."""
        why = f" (set in the loop of {self.source}:{block.line})"
        match block.kind:
            case BlockKind.FUNCTION:
                self.values.functions[block.name] = (block,)
                self.flow.status = Status.SUCCESS
            case BlockKind.SUBSHELL:
                self.flow.isolated(partial(self.body, block.body))
            case BlockKind.GROUP:
                self.body(block.body)
            case BlockKind.IF:
                self.branches(block.clauses)
            case BlockKind.CASE:
                self.case(block)
            case BlockKind.WHILE | BlockKind.UNTIL:
                clause = block.clauses[0]
                question = partial(self.question, clause.condition, block.kind is BlockKind.UNTIL)
                self.flow.repeat(question, partial(self.body, clause.body), why)
            case BlockKind.COUNTED:
                self.counted(block, why)
            case BlockKind.FOR | BlockKind.SELECT:
                self.loop(block, why)

    def question(self, condition: list[Element], is_until: bool = False) -> None:
        """Follow the condition of a loop or branch."""
        self.flow.status = Status.SUCCESS
        self.body(condition)
        status = self.flow.status
        if status is Status.LIKELY:
            self.flow.status = Status.UNKNOWN
        elif is_until:
            self.flow.status = status.negated

    def branches(self, clauses: list[Clause]) -> None:
        """Follow ``if``: the branch whose condition holds, or each one that may."""
        flow, before, ends = self.flow, self.values, Ends()
        for clause in clauses:
            if clause.condition:
                self.question(clause.condition)
                if not flow.is_alive or flow.status is Status.FAILURE:
                    if flow.is_alive:
                        continue
                    break
                if flow.status is not Status.SUCCESS:
                    others = self.values.copy()
                    self.body(clause.body)
                    ends.add(flow)
                    flow.values, flow.is_alive = others, True
                    continue
            self.body(clause.body)
            ends.add(flow)
            break
        else:
            flow.status = Status.SUCCESS
            ends.add(flow)
        ends.join(flow, before)

    def case(self, block: Block) -> None:
        """Follow ``case``: the clause whose pattern matches, or each one that may."""
        subject = scalar(self.values, block.words[0]) if block.words else Argument("", None)
        flow, before, ends = self.flow, self.values, Ends()
        searching: Values | None = self.values
        falling: Values | None = None
        for clause in block.clauses:
            answer = self.answer(subject, clause) if searching is not None else False
            entries = [values for values in (falling, searching if answer is not False else None) if values]
            if not entries:
                continue
            if answer is None and searching is not None:
                searching = searching.copy()
            elif answer is True:
                searching = None
            flow.status = Status.SUCCESS
            flow.go_on(before, entries)
            self.body(clause.body)
            falling = self.values if flow.is_alive and clause.end == ";&" else None
            if clause.end == ";;&" and flow.is_alive:
                searching = self.values if searching is None else searching.joined([self.values], IN_A_BRANCH)
            elif clause.end == ";;":
                ends.add(flow)
        flow.status = Status.SUCCESS
        for values in (falling, searching):
            if values is not None:
                flow.values, flow.is_alive = values, True
                ends.add(flow)
        ends.join(flow, before)

    def answer(self, subject: Argument, clause: Clause) -> bool | None:
        """Return whether a clause of ``case`` is chosen, by the first of its patterns that may match."""
        answers = (self.matches(subject, word) for word in clause.patterns)
        return next((answer for answer in answers if answer is not False), False)

    def matches(self, subject: Argument, word: Word) -> bool | None:
        """Return whether a pattern of ``case`` matches; one that matches everything does so whatever it is."""
        return True if word.bare == "*" else matches_pattern(self.values, subject, word)

    def loop(self, block: Block, why: str) -> None:
        """Follow ``for``: once for each word that is known, or as any number of turns."""
        name = block.words[0].literal if block.words else None
        has_list = len(block.words) > 1 and block.words[1].literal == "in"
        words = block.words[2:] if has_list else [] if len(block.words) > 1 else [EVERY_ARGUMENT]
        turns = [argument for word in words for argument in expand(self.values, word)]
        is_known = not any(turn.unknown_variables for turn in turns) and not any(map(is_file_pattern, words))
        if name is not None and is_known and len(turns) <= MAX_TURNS and block.kind is BlockKind.FOR:
            places = self.places
            self.flow.status = Status.SUCCESS
            self.flow.turns([partial(self.turn, block, name, turn, places) for turn in turns])
            self.places = places
            return
        self.flow.repeat(partial(self.next_word, name or ""), partial(self.body, block.body), why)

    def turn(self, block: Block, name: str, value: Argument, places: tuple[str, ...]) -> None:
        """Follow one turn of ``for``."""
        self.places = (*places, f"{name}={value.text}")
        assign(self.values, name, value)
        self.body(block.body)

    def next_word(self, name: str) -> None:
        """Take in that a loop may have another turn, with a word that is not known."""
        if name:
            self.values.unset(name)
            self.values.lose(name)
        self.flow.status = Status.UNKNOWN

    def counted(self, block: Block, why: str) -> None:
        """Follow ``for ((first; question; step))``."""
        first, asked, step = (*split_at_semicolons(block.words[0]), *(Word(block.line),) * 3)[:3]
        self.calculate(first)

        def question() -> None:
            is_empty = not (asked.literal is None or asked.literal.strip())
            self.flow.status = Status.SUCCESS if is_empty else self.calculate(asked)

        self.flow.repeat(question, partial(self.body, block.body), why, partial(self.calculate, step))

    def calculate(self, expression: Word) -> Status:
        """Evaluate an expression, and return how ``((…))`` ends that holds it."""
        result = calculated(self.values, scalar(self.values, expression))
        if result.unknown_variables or result.is_default:
            return Status.UNKNOWN
        return Status.FAILURE if result.text == "0" else Status.SUCCESS


def split_at_semicolons(word: Word) -> list[Word]:
    """Return the parts of the expression of ``for ((first; question; step))``."""
    found = [Word(word.line)]
    for part in word.parts:
        texts = part.text.split(";") if isinstance(part, Text) else []
        for number, text in enumerate(texts):
            if number:
                found.append(Word(word.line))
            found[-1].parts.append(Text(text, quoted=True))
        if not texts:
            found[-1].parts.append(part)
    return found
