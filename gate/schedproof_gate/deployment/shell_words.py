"""Splits a shell script into commands and words. Nothing is executed: what only a shell can tell stays unknown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from schedproof_gate.deployment.tree import check_count
from schedproof_gate.errors import InputError

NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
ASSIGNED = re.compile(r"[A-Za-z_]\w*\+?=\Z", re.ASCII)
EXPANSION = re.compile(r"([A-Za-z_]\w*)(?::?[-=]([^$`]*))?\Z", re.ASCII)
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


@dataclass(slots=True)
class Word:
    """One word of a command before expansion."""

    line: int
    parts: list[Text | Variable] = field(default_factory=list)

    @property
    def literal(self) -> str | None:
        """The word's text when it has no variables."""
        texts = [part.text for part in self.parts if isinstance(part, Text)]
        return "".join(texts) if len(texts) == len(self.parts) else None


class ShellReader:
    """Reads a script from the beginning to the end."""

    def __init__(self, text: str, source: str) -> None:
        self.text = text
        self.source = source
        self.position = 0
        self.line = 1
        self.heredocs: list[str] = []
        self.num_words = 0

    def commands(self) -> Iterator[list[Word]]:
        """Yield each command's words; redirections are left out."""
        words: list[Word] = []
        while self.position < len(self.text):
            character = self.text[self.position]
            if character in " \t\r\f\v":
                self.position += 1
            elif self.text.startswith("\\\n", self.position):
                self.advance(2)
            elif character == "#":
                self.skip_comment()
            elif character in "<>" or self.text.startswith("&>", self.position):
                self.skip_redirection(words)
            elif character in SEPARATORS:
                self.advance(1)
                if character == "\n":
                    self.skip_heredocs()
                if words:
                    yield words
                words = []
            else:
                words.append(self.word())
        if words:
            yield words

    def advance(self, count: int) -> str:
        """Move forward over characters, counting lines, and return them."""
        taken = self.text[self.position : self.position + count]
        self.position += count
        self.line += taken.count("\n")
        return taken

    def skip_comment(self) -> None:
        """Move to the end of the line."""
        end = self.text.find("\n", self.position)
        self.position = len(self.text) if end < 0 else end

    def skip_redirection(self, words: list[Word]) -> None:
        """Leave out an operator such as ``2>&1``, ``> log`` or ``<<EOF`` with its target."""
        previous = words[-1].literal if words else None
        touches = self.position > 0 and self.text[self.position - 1].isdigit()
        if touches and previous is not None and previous.isdigit():
            words.pop()
        operator = ""
        while self.position < len(self.text) and self.text[self.position] in "<>&|":
            operator += self.advance(1)
        is_heredoc = operator == "<<"
        if is_heredoc and self.text.startswith("-", self.position):
            self.position += 1
        while self.position < len(self.text) and self.text[self.position] in " \t":
            self.position += 1
        if self.position < len(self.text) and self.text[self.position] not in SEPARATORS + "<>#":
            target = self.word()
            if is_heredoc:
                self.heredocs.append(target.literal or "")

    def skip_heredocs(self) -> None:
        """Move past the bodies of the here-documents that the line began."""
        for delimiter in self.heredocs:
            while self.position < len(self.text):
                end = self.text.find("\n", self.position)
                end = len(self.text) if end < 0 else end
                body_line = self.text[self.position : end]
                self.advance(end - self.position + 1)
                if body_line.lstrip("\t") == delimiter:
                    break
        self.heredocs.clear()

    def word(self) -> Word:
        """Read one word with its quotes and expansions."""
        self.num_words += 1
        check_count(self.num_words, self.source, self.line)
        word = Word(self.line)
        while self.position < len(self.text):
            check_count(len(word.parts), self.source, self.line)
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
                self.skip_parentheses()
                word.parts.append(Variable("(…)", "", None, quoted=True))
            else:
                break
        return word

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
            check_count(len(word.parts), self.source, self.line)
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
            self.skip_parentheses()
            return Variable("$(…)", "", None, quoted)
        if self.text.startswith("{", rest):
            return self.braced(quoted)
        name = NAME.match(self.text, rest)
        if name is not None:
            self.advance(1 + len(name.group()))
            return Variable(f"${name.group()}", name.group(), None, quoted)
        special = self.text[rest : rest + 1]
        if special and special in "@*#?$!-0123456789":
            self.advance(2)
            return Variable(f"${special}", "", None, quoted)
        self.advance(1)
        return Text("$", quoted=True)

    def braced(self, quoted: bool) -> Variable:
        """Read ``${NAME}``, also with a default; other forms need a shell."""
        begin = self.line
        end = self.text.find("}", self.position)
        if end < 0:
            raise self.unfinished("a ${ is not closed", begin)
        written = self.advance(end + 1 - self.position)
        known = EXPANSION.match(written[2:-1])
        if known is None:
            return Variable(written, "", None, quoted)
        return Variable(f"${known.group(1)}", known.group(1), known.group(2), quoted)

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
