"""Which form a trace has, and its requests in the order of arrival."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from schedproof_gate.deployment.line_file import Line, read_lines
from schedproof_gate.errors import InputError
from schedproof_gate.replay.workloads import azure, burstgpt, generic, mooncake
from schedproof_gate.replay.workloads.arrival import Arrival

Reader = Callable[[Iterable[Line], str], Iterator[Arrival]]


@dataclass(frozen=True, slots=True)
class Format:
    """A form of trace: how its first line looks, and who reads it."""

    recognises: Callable[[str], bool]
    read: Reader


FORMATS = {
    "azure": Format(azure.TABLE.recognises, azure.TABLE.read),
    "burstgpt": Format(burstgpt.TABLE.recognises, burstgpt.TABLE.read),
    "mooncake": Format(mooncake.recognises, mooncake.read),
    "jsonl": Format(generic.recognises_json, generic.read_json_lines),
    "csv": Format(generic.recognises_csv, generic.read_csv),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A trace, and the part and rate of it that a replay takes."""

    path: Path
    format: str
    tokens_per_hash: int = mooncake.TOKENS_PER_HASH
    rate_scale: float = 1.0
    """How many times as fast as in the trace requests arrive."""
    limit: int | None = None
    """Requests to take from the beginning; None for all."""

    @property
    def source(self) -> str:
        """The file as a person named it."""
        return str(self.path)

    def arrivals(self) -> Iterator[tuple[int, Arrival]]:
        """Yield each request with its arrival in microseconds since the first one's, scaled.

        Raises:
            InputError: a record that cannot be used, or one that arrives before the one above it.
        """
        read = FORMATS[self.format].read
        if self.format == "mooncake":
            read = partial(mooncake.read, tokens_per_hash=self.tokens_per_hash)
        first: Arrival | None = None
        before: Arrival | None = None
        for arrival in islice(read(read_lines(self.path), self.source), self.limit):
            if before is not None and arrival.time_us < before.time_us:
                seconds = (before.time_us - arrival.time_us) / 1e6
                raise InputError(
                    f"arrives {seconds:g} s before the request of line {before.line}",
                    source=self.source,
                    line=arrival.line,
                    advice="sort the requests by time",
                )
            before = arrival
            first = first or arrival
            yield round((arrival.time_us - first.time_us) / self.rate_scale), arrival


def recognised_format(path: Path) -> str:
    """Return the form of a trace, from its first line.

    Raises:
        InputError: the file cannot be read, is empty, or has no known form.
    """
    first = next(read_lines(path), None)
    if first is None:
        raise InputError("the file is empty", source=str(path), advice="give a request trace")
    number, text = first
    for name, form in FORMATS.items():
        if form.recognises(text):
            return name
    raise InputError(
        "is not a known form of request trace",
        source=str(path),
        line=number,
        advice=f"name the form with --workload-format: {', '.join(FORMATS)}",
    )
