"""The dispatch family: each routed token arrives once or is counted as dropped, in its slice, and comes back.

The first three speak of a whole routing, the others of one turn of `route`'s loops.
"""

from __future__ import annotations

from dataclasses import dataclass

from schedproof.dispatch.dispatch import NO_ROW, Filling, RankShare, admitted
from schedproof_spec.work_rule import all_hold


@dataclass(frozen=True, slots=True)
class Routed:
    """What became of one source rank's tokens, for the first expert."""

    arrived: tuple[tuple[int, int], ...]
    """Token and row of every entry that is written."""
    dropped: int
    returned: tuple[int, ...]
    """By token, what combine gives back of its bits, 0 when nothing arrived."""


def tokens_are_conserved(choices: list[list[int]], routed: Routed) -> bool:
    """Each token that names the expert has one row, or is counted as dropped once."""
    due = [token for token, names in enumerate(choices) if 0 in names]
    arrived = [token for token, _ in routed.arrived]
    return arrived == due[: len(arrived)] and len(arrived) + routed.dropped == len(due)


def rows_are_in_slice(routed: Routed, capacity: int) -> bool:
    """A source rank fills rows of its own slice alone, each once."""
    rows = [row for _, row in routed.arrived]
    return rows == list(range(len(rows))) and len(rows) <= capacity


def combine_returns_tokens(routed: Routed, sent: tuple[int, ...]) -> bool:
    """A token that arrived comes back as it was sent; of others nothing does."""
    arrived = {token for token, _ in routed.arrived}
    return all(bits == (sent[token] if token in arrived else 0) for token, bits in enumerate(routed.returned))


def token_is_conserved(row: int, begin: int, routed: int, after: Filling, capacity: int) -> bool:
    """A token has the row behind those that are kept, or is one that exceeds the capacity; it is counted."""
    kept = admitted(routed, capacity)
    kept_after = admitted(after.routed, capacity)
    counted = (after.begin == begin) & (after.routed == routed + 1)
    if row == NO_ROW:
        return all_hold(counted, routed >= capacity, kept_after == kept)
    return all_hold(counted, row == begin + kept, kept_after == kept + 1)


def share_is_conserved(share: RankShare, begin: int, routed: int, after: Filling, capacity: int) -> bool:
    """Kept and dropped are all that was routed, dropped only what exceeds the capacity; the next rank is behind."""
    return all_hold(
        share.begin == begin,
        share.count + share.dropped == routed,
        share.dropped >= 0,
        share.count <= capacity,
        (share.dropped == 0) | (share.count == capacity),
        after.begin == begin + share.count,
        after.routed == 0,
    )


def stays_in_slice(row: int, begin: int, rank: int, ranks: int, capacity: int) -> bool:
    """A row is one of the rank's own, and within the expert's rows."""
    return (row == NO_ROW) | ((row >= begin) & (row < begin + capacity) & (row < ranks * capacity))


def rows_differ(row: int, other_row: int) -> bool:
    """Two tokens have two rows."""
    return row != other_row
