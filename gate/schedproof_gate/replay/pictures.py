"""The picture of a replay: a column for each policy, with its steps against the limit, its KV blocks and its queue.

Every point shows the largest of the steps that it stands for, so no peak disappears in a long run.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from schedproof_gate.errors import COMMAND_LINE, InputError, shown
from schedproof_gate.replay.findings import Replay, seconds
from schedproof_gate.replay.measurements import Measurements
from schedproof_gate.replay.series import Bucket
from schedproof_gate.report.output import replaced

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

COLUMNS = 4
"""Policies side by side; more go below."""

COLUMN_INCHES, BLOCK_INCHES, HEAD_INCHES = 3.5, 5.6, 0.95
DOTS_PER_INCH = 100

# After Okabe and Ito, whose colours people with any colour vision tell apart; the fills differ in lightness, too.
DECODE, PREFILL, OVERSHOOT = "#0072B2", "#A6CFEA", "#D55E00"
BLOCKS, WAITING = "#009E73", "#B05A92"
STYLE = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "#DDDDDD",
    "axes.axisbelow": True,
    "hatch.linewidth": 0.6,
    "svg.hashsalt": "schedproof",
}

US_PER_MINUTE = 60_000_000
MINUTES_FROM_US = 15 * US_PER_MINUTE
"""Longer runs are shown in minutes."""


def require_plotting(option: str) -> None:
    """Refuse to draw without the package that draws.

    Raises:
        InputError: it is not installed.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise InputError(
            "needs matplotlib, which is not installed",
            source=COMMAND_LINE,
            key=option,
            advice="install it with: pip install 'schedproof[plot]'",
        )


def write_picture(replay: Replay, path: Path) -> None:
    """Write the picture as PNG.

    Raises:
        InputError: the file cannot be written.
    """
    with replaced(path, "--png") as file:
        save(replay, file, "png")


def save(replay: Replay, file: BinaryIO, form: str) -> None:
    """Draw the picture into a file; the same replay gives the same bytes."""
    import matplotlib

    metadata = {"Date": None, "Creator": None} if form == "svg" else {"Software": None}
    settings: Any = {**matplotlib.rcParamsDefault, **STYLE, "backend": "agg"}
    with matplotlib.rc_context(settings):
        figure(replay).savefig(file, format=form, dpi=DOTS_PER_INCH, metadata=metadata)


def figure(replay: Replay) -> Figure:
    """Return the picture."""
    from matplotlib.figure import Figure

    runs = replay.runs
    blocks = [runs[start : start + COLUMNS] for start in range(0, len(runs), COLUMNS)]
    width = COLUMN_INCHES * min(max(len(runs), 2), COLUMNS)
    height = HEAD_INCHES + BLOCK_INCHES * len(blocks)
    picture = Figure(figsize=(width, height), layout="constrained")
    ratios = [HEAD_INCHES] + [BLOCK_INCHES] * len(blocks)
    parts: Any = picture.subfigures(len(ratios), 1, height_ratios=ratios, squeeze=False)
    draw_head(parts[0, 0], replay)
    for part, block in zip(parts[1:, 0], blocks, strict=True):
        draw_block(part, block, replay)
    return picture


def draw_head(part: SubFigure, replay: Replay) -> None:
    """Say what was replayed, and what the colours stand for."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    plan, config = replay.plan, replay.plan.config
    source, deployment = Path(plan.workload.source).name, Path(replay.deployment.source).name
    part.text(
        0.01,
        0.97,
        f"{shown(source)}: {replay.survey.num_requests:,} requests on {shown(deployment)}",
        fontsize=12,
        fontweight="bold",
        va="top",
    )
    time = plan.step_time
    part.text(
        0.01,
        0.66,
        f"{config.max_num_seqs} slots, {config.tokens_per_seq} tokens a decode, "
        f"{config.num_kv_blocks:,} KV blocks; "
        f"modelled times: {time.base_latency_us / 1000:g} ms a step + {time.latency_per_token_us:g} µs a token. "
        "Each point: the largest step of its span.",
        fontsize=8.5,
        color="#444444",
        va="top",
    )
    handles = [
        Patch(facecolor=DECODE, label="decode"),
        Patch(facecolor=PREFILL, label="prefill"),
        Patch(facecolor=OVERSHOOT, label="over the limit"),
        Line2D([], [], color="black", lw=1, ls=(0, (4, 2)), label="max_num_batched_tokens"),
        Patch(facecolor=BLOCKS, label="KV blocks"),
        Patch(facecolor=WAITING, label="longest wait"),
    ]
    part.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(0.0, -0.02), ncols=6, frameon=False, fontsize=8.5
    )


def draw_block(part: SubFigure, runs: tuple[tuple[str, Measurements], ...], replay: Replay) -> None:
    """Draw policies side by side, on the same scales as every other policy of the replay."""
    columns = max(len(runs), 2) if len(replay.runs) <= COLUMNS else COLUMNS
    axes = part.subplots(3, columns, squeeze=False, sharex=True, sharey="row", height_ratios=[2.4, 1, 1])
    everyone = [run for _, run in replay.runs]
    longest_us = max(run.duration_us for run in everyone)
    unit_us, unit = (US_PER_MINUTE, "min") if longest_us >= MINUTES_FROM_US else (1_000_000, "s")
    for column, (name, run) in enumerate(runs):
        tokens, blocks, waiting = axes[:, column]
        draw_title(tokens, name, run)
        draw_tokens(tokens, run, unit_us)
        draw_blocks(blocks, run, unit_us)
        draw_waiting(waiting, run, unit_us)
        waiting.set_xlabel(f"modelled time ({unit})")
    for column in range(len(runs), columns):
        for axis in axes[:, column]:
            axis.remove()
    first = axes[:, 0]
    for axis, label in zip(first, ("tokens a step", "KV blocks\nin use (%)", "longest\nwait (s)"), strict=True):
        axis.set_ylabel(label)
    most_tokens = max(max(run.limit, 0 if run.worst is None else run.worst.num_tokens) for run in everyone)
    most_wait_us = max(
        max((b.peak_oldest_wait_us for b in run.series.buckets.values()), default=0) for run in everyone
    )
    first[0].set_ylim(0, most_tokens * 1.08)
    first[1].set_ylim(0, 105)
    first[2].set_ylim(0, max(most_wait_us / 1e6, 0.001) * 1.08)
    first[0].set_xlim(0, longest_us / unit_us)


def draw_title(axis: Axes, name: str, run: Measurements) -> None:
    """Name the policy, and say what it came to."""
    p99 = "-" if run.queueing.p99_us is None else f"{seconds(run.queueing.p99_us)} s"
    over = "none" if run.num_over_limit == 0 else f"{run.num_over_limit:,}"
    axis.set_title(name, loc="left", fontweight="bold", pad=32)
    axis.annotate(
        f"{run.num_steps:,} steps, {over} over the limit\nqueued p99 {p99}",
        (0, 1),
        (0, 5),
        xycoords="axes fraction",
        textcoords="offset points",
        va="bottom",
    )


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
    axis.axhline(run.limit, color="black", lw=1, ls=(0, (4, 2)))


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
    """Return every span of a run in order, None where no step began."""
    buckets = run.series.buckets
    return [buckets.get(number) for number in range(max(buckets, default=0) + 1)]


def edges_of(run: Measurements, unit_us: int) -> list[float]:
    """Return where the spans of a run begin, and where the last one ends."""
    return [number * run.series.width_us / unit_us for number in range(len(spans(run)) + 1)]
