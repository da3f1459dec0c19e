"""The life family: a request is in exactly one place until it ends, and every request that fits is served."""

from __future__ import annotations

from collections.abc import Sequence

from schedproof.engines.fastdeploy.life.places import Place
from schedproof.request import Request


def request_is_in_one_place(place: Place | None, queues_with_it: Sequence[Place]) -> bool:
    """A request is once in the queue of its place and in no other; one that ended is in none."""
    return list(queues_with_it) == ([] if place is None else [place])


def measure(request: Request, max_total_tokens: int) -> tuple[int, int, int]:
    """Tokens left to generate; whether it decodes; tokens left to prefill: all 0 or more while it has not ended."""
    return (
        max_total_tokens - request.num_total_tokens,
        1 if request.is_decoding else 0,
        max(request.num_prefill_tokens_left, 0),
    )


def measure_falls(before: Request, after: Request, max_total_tokens: int) -> bool:
    """The first request in the order of service comes nearer to its end in every step."""
    generate, decodes, prefill = measure(after, max_total_tokens)
    generate_before, decodes_before, prefill_before = measure(before, max_total_tokens)
    if generate != generate_before:
        return generate >= 0 and generate < generate_before
    if decodes != decodes_before:
        return decodes < decodes_before
    return prefill < prefill_before
