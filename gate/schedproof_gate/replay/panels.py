"""What a picture of a replay shows of one policy: its steps against the limit, its KV blocks and its queue.

Every point shows the largest of the steps that it stands for, and each span with a step over the limit has a mark
of its own above the panel, so that neither a peak nor a single step over the limit disappears in a long run.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from schedproof_gate.replay.findings import Replay, seconds
from schedproof_gate.replay.measurements import Measurements
from schedproof_gate.replay.series import Bucket, merged

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# After Okabe and Ito, whose colours people with any colour vision tell apart; the fills differ in lightness, too.
DECODE, PREFILL, OVERSHOOT = "#00507f", "#4496cf", "#d55e00"
BLOCKS, WAITING = "#008a64", "#b05a92"
INK, GRID = "#1a1a1a", "#dddddd"
STYLE = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": GRID,
    "axes.axisbelow": True,
    "svg.hashsalt": "schedproof",
    **{f"{name}.color": INK for name in ("text", "xtick", "ytick")},
    **{f"axes.{name}color": INK for name in ("edge", "label")},
}

MAX_SPANS = 200
"""Of one panel, so that each is wide enough to be seen."""

US_PER_MINUTE = 60_000_000
MINUTES_FROM_US = 15 * US_PER_MINUTE
"""Longer runs are shown in minutes."""

LABELS = ("tokens a step", "KV blocks\nin use (%)", "longest\nwait (s)")


def summary(run: Measurements) -> tuple[str, str]:
    """Return what a policy came to: its steps, and how long requests waited."""
    p99 = "-" if run.queueing.p99_us is None else f"{seconds(run.queueing.p99_us)} s"
    over = "none" if run.num_over_limit == 0 else f"{run.num_over_limit:,}"
    return f"{run.num_steps:,} steps, {over} over the limit", f"queued p99 {p99}"


def unit_of(replay: Replay) -> tuple[int, str]:
    """Return the microseconds of the unit of time, and its name."""
    return (US_PER_MINUTE, "min") if longest_us(replay) >= MINUTES_FROM_US else (1_000_000, "s")


def longest_us(replay: Replay) -> int:
    """Return how long the longest run took."""
    return max(run.duration_us for _, run in replay.runs)


def draw_panels(axes: Any, run: Measurements, replay: Replay) -> None:
    """Draw the three panels of a policy, on the same scales as those of every other policy of the replay."""
    tokens, blocks, waiting = axes
    unit_us, unit = unit_of(replay)
    draw_tokens(tokens, run, unit_us)
    draw_blocks(blocks, run, unit_us)
    draw_waiting(waiting, run, unit_us)
    waiting.set_xlabel(f"modelled time ({unit})")
    everyone = [each for _, each in replay.runs]
    most_tokens = max(max(each.limit, 0 if each.worst is None else each.worst.num_tokens) for each in everyone)
    most_wait_us = max(
        max((b.peak_oldest_wait_us for b in each.series.buckets.values()), default=0) for each in everyone
    )
    tokens.set_ylim(0, most_tokens * 1.08)
    blocks.set_ylim(0, 105)
    waiting.set_ylim(0, max(most_wait_us / 1e6, 0.001) * 1.08)
    tokens.set_xlim(0, longest_us(replay) / unit_us)


def draw_tokens(axis: Axes, run: Measurements, unit_us: int) -> None:
    """Draw the largest step of each span, decode below prefill, and what is over the limit apart."""
    edges = edges_of(run, unit_us)
    peaks = [(b.peak_decode_tokens, b.peak_tokens) if b else (0, 0) for b in spans(run)]
    decode = [min(tokens, run.limit) for tokens, _ in peaks]
    within = [min(tokens, run.limit) for _, tokens in peaks]
    total = [tokens for _, tokens in peaks]
    fill(axis, edges, decode, 0, DECODE)
    fill(axis, edges, within, decode, PREFILL)
    fill(axis, edges, total, within, OVERSHOOT)
    axis.axhline(run.limit, color=INK, lw=1, ls=(0, (4, 2)))
    over = [sum(span) / 2 for span, most in zip(pairwise(edges), total, strict=True) if most > run.limit]
    if over:
        above = [1.03] * len(over)
        marks: Any = {"marker": "v", "ms": 4, "ls": "none", "color": OVERSHOOT, "mew": 0, "clip_on": False}
        axis.plot(over, above, transform=axis.get_xaxis_transform(), **marks)


def draw_blocks(axis: Axes, run: Measurements, unit_us: int) -> None:
    """Draw the share of the pool that requests hold."""
    share = [100 * b.peak_used_blocks / run.num_kv_blocks if b else 0 for b in spans(run)]
    fill(axis, edges_of(run, unit_us), share, 0, BLOCKS)


def draw_waiting(axis: Axes, run: Measurements, unit_us: int) -> None:
    """Draw how long the oldest request without a step has waited."""
    fill(axis, edges_of(run, unit_us), [b.peak_oldest_wait_us / 1e6 if b else 0 for b in spans(run)], 0, WAITING)


def fill(axis: Axes, edges: list[float], values: list[Any], baseline: Any, colour: str) -> None:
    """Draw values as filled steps above a baseline."""
    axis.stairs(values, edges, baseline=baseline, fill=True, color=colour, lw=0)


def spans(run: Measurements) -> list[Bucket | None]:
    """Return every span of a run in order, None where no step began; neighbours as one where there are too many."""
    return [merged(buckets) for buckets in groups(run)]


def groups(run: Measurements) -> list[list[Bucket]]:
    """Return the buckets of each span of a run, in order."""
    buckets = run.series.buckets
    numbers, size = range(max(buckets, default=0) + 1), group_size(run)
    starts = range(0, len(numbers), size)
    return [[buckets[n] for n in range(start, start + size) if n in buckets] for start in starts]


def group_size(run: Measurements) -> int:
    """Return how many buckets are one span."""
    return -(-(max(run.series.buckets, default=0) + 1) // MAX_SPANS)


def edges_of(run: Measurements, unit_us: int) -> list[float]:
    """Return where the spans of a run begin, and where the last one ends."""
    width_us = run.series.width_us * group_size(run)
    return [number * width_us / unit_us for number in range(len(groups(run)) + 1)]
