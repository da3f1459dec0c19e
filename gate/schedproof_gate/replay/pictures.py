"""The picture of a replay as PNG: a column for each policy, with its steps, its KV blocks and its queue."""

from __future__ import annotations

import importlib.util
import textwrap
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schedproof_gate.errors import COMMAND_LINE, InputError, shown
from schedproof_gate.replay.findings import Replay
from schedproof_gate.replay.measurements import Measurements
from schedproof_gate.replay.panels import (
    BLOCKS,
    DECODE,
    INK,
    LABELS,
    OVERSHOOT,
    PREFILL,
    STYLE,
    WAITING,
    draw_panels,
    summary,
)
from schedproof_gate.report.output import replaced

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

COLUMNS = 4
"""Policies side by side; more go below."""

COLUMN_INCHES, BLOCK_INCHES = 3.5, 5.6
TITLE_CHARACTER_INCHES, TEXT_CHARACTER_INCHES = 0.115, 0.074
"""Width of a letter, so that lines are broken where they end."""

DOTS_PER_INCH = 100
PANEL_HEIGHTS = (2.4, 1, 1)
MUTED = "#444444"

MAX_NAME = 36
"""Characters of a policy's name that stand above its column."""


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
    """Write the picture as PNG; the same replay gives the same bytes.

    Raises:
        InputError: the file cannot be written.
    """
    with replaced(path, "--png") as file, plotting():
        figure(replay).savefig(file, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})


def plotting() -> AbstractContextManager[None]:
    """Return a context in which a picture looks the same whatever a person has set for others."""
    import matplotlib

    settings: Any = {**matplotlib.rcParamsDefault, **STYLE, "backend": "agg"}
    return matplotlib.rc_context(settings)


def figure(replay: Replay) -> Figure:
    """Return the picture."""
    from matplotlib.figure import Figure

    runs = replay.runs
    blocks = [runs[start : start + COLUMNS] for start in range(0, len(runs), COLUMNS)]
    width = COLUMN_INCHES * min(max(len(runs), 2), COLUMNS)
    head = Head(replay, width)
    heights = [head.height] + [BLOCK_INCHES] * len(blocks)
    picture = Figure(figsize=(width, sum(heights)), layout="constrained")
    parts: Any = picture.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)
    head.draw(parts[0, 0])
    for part, block in zip(parts[1:, 0], blocks, strict=True):
        draw_block(part, block, replay)
    return picture


class Head:
    """What was replayed, and what the colours stand for, in lines that fit the width in inches."""

    def __init__(self, replay: Replay, width: float) -> None:
        plan, config, time = replay.plan, replay.plan.config, replay.plan.step_time
        source, deployment = Path(plan.workload.source).name, Path(replay.deployment.source).name
        title = f"{shown(source)}: {replay.survey.num_requests:,} requests on {shown(deployment)}"
        rest = (
            f"{config.max_num_seqs} slots, {config.tokens_per_seq} tokens a decode, "
            f"{config.num_kv_blocks:,} KV blocks; "
            f"modelled times: {time.base_latency_us / 1000:g} ms a step + "
            f"{time.latency_per_token_us:g} µs a token. "
            "Each point: the largest step of its span; ▼: a step over the limit."
        )
        self.title = textwrap.wrap(title, int(width / TITLE_CHARACTER_INCHES))
        self.rest = textwrap.wrap(rest, int(width / TEXT_CHARACTER_INCHES))
        self.num_columns = 6 if width >= 3 * COLUMN_INCHES else 3
        num_rows = -(-6 // self.num_columns)
        self.height = 0.2 + 0.23 * len(self.title) + 0.18 * len(self.rest) + 0.21 * num_rows

    def draw(self, part: SubFigure) -> None:
        """Draw it."""
        from matplotlib.lines import Line2D
        from matplotlib.patches import Patch

        below_title = 0.05 + 0.23 * len(self.title)
        title, rest = "\n".join(self.title), "\n".join(self.rest)
        part.text(0.01, 1 - 0.04 / self.height, title, fontsize=12, fontweight="bold", va="top")
        part.text(0.01, 1 - below_title / self.height, rest, fontsize=8.5, color=MUTED, va="top")
        handles = [
            Patch(facecolor=DECODE, label="decode"),
            Patch(facecolor=PREFILL, label="prefill"),
            Patch(facecolor=OVERSHOOT, label="over the limit"),
            Line2D([], [], color=INK, lw=1, ls=(0, (4, 2)), label="max_num_batched_tokens"),
            Patch(facecolor=BLOCKS, label="KV blocks"),
            Patch(facecolor=WAITING, label="longest wait"),
        ]
        legend: Any = {"ncols": self.num_columns, "frameon": False, "fontsize": 8.5, "columnspacing": 1.5}
        part.legend(handles=handles, loc="lower left", bbox_to_anchor=(0.0, 0.0), borderaxespad=0.2, **legend)


def draw_block(part: SubFigure, runs: tuple[tuple[str, Measurements], ...], replay: Replay) -> None:
    """Draw policies side by side, on the same scales as every other policy of the replay."""
    columns = len(runs) if len(replay.runs) <= COLUMNS else COLUMNS
    axes = part.subplots(3, columns, squeeze=False, sharex=True, sharey="row", height_ratios=PANEL_HEIGHTS)
    for column, (name, run) in enumerate(runs):
        draw_title(axes[0, column], name, run)
        draw_panels(axes[:, column], run, replay)
    for column in range(len(runs), columns):
        for axis in axes[:, column]:
            axis.remove()
    for axis, label in zip(axes[:, 0], LABELS, strict=True):
        axis.set_ylabel(label)


def draw_title(axis: Axes, name: str, run: Measurements) -> None:
    """Name the policy, and say what it came to."""
    short = name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 1]}…"
    axis.set_title(short, loc="left", fontweight="bold", pad=38)
    place = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "bottom"}
    axis.annotate("\n".join(summary(run)), (0, 1), (0, 11), **place)  # type: ignore[arg-type]
