"""A long run on a fixed number of points, of which none hides a peak."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

MAX_BUCKETS = 600
"""What a picture can show; memory does not grow with the run."""

FIRST_WIDTH_US = 1000


@dataclass(slots=True, kw_only=True)
class Bucket:
    """The steps that began in one span of time: the largest of each, and the mean."""

    num_steps: int = 0
    sum_tokens: int = 0
    peak_decode_tokens: int = 0
    peak_prefill_tokens: int = 0
    """Of the step with the most tokens, as are its decode tokens."""
    peak_used_blocks: int = 0
    peak_oldest_wait_us: int = 0

    @property
    def peak_tokens(self) -> int:
        """Tokens of the largest step."""
        return self.peak_decode_tokens + self.peak_prefill_tokens

    def merge(self, other: Bucket) -> None:
        """Take in the steps of another bucket."""
        if other.peak_tokens > self.peak_tokens:
            self.peak_decode_tokens = other.peak_decode_tokens
            self.peak_prefill_tokens = other.peak_prefill_tokens
        self.num_steps += other.num_steps
        self.sum_tokens += other.sum_tokens
        self.peak_used_blocks = max(self.peak_used_blocks, other.peak_used_blocks)
        self.peak_oldest_wait_us = max(self.peak_oldest_wait_us, other.peak_oldest_wait_us)


def merged(buckets: Iterable[Bucket]) -> Bucket | None:
    """Return several buckets as one; None for none."""
    result: Bucket | None = None
    for bucket in buckets:
        if result is None:
            result = replace(bucket)
        else:
            result.merge(bucket)
    return result


class Series:
    """Steps by the time at which they began, in buckets of equal width that doubles as the run goes on."""

    def __init__(self) -> None:
        self.width_us = FIRST_WIDTH_US
        self.buckets: dict[int, Bucket] = {}
        """By number; a span without a step has none."""

    def add(self, start_us: int, step: Bucket) -> None:
        """Take in one step."""
        while start_us // self.width_us >= MAX_BUCKETS:
            self._widen()
        number = start_us // self.width_us
        if number in self.buckets:
            self.buckets[number].merge(step)
        else:
            self.buckets[number] = step

    def _widen(self) -> None:
        self.width_us *= 2
        narrow, self.buckets = self.buckets, {}
        for number, bucket in narrow.items():
            if number // 2 in self.buckets:
                self.buckets[number // 2].merge(bucket)
            else:
                self.buckets[number // 2] = bucket
