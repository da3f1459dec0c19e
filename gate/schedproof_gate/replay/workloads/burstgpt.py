"""BurstGPT's traces: CSV with ``Timestamp`` in seconds, ``Request tokens`` and ``Response tokens``.

Source: Wang et al., "BurstGPT: A real-world workload dataset to optimize LLM serving systems", 2024. A response of
no tokens is a request that failed there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from schedproof_gate.deployment.line_file import Line
from schedproof_gate.replay.workloads.arrival import Arrival
from schedproof_gate.replay.workloads.table import read_rows

TIME = "Timestamp"
PROMPT = "Request tokens"
OUTPUT = "Response tokens"
COLUMNS = (TIME, PROMPT, OUTPUT)
US_PER_S = 1_000_000


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
            time_us=row.microseconds(TIME, US_PER_S),
            num_prompt_tokens=row.count(PROMPT),
            max_new_tokens=row.count(OUTPUT),
        )
