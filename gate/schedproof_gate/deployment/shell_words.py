"""Splits a shell script into commands and words. Nothing is executed: what only a shell can tell stays unknown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from schedproof_gate.deployment.placed_text import LineIndex, PlacedText
from schedproof_gate.deployment.shell_changes import ARITHMETIC, set_by_arithmetic
from schedproof_gate.deployment.tree import check_count, check_depth
from schedproof_gate.errors import InputError

NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
ASSIGNED = re.compile(r"[A-Za-z_]\w*\+?=\Z", re.ASCII)
EXPANSION = re.compile(r"([A-Za-z_]\w*|[0-9]+|[@*])(?:(:?[-=])([^$`]*)|:?\?.*)?\Z", re.ASCII | re.DOTALL)
WHOLE_ARRAY = re.compile(r"([A-Za-z_]\w*)\[[@*]\]\Z", re.ASCII)
EMPTY_PARENTHESES = re.compile(r"\([ \t]*\)")
OPERATOR = re.compile(r"&&|\|\|?|;;|[;&()\n]")
PLAIN = re.compile(r"""[^\s\\'"$`;&|()<>]+""")
IN_QUOTES = re.compile(r"""[^\\"$`]+""")
SEPARATORS = ";&|()\n"
ESCAPED_IN_QUOTES = '$`"\\'


@dataclass(frozen=True, slots=True)
class Text:
    """Characters that stand for themselves."""

    text: str
    quoted: bool


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable or another expansion, as it is written; `name` is empty when only a shell can tell its value."""

    written: str
    name: str
    default: str | None
    quoted: bool
    is_array: bool = False
    """Whether all elements of an array, or all arguments, are meant."""
    assigns: bool = False
    """Whether the default becomes the variable's value."""
    changes: tuple[str, ...] = ()
    """Variables that get another value while it is expanded."""
    replaces_empty: bool = False
    """Whether the default also counts in the place of an empty value."""


@dataclass(frozen=True, slots=True)
class Elements:
    """The words of an array's assignment."""

    words: tuple[Word, ...]
    quoted: bool = True


Part = Text | Variable | Elements


@dataclass(slots=True)
class Word:
    """One word of a command before expansion."""

    line: int
    parts: list[Part] = field(default_factory=list)
    raw: str = ""
    """How the word is written, when it has several lines."""

    @property
    def literal(self) -> str | None:
        """The word's text when it has no variables."""
        texts = [part.text for part in self.parts if isinstance(part, Text)]
        return "".join(texts) if len(texts) == len(self.parts) else None

    @property
    def bare(self) -> str | None:
        """The word's text when nothing of it is quoted: only then it can belong to the shell's grammar."""
        return None if any(part.quoted for part in self.parts) else self.literal


@dataclass(slots=True)
class Redirection:
    """``<``, ``>`` and their relatives with their target; a here-document has its body."""

    operator: str
    target: Word
    body: PlacedText | None = None


@dataclass(slots=True)
class Command:
    """The words of one command, and what stands between it and the one before."""

    operator: str = ""
    words: list[Word] = field(default_factory=list)
    redirections: list[Redirection] = field(default_factory=list)


class ShellReader:
    """Reads a script from the beginning to the end."""

    def __init__(self, placed: PlacedText, source: str) -> None:
        self.text = placed.text
        self.source = source
        self.position = 0
        self.lines = LineIndex(placed)
        self.heredocs: list[Redirection] = []
        self.num_words = 0
        self.num_open_arrays = 0

    @property
    def line(self) -> int:
        """The line that is read."""
        return self.lines.at(self.position)

    def commands(self) -> Iterator[Command]:
        """Yield each command; a parenthesis of the shell's grammar is a command of its own.

        A here-document's body is known once the line is over: read all commands before you look at one.
        """
        command = Command()
        while self.position < len(self.text):
            character = self.text[self.position]
            if character in " \t\r\f\v":
                self.position += 1
            elif self.text.startswith("\\\n", self.position):
                self.advance(2)
            elif character == "#":
                self.skip_comment()
            elif character in "<>" or self.text.startswith("&>", self.position):
                self.redirection(command)
            elif character == "(" and (self.function_name(command) is not None or self.arithmetic(command)):
                continue
            elif character in SEPARATORS:
                line = self.line
                match = OPERATOR.match(self.text, self.position)
                operator = self.advance(len(match.group()) if match else 1)
                if operator == "\n":
                    self.read_heredocs()
                if command.words or command.redirections:
                    yield command
                if operator in ("(", ")"):
                    yield Command(words=[Word(line, [Text(operator, quoted=False)])])
                command = Command(operator)
            else:
                command.words.append(self.word())
        if command.words or command.redirections:
            yield command

    def function_name(self, command: Command) -> str | None:
        """Take in the ``()`` behind a function's name, which then reads as ``function NAME``."""
        match = EMPTY_PARENTHESES.match(self.text, self.position)
        has_keyword = len(command.words) == 2 and command.words[0].bare == "function"
        if match is None or not (len(command.words) == 1 or has_keyword):
            return None
        name = command.words[-1]
        if name.bare is None:
            return None
        self.advance(len(match.group()))
        if not has_keyword:
            command.words.insert(0, Word(name.line, [Text("function", quoted=False)]))
        return name.bare

    def arithmetic(self, command: Command) -> bool:
        """Take in ``((…))``, which then reads as ``let "…"``; return whether it stands here."""
        match = ARITHMETIC.match(self.text, self.position)
        if match is None:
            return False
        line = self.line
        command.words.append(Word(line, [Text("let", quoted=False)]))
        command.words.append(Word(line, [Text(match.group(1), quoted=True)]))
        self.advance(len(match.group()))
        return True

    def advance(self, count: int) -> str:
        """Move forward over characters and return them."""
        taken = self.text[self.position : self.position + count]
        self.position += count
        return taken

    def skip_comment(self) -> None:
        """Move to the end of the line."""
        end = self.text.find("\n", self.position)
        self.position = len(self.text) if end < 0 else end

    def redirection(self, command: Command) -> None:
        """Read an operator such as ``2>&1``, ``> log`` or ``<<EOF`` with its target."""
        previous = command.words[-1].literal if command.words else None
        touches = self.position > 0 and self.text[self.position - 1].isdigit()
        if touches and previous is not None and previous.isdigit():
            command.words.pop()
        operator = ""
        while self.position < len(self.text) and self.text[self.position] in "<>&|":
            operator += self.advance(1)
        is_heredoc = operator == "<<"
        if is_heredoc and self.text.startswith("-", self.position):
            operator += self.advance(1)
        while self.position < len(self.text) and self.text[self.position] in " \t":
            self.position += 1
        if self.position < len(self.text) and self.text[self.position] not in SEPARATORS + "<>#":
            found = Redirection(operator, self.word())
            command.redirections.append(found)
            if is_heredoc:
                self.heredocs.append(found)

    def read_heredocs(self) -> None:
        """Read the bodies of the here-documents that the line began."""
        for heredoc in self.heredocs:
            delimiter = heredoc.target.literal or ""
            body: list[tuple[str, int]] = []
            while self.position < len(self.text):
                end = self.text.find("\n", self.position)
                end = len(self.text) if end < 0 else end
                number, body_line = self.line, self.text[self.position : end]
                self.advance(end - self.position + 1)
                if body_line.lstrip("\t") == delimiter:
                    break
                body.append(((body_line.lstrip("\t") if "-" in heredoc.operator else body_line) + "\n", number))
            heredoc.body = PlacedText(tuple(body))
        self.heredocs.clear()

    def word(self) -> Word:
        """Read one word with its quotes and expansions."""
        self.num_words += 1
        check_count(self.num_words, self.source, self.line)
        word = Word(self.line)
        begin = self.position
        while self.position < len(self.text):
            check_count(len(word.parts), self.source, word.line)
            plain = PLAIN.match(self.text, self.position)
            if plain is not None:
                word.parts.append(Text(self.advance(len(plain.group())), quoted=False))
                continue
            character = self.text[self.position]
            if character == "\\":
                taken = self.advance(2)
                if taken != "\\\n":
                    word.parts.append(Text(taken[1:], quoted=True))
            elif character == "'":
                word.parts.append(Text(self.until_quote("'"), quoted=True))
            elif character == '"':
                self.double_quoted(word)
            elif character in "$`":
                word.parts.append(self.expansion(quoted=False))
            elif character == "(" and word.literal is not None and ASSIGNED.match(word.literal):
                word.parts.append(self.elements())
            else:
                break
        raw = self.text[begin : self.position]
        word.raw = raw if "\n" in raw else ""
        return word

    def elements(self) -> Elements:
        """Read what an array is made of.

        Raises:
            InputError: the parenthesis is not closed.
        """
        begin = self.line
        words: list[Word] = []
        self.num_open_arrays += 1
        check_depth(self.num_open_arrays, self.source, begin)
        self.advance(1)
        while self.position < len(self.text):
            character = self.text[self.position]
            if character == ")":
                self.advance(1)
                self.num_open_arrays -= 1
                return Elements(tuple(words))
            if character.isspace() or character in ";&|<>(":
                self.advance(1)
            elif self.text.startswith("\\\n", self.position):
                self.advance(2)
            elif character == "#":
                self.skip_comment()
            else:
                words.append(self.word())
        raise self.unfinished("a ( is not closed", begin)

    def until_quote(self, quote: str) -> str:
        """Return what stands between two quotes.

        Raises:
            InputError: the second quote is missing.
        """
        end = self.text.find(quote, self.position + 1)
        if end < 0:
            raise self.unfinished(f"a {quote} is not closed", self.line)
        return self.advance(end + 1 - self.position)[1:-1]

    def double_quoted(self, word: Word) -> None:
        """Read a part in double quotes, in which expansions count."""
        begin = self.line
        self.advance(1)
        word.parts.append(Text("", quoted=True))
        while self.position < len(self.text):
            check_count(len(word.parts), self.source, word.line)
            plain = IN_QUOTES.match(self.text, self.position)
            if plain is not None:
                word.parts.append(Text(self.advance(len(plain.group())), quoted=True))
                continue
            character = self.text[self.position]
            if character == '"':
                self.advance(1)
                return
            if character == "\\":
                taken = self.advance(2)
                if taken != "\\\n":
                    word.parts.append(Text(taken[1:] if taken[1:] in ESCAPED_IN_QUOTES else taken, quoted=True))
            else:
                word.parts.append(self.expansion(quoted=True))
        raise self.unfinished('a " is not closed', begin)

    def expansion(self, quoted: bool) -> Text | Variable:
        """Read what a dollar sign or a backquote begins."""
        rest = self.position + 1
        if self.text[self.position] == "`":
            self.until_quote("`")
            return Variable("`…`", "", None, quoted)
        if self.text.startswith("'", rest) and not quoted:
            self.advance(1)
            return Text(self.until_quote("'"), quoted=True)
        if self.text.startswith("(", rest):
            self.advance(1)
            match = ARITHMETIC.match(self.text, self.position)
            self.skip_parentheses()
            changes = () if match is None else set_by_arithmetic(match.group(1))
            return Variable("$(…)", "", None, quoted, changes=changes)
        if self.text.startswith("{", rest):
            return self.braced(quoted)
        name = NAME.match(self.text, rest)
        if name is not None:
            self.advance(1 + len(name.group()))
            return Variable(f"${name.group()}", name.group(), None, quoted)
        special = self.text[rest : rest + 1]
        if special and special in "@*#?$!-0123456789":
            self.advance(2)
            known = special if special in "@*123456789" else ""
            return Variable(f"${special}", known, None, quoted, is_array=special in "@*")
        self.advance(1)
        return Text("$", quoted=True)

    def braced(self, quoted: bool) -> Variable:
        """Read ``${NAME}``, also with a default, or ``${NAME[@]}``; other forms need a shell."""
        begin = self.line
        end = self.text.find("}", self.position)
        if end < 0:
            raise self.unfinished("a ${ is not closed", begin)
        written = self.advance(end + 1 - self.position)
        array = WHOLE_ARRAY.match(written[2:-1])
        if array is not None:
            return Variable(written, array.group(1), None, quoted, is_array=True)
        known = EXPANSION.match(written[2:-1])
        if known is None:
            return Variable(written, "", None, quoted)
        name, operator, default = known.groups()
        is_all = name in ("@", "*")
        assigns, replaces_empty = "=" in (operator or ""), ":" in (operator or "")
        return Variable(
            f"${name}", name, default, quoted, is_array=is_all, assigns=assigns, replaces_empty=replaces_empty
        )

    def skip_parentheses(self) -> None:
        """Move past a parenthesis and everything in it."""
        begin = self.line
        depth = 0
        while self.position < len(self.text):
            character = self.advance(1)
            if character == "\\":
                self.advance(1)
            elif character == "'":
                self.position -= 1
                self.until_quote("'")
            elif character == "(":
                depth += 1
            elif character == ")":
                depth -= 1
                if depth == 0:
                    return
        raise self.unfinished("a ( is not closed", begin)

    def unfinished(self, problem: str, line: int) -> InputError:
        """Return the error for a quote or bracket without its end."""
        return InputError(problem, source=self.source, line=line, advice="correct the script")
