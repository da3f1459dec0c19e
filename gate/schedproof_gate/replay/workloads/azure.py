"""Azure's LLM inference traces: CSV with ``TIMESTAMP,ContextTokens,GeneratedTokens``.

Source: AzurePublicDataset, ``AzureLLMInferenceDataset2023.md``; Patel et al., "Splitwise: Efficient generative LLM
inference using phase splitting", ISCA 2024.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from schedproof_gate.deployment.line_file import Line
from schedproof_gate.replay.workloads.arrival import Arrival
from schedproof_gate.replay.workloads.fields import Record, shown
from schedproof_gate.replay.workloads.table import read_rows

TIME = "TIMESTAMP"
PROMPT = "ContextTokens"
OUTPUT = "GeneratedTokens"
COLUMNS = (TIME, PROMPT, OUTPUT)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def recognises(first_line: str) -> bool:
    """Return whether a file that begins like this is such a trace."""
    return all(column in first_line for column in COLUMNS)


def read(lines: Iterable[Line], source: str) -> Iterator[Arrival]:
    """Yield the requests; the line number is the request's name.

    Raises:
        InputError: a row that cannot be used.
    """
    for row in read_rows(lines, source, COLUMNS):
        yield Arrival(
            line=row.line,
            request_id=str(row.line),
            time_us=microseconds_of(row),
            num_prompt_tokens=row.count(PROMPT),
            max_new_tokens=row.count(OUTPUT),
        )


def microseconds_of(row: Record) -> int:
    """Return the time of arrival in microseconds since 1970; digits below a microsecond are dropped.

    Raises:
        InputError: not a date with a time.
    """
    text = row.required(TIME)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise row.error(
            f"{shown(text)} is not a date with a time", TIME, "write it as 2023-11-16 18:17:03.979960"
        ) from None
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - EPOCH) // MICROSECOND
