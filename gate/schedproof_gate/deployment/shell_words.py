"""Splits a shell script into commands and words. Nothing is executed: what only a shell can tell stays unknown."""

from __future__ import annotations

import re
from collections.abc import Iterator

from schedproof_gate.deployment.placed_text import LineIndex, PlacedText
from schedproof_gate.deployment.shell_changes import ARITHMETIC, set_by_arithmetic
from schedproof_gate.deployment.shell_syntax import (
    Command,
    Elements,
    Redirection,
    Text,
    Variable,
    Word,
    split_replacement,
)
from schedproof_gate.deployment.tree import check_count, check_depth
from schedproof_gate.errors import InputError

NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
ASSIGNED = re.compile(r"[A-Za-z_]\w*\+?=\Z", re.ASCII)
EXPANSION = re.compile(
    r"(?P<length>\#)?(?P<name>[A-Za-z_]\w*|[0-9]+|[@*#])(?:\[(?P<index>[^\]\[]*)\])?"
    r"(?P<operator>:[-=+?]|[-=+?]|\#\#?|%%?|//|/\#|/%|/|\^\^?|,,?|[:@])?(?P<operand>.*)\Z",
    re.ASCII | re.DOTALL,
)
"""What stands between the braces of ``${…}``."""
BRACE = re.compile(r"""\\.|\$\{|[}'"]""", re.DOTALL)
EMPTY_PARENTHESES = re.compile(r"\([ \t]*\)")
OPERATOR = re.compile(r"&&|\|\||\|&|\||;;&|;;|;&|[;&()\n]")
TEST_OPERATOR = re.compile(r"&&|\|\||[()<>;&|]")
BEFORE_COMMANDS = {"if", "while", "until", "elif", "then", "else", "do", "{", "!", "time"}
"""Words behind which a command begins."""
PLAIN = re.compile(r"""[^\s\\'"$`;&|()<>]+""")
IN_OPERAND = re.compile(r"""[^\\'"$`]+""")
IN_QUOTES = re.compile(r"""[^\\"$`]+""")
SEPARATORS = ";&|()\n"
ESCAPED_IN_QUOTES = '$`"\\'


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
        self.num_open_braces = 0

    @property
    def line(self) -> int:
        """The line that is read."""
        return self.lines.at(self.position)

    def commands(self) -> Iterator[Command]:
        """Yield each command; a parenthesis of the shell's grammar is a command of its own.

        A here-document's body is known once the line is over: read all commands before you look at one.
        """
        command, is_test = Command(), False
        while self.position < len(self.text):
            character = self.text[self.position]
            if character in " \t\r\f\v" or (is_test and character == "\n"):
                self.position += 1
            elif self.text.startswith("\\\n", self.position):
                self.advance(2)
            elif character == "#":
                self.skip_comment()
            elif is_test and (match := TEST_OPERATOR.match(self.text, self.position)) is not None:
                command.words.append(Word(self.line, [Text(self.advance(len(match.group())), quoted=False)]))
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
                is_empty = not (command.words or command.redirections)
                if not is_empty:
                    yield command
                if operator in ("(", ")"):
                    before = command.operator if is_empty else ""
                    yield Command(before, words=[Word(line, [Text(operator, quoted=False)])])
                if not (is_empty and operator == "\n"):
                    command = Command("" if operator in ("(", ")") else operator)
            else:
                command.words.append(self.word())
                is_test = self.goes_on_in_test(command.words, is_test)
        if command.words or command.redirections or command.operator:
            yield command

    def goes_on_in_test(self, words: list[Word], is_test: bool) -> bool:
        """Return whether ``[[`` is open behind these words."""
        last = words[-1].bare
        if is_test:
            return last != "]]"
        if last != "[[" or self.text.find("]]", self.position) < 0:
            return False
        return all(word.bare in BEFORE_COMMANDS for word in words[:-1])

    def function_name(self, command: Command) -> str | None:
        """Take in the ``()`` behind a function's name, which then reads as ``function NAME``."""
        match = EMPTY_PARENTHESES.match(self.text, self.position)
        if match is None or not command.words or command.words[-1].bare is None:
            return None
        name, before = command.words[-1], [word.bare for word in command.words[:-1]]
        has_keyword = before[-1:] == ["function"]
        if not BEFORE_COMMANDS.issuperset(before[:-1] if has_keyword else before):
            return None
        self.advance(len(match.group()))
        if not has_keyword:
            command.words.insert(-1, Word(name.line, [Text("function", quoted=False)]))
        return name.bare

    def arithmetic(self, command: Command) -> bool:
        """Take in ``((…))``, which then reads as ``let "…"``; return whether it stands here."""
        match = ARITHMETIC.match(self.text, self.position)
        if match is None:
            return False
        line = self.line
        command.words.append(Word(line, [Text("let", quoted=False)]))
        command.words.append(self.operand(match.group(1), quoted=True))
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
            return Variable("`…`", "", quoted, command=self.until_quote("`"))
        if self.text.startswith("'", rest) and not quoted:
            self.advance(1)
            return Text(self.until_quote("'"), quoted=True)
        if self.text.startswith("(", rest):
            self.advance(1)
            match = ARITHMETIC.match(self.text, self.position)
            begin = self.position + 1
            self.skip_parentheses()
            if match is None:
                return Variable("$(…)", "", quoted, command=self.text[begin : self.position - 1])
            expression = self.operand(match.group(1), quoted=True)
            return Variable("$(…)", "", quoted, arithmetic=expression, changes=set_by_arithmetic(match.group(1)))
        if self.text.startswith("{", rest):
            return self.braced(quoted)
        name = NAME.match(self.text, rest)
        if name is not None:
            self.advance(1 + len(name.group()))
            return Variable(f"${name.group()}", name.group(), quoted)
        special = self.text[rest : rest + 1]
        if special and special in "@*#?$!-0123456789":
            self.advance(2)
            known = special if special in "@*#123456789" else ""
            return Variable(f"${special}", known, quoted, is_array=special in "@*", joins=special == "*")
        self.advance(1)
        return Text("$", quoted=True)

    def braced(self, quoted: bool) -> Variable:
        """Read ``${NAME}`` with an element and an operator, or another form, which needs a shell."""
        written = self.advance(self.behind_brace(quoted) - self.position)
        match = EXPANSION.match(written[2:-1])
        if match is None or (match["length"] and match["operator"]):
            return Variable(written, "", quoted)
        name, index, operator, operand = match["name"], match["index"], match["operator"] or "", match["operand"]
        if (operand and not operator) or (match["length"] and name in ("@", "*", "#")):
            return Variable(written, "", quoted)
        is_array = name in ("@", "*") or index in ("@", "*")
        first, second = operand, None
        if operator in ("/", "//", "/#", "/%"):
            first, second = split_replacement(operand)
        return Variable(
            written if index is not None else f"${name}",
            name,
            quoted,
            is_array=is_array,
            joins="*" in (name, index),
            index=None if is_array else index,
            operator="length" if match["length"] else operator,
            operand=self.operand(first, quoted and operator[-1] in "-=+?") if operator else None,
            replacement=None if second is None else self.operand(second, quoted=False),
        )

    def behind_brace(self, quoted: bool) -> int:
        """Return the position behind the brace that closes a ``${``.

        Raises:
            InputError: there is none.
        """
        depth, position = 1, self.position + 2
        while (match := BRACE.search(self.text, position)) is not None:
            position = match.end()
            if match.group() == "${":
                depth += 1
            elif match.group() == "}":
                depth -= 1
                if depth == 0:
                    return position
            elif match.group() == '"' or (match.group() == "'" and not quoted):
                end = self.text.find(match.group(), position)
                position = position if end < 0 else end + 1
        raise self.unfinished("a ${ is not closed", self.line)

    def operand(self, text: str, quoted: bool) -> Word:
        """Return what an operator works with; blanks and the shell's grammar mean nothing in it.

        Raises:
            InputError: it is nested too deeply.
        """
        reader = ShellReader(PlacedText.on_line(text, self.line), self.source)
        reader.num_open_braces = self.num_open_braces + 1
        check_depth(reader.num_open_braces, self.source, self.line)
        word = Word(self.line)
        while reader.position < len(text):
            check_count(len(word.parts), self.source, self.line)
            character = text[reader.position]
            if character == '"' and text.find('"', reader.position + 1) > 0:
                reader.double_quoted(word)
            elif character == "'" and not quoted and text.find("'", reader.position + 1) > 0:
                word.parts.append(Text(reader.until_quote("'"), quoted=True))
            elif character in "$`":
                word.parts.append(reader.expansion(quoted))
            elif character == "\\" and reader.position + 1 < len(text):
                taken = reader.advance(2)
                word.parts.append(
                    Text(taken[1:] if not quoted or taken[1:] in ESCAPED_IN_QUOTES + "}" else taken, True)
                )
            else:
                plain = IN_OPERAND.match(text, reader.position)
                word.parts.append(Text(reader.advance(len(plain.group()) if plain else 1), quoted))
        return word

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
