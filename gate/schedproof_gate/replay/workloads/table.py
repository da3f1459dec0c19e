"""Reads the rows of a comma-separated trace by its header."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from schedproof_gate.deployment.line_file import Line
from schedproof_gate.errors import InputError, quoted
from schedproof_gate.replay.workloads.arrival import Arrival
from schedproof_gate.replay.workloads.fields import Record
from schedproof_gate.report.wording import plural


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestTable:
    """A published trace with a row for each request: when it arrives, and how many tokens it has."""

    time: str
    """The column's name, as those of the two below."""
    prompt: str
    output: str
    time_us: Callable[[Record], int]
    """Returns a row's time in microseconds; raises `InputError` for one that cannot be used."""

    @property
    def columns(self) -> tuple[str, str, str]:
        """The columns that count."""
        return self.time, self.prompt, self.output

    def recognises(self, first_line: str) -> bool:
        """Return whether a file that begins like this is such a trace."""
        return all(column in first_line for column in self.columns)

    def read(self, lines: Iterable[Line], source: str) -> Iterator[Arrival]:
        """Yield the requests; the line number is the request's name.

        Raises:
            InputError: a row that cannot be used.
        """
        for row in read_rows(lines, source, self.columns):
            yield Arrival(
                line=row.line,
                request_id=str(row.line),
                time_us=self.time_us(row),
                num_prompt_tokens=row.count(self.prompt),
                max_new_tokens=row.count(self.output),
            )


def read_rows(lines: Iterable[Line], source: str, required: tuple[str, ...]) -> Iterator[Record]:
    """Yield the rows below the header.

    Raises:
        InputError: the header lacks a required column or has one twice, or a row has another number of columns.
    """
    header: list[str] = []
    for number, text in lines:
        cells = split(text, source, number)
        if not header:
            header = cells
            check_header(header, source, number, required)
            continue
        if len(cells) != len(header):
            raise InputError(
                f"{plural(len(cells), 'column')} where the header has {len(header)}",
                source=source,
                line=number,
                advice="complete the row or remove it",
            )
        yield Record(source, number, dict(zip(header, cells, strict=True)))


def split(text: str, source: str, line: int) -> list[str]:
    """Return the cells of a line.

    Raises:
        InputError: quotes that do not match.
    """
    try:
        return [cell.strip() for cell in next(csv.reader([text], strict=True, skipinitialspace=True))]
    except csv.Error as error:
        raise InputError(
            f"not a CSV line: {error}", source=source, line=line, advice="correct the quotes"
        ) from None


def check_header(header: list[str], source: str, line: int, required: tuple[str, ...]) -> None:
    """Refuse a header without the columns that count.

    Raises:
        InputError: a column is missing, or stands twice.
    """
    for name in required:
        if name not in header:
            raise InputError(
                "the column is missing", source=source, line=line, key=name, advice=f"needs {', '.join(required)}"
            )
    for name in header:
        if header.count(name) > 1:
            raise InputError(
                f"the column {quoted(name)} is given twice", source=source, line=line, advice="keep one of them"
            )
