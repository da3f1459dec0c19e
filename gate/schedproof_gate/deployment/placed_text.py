"""Text that knows the line of each of its parts, also after a document's syntax has folded or unquoted it."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate

LINE = re.compile(r"[^\n]*\n|[^\n]+")
CHUNK = re.compile(r"\s*\S+|\s+")


@dataclass(frozen=True, slots=True)
class PlacedText:
    """Fragments that make the text when they are joined, each with the line that it stands on."""

    fragments: tuple[tuple[str, int], ...]

    @classmethod
    def of(cls, text: str, first_line: int = 1) -> PlacedText:
        """Return text whose lines follow each other in the file."""
        return cls(tuple((line, first_line + index) for index, line in enumerate(LINE.findall(text))))

    @classmethod
    def on_line(cls, text: str, line: int) -> PlacedText:
        """Return text that is all on one line of the file, whatever line ends it stands for."""
        return cls(((text, line),))

    @classmethod
    def aligned(cls, text: str, raw: str, first_line: int) -> PlacedText:
        """Return text whose words are found, in order, in what the file has; `raw` begins on `first_line`.

        From the first word that is written in another way on, the rest has the line of the word before.
        """
        lines: list[tuple[list[str], int]] = []
        position, line = 0, first_line
        is_found = True
        for match in CHUNK.finditer(text):
            chunk = match.group()
            if is_found and (word := chunk.strip()):
                found = raw.find(word, position)
                is_found = found >= 0
                if is_found:
                    line += raw.count("\n", position, found)
                    position = found + len(word)
            if not lines or lines[-1][1] != line:
                lines.append(([], line))
            lines[-1][0].append(chunk)
        return cls(tuple(("".join(chunks), line) for chunks, line in lines))

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(text for text, _ in self.fragments)

    @property
    def first_line(self) -> int:
        """The line of the first fragment."""
        return self.fragments[0][1] if self.fragments else 1

    @property
    def line_numbers(self) -> list[int]:
        """The file's line for each line of the text."""
        index = LineIndex(self)
        text = self.text
        return [index.at(0), *(index.at(match.end()) for match in re.finditer("\n", text))]

    def changed(self, change: Callable[[str], str]) -> PlacedText:
        """Return the text with every fragment changed and the lines kept."""
        return PlacedText(tuple((change(text), line) for text, line in self.fragments))


class LineIndex:
    """Finds the line of a position in placed text."""

    def __init__(self, placed: PlacedText) -> None:
        self.starts = [0, *accumulate(len(text) for text, _ in placed.fragments)]
        self.lines = [line for _, line in placed.fragments]

    def at(self, position: int) -> int:
        """Return the line of a position; of the last character behind the end."""
        if not self.lines:
            return 1
        index = bisect_right(self.starts, position) - 1
        return self.lines[min(index, len(self.lines) - 1)]
