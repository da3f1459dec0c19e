"""Reads the rows of a comma-separated trace by its header."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator

from schedproof_gate.deployment.line_file import Line
from schedproof_gate.errors import InputError, quoted
from schedproof_gate.replay.workloads.fields import Record
from schedproof_gate.report.wording import plural


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
