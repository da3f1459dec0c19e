"""Whether the chunks of each request tile its prompt, over neighbouring steps.

Remembered are the requests in the middle of their prompts and nothing else: as many as there are slots.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from schedproof_gate.audit.traces.columns import ABSENT, RequestColumns, StepBatch


class Progress(NamedTuple):
    """A request in the middle of its prompt."""

    end: int
    """Prompt tokens that are computed."""
    need: int
    step: int
    line: int
    """Where its last chunk was."""


@dataclass(frozen=True, slots=True)
class BrokenTile:
    """A request that does not go on where its last chunk ended."""

    first_line: int
    """The line of that chunk."""
    message: str


@dataclass(slots=True)
class ChunkOrder:
    """Follows requests through their prompts."""

    max_live: int
    """Requests that can be in the middle of their prompts at once."""
    live: dict[str, Progress] = field(default_factory=dict)
    last_step: int = -1
    num_forgotten: int = 0
    """Requests that were not followed to the end, because there were more than `max_live`."""

    def take(self, batch: StepBatch) -> dict[int, BrokenTile]:
        """Follow the requests of a batch; return those that break the order, by their position in its requests."""
        if batch.begins_anew:
            self.live.clear()
            self.last_step = -1
        gaps = self._gaps(batch)
        requests = batch.requests
        if requests is None:
            self.live.clear()
            return {}
        broken: dict[int, BrokenTile] = {}
        if requests.is_decode.all() and not self.live:
            return broken
        next_gap = 0
        for position, record, request_id, is_decode, *chunk in self._followed(requests):
            while next_gap < len(gaps) and gaps[next_gap] <= record:
                self.live.clear()
                next_gap += 1
            before = self.live.pop(request_id, None)
            if is_decode:
                tile = None if before is None else decoding_early(before)
            else:
                tile = self._take_chunk(
                    request_id, before, chunk, int(batch.steps[record]), int(batch.lines[record])
                )
            if tile is not None:
                broken[position] = tile
        if next_gap < len(gaps):
            self.live.clear()
        return broken

    def _followed(self, requests: RequestColumns) -> Iterator[tuple[Any, ...]]:
        """Yield the rows that matter: chunks, and decodes of requests that are or may come to be live."""
        prefills = np.flatnonzero(~requests.is_decode).tolist()
        names = requests.request_ids
        may_be_live = {names[position] for position in prefills} | self.live.keys()
        positions = [position for position, name in enumerate(names) if name in may_be_live]
        columns = (
            requests.record,
            requests.is_decode,
            requests.is_admission,
            requests.num_tokens,
            requests.num_computed_tokens,
            requests.need_prefill_tokens,
        )
        record, is_decode, *chunks = (column[positions].tolist() for column in columns)
        return zip(positions, record, (names[position] for position in positions), is_decode, *chunks, strict=True)

    def _take_chunk(
        self, request_id: str, before: Progress | None, chunk: list[int], step: int, line: int
    ) -> BrokenTile | None:
        """Follow a chunk; an admission begins wherever the prefix cache ends."""
        is_admission, num_tokens, computed, need = chunk
        if ABSENT in (computed, need):
            return None
        end = computed + num_tokens
        if end < need:
            self.live[request_id] = Progress(end, need, step, line)
            if len(self.live) > self.max_live:
                del self.live[next(iter(self.live))]
                self.num_forgotten += 1
        if before is None or is_admission:
            return None
        return None if (computed, need) == (before.end, before.need) else out_of_order(computed, need, before)

    def _gaps(self, batch: StepBatch) -> list[int]:
        """Return the records before which steps are missing, or whose requests are not listed, in order."""
        before = np.concatenate(([self.last_step], batch.steps[:-1]))
        missing = batch.steps != before + 1
        if self.last_step < 0:
            missing[0] = False
        self.last_step = int(batch.steps[-1])
        if batch.lists_requests is not None:
            missing = missing | ~batch.lists_requests
        return [int(record) for record in np.flatnonzero(missing)]


def decoding_early(before: Progress) -> BrokenTile:
    """Return the error of a request that decodes in the middle of its prompt."""
    return BrokenTile(
        before.line,
        f"it decodes, and of its {before.need} prompt tokens {before.end} were computed up to step {before.step}",
    )


def out_of_order(computed: int, need: int, before: Progress) -> BrokenTile:
    """Return the error of a chunk that does not go on where the last one ended."""
    if computed != before.end:
        message = f"its chunk begins at token {computed}, the one in step {before.step} ended at {before.end}"
    else:
        message = f"its prompt has {need} tokens, in step {before.step} it had {before.need}"
    return BrokenTile(before.line, message)
