"""The form for traces of your own, as JSON lines or CSV.

A request has ``arrival_s`` (seconds), ``num_prompt_tokens``, ``max_new_tokens``, and optionally ``request_id``. In
JSON lines it may also have ``items``, a list of ``[start, end]`` prompt positions that prefill must not split, and
``block_hashes``, one for each full KV block of the prompt: equal hashes promise equal tokens up to the block's end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from schedproof import MultimodalItem
from schedproof_gate.deployment.line_file import Line
from schedproof_gate.errors import quoted
from schedproof_gate.replay.workloads.arrival import Arrival
from schedproof_gate.replay.workloads.fields import Record, read_object, shown
from schedproof_gate.replay.workloads.table import read_rows

TIME = "arrival_s"
REQUIRED = (TIME, "num_prompt_tokens", "max_new_tokens")
KEYS = (*REQUIRED, "request_id", "items", "block_hashes")


def recognises_json(first_line: str) -> bool:
    """Return whether a file that begins like this is a trace in JSON lines."""
    return first_line.lstrip().startswith("{") and f'"{TIME}"' in first_line


def recognises_csv(first_line: str) -> bool:
    """Return whether a file that begins like this is a trace in CSV."""
    return not first_line.lstrip().startswith("{") and TIME in first_line


def read_json_lines(lines: Iterable[Line], source: str) -> Iterator[Arrival]:
    """Yield the requests of JSON lines.

    Raises:
        InputError: a line that cannot be used.
    """
    return arrivals(read_object(text, source, number) for number, text in lines)


def read_csv(lines: Iterable[Line], source: str) -> Iterator[Arrival]:
    """Yield the requests of CSV.

    Raises:
        InputError: a row that cannot be used.
    """
    return arrivals(read_rows(lines, source, REQUIRED))


def arrivals(records: Iterable[Record]) -> Iterator[Arrival]:
    """Yield a request for each record.

    Raises:
        InputError: a value that cannot be used, or the name of an earlier request.
    """
    lines: dict[str, int] = {}
    for record in records:
        record.refuse_misspelt(KEYS)
        request_id = name_of(record)
        if request_id in lines:
            problem = f"{quoted(request_id)} is already the request of line {lines[request_id]}"
            raise record.error(problem, "request_id", "give each request a name of its own")
        lines[request_id] = record.line
        num_prompt_tokens = record.count("num_prompt_tokens")
        yield Arrival(
            line=record.line,
            request_id=request_id,
            time_us=record.microseconds(TIME, per_unit=1_000_000),
            num_prompt_tokens=num_prompt_tokens,
            max_new_tokens=record.count("max_new_tokens"),
            items=items_of(record, num_prompt_tokens),
            prefix_hashes=record.hashes("block_hashes"),
        )


def name_of(record: Record) -> str:
    """Return the request's name, or its line number when it has none.

    Raises:
        InputError: neither text nor a whole number.
    """
    if not record.has("request_id"):
        return str(record.line)
    value = record.values["request_id"]
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise record.error(f"{shown(value)} is not a name", "request_id", "give text or a whole number")
    return str(value)


def items_of(record: Record, num_prompt_tokens: int) -> tuple[MultimodalItem, ...]:
    """Return the multimodal items of a prompt.

    Raises:
        InputError: not pairs of positions, ascending, disjoint and inside the prompt.
    """
    items: list[MultimodalItem] = []
    end = 0
    for pair in record.sequence("items"):
        if not isinstance(pair, list) or len(pair) != 2 or not all(type(position) is int for position in pair):
            raise record.error("an item is not [start, end]", "items", "give prompt positions, end excluded")
        if not end <= pair[0] < pair[1] <= num_prompt_tokens:
            raise record.error(
                f"[{quoted(pair[0])}, {quoted(pair[1])}] is empty, overlaps the item before it, or reaches past "
                f"the prompt of {num_prompt_tokens} tokens",
                "items",
                "give ascending, disjoint positions inside the prompt",
            )
        items.append(MultimodalItem(start=pair[0], end=pair[1]))
        end = pair[1]
    return tuple(items)
