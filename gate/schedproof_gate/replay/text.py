"""The report on a replay for a person: a line a policy, so that what one fixed stands beside what it cost."""

from __future__ import annotations

import io
import itertools
import textwrap
from collections.abc import Sequence
from dataclasses import replace

from rich.console import Console
from rich.table import Table

from schedproof_gate.replay.findings import Replay, assumptions
from schedproof_gate.replay.tables import (
    Figures,
    configuration_sentence,
    consequences_sentence,
    kept_sentence,
    refusal_sentences,
    token_figures,
    violation_figures,
    waiting_figures,
    workload_sentence,
)
from schedproof_gate.report.layout import Detail, layout
from schedproof_gate.report.renderers.text import (
    quiet_text,
    sentence,
    settled_notes,
    styled,
    summary_lines,
    uncounted_notes,
    unread_lines,
    wrapped,
)
from schedproof_gate.report.report import Report

WIDEST = 160
"""Columns in which no table is cut; those of a replay fit in 80."""

HEADING_WIDTH = 8

HOW_TO_GO_ON = (
    "`schedproof explain NAME` says what an invariant means; --record writes the steps, as `schedproof audit` reads"
    " them."
)


def render_replays(replays: Sequence[Replay], report: Report) -> str:
    """Return the report on several replays, what was not replayed, and the verdict over all; one has no summary."""
    if layout().detail is Detail.QUIET:
        return quiet_text(report)
    if len(replays) == 1 and not report.unread:
        return render_replay(replays[0], report)
    remaining = iter(report.subjects)
    blocks = []
    for each in replays:
        subjects = tuple(itertools.islice(remaining, len(each.policies)))
        blocks.append(render_replay(each, replace(report, subjects=subjects)))
    blocks += ["\n".join(unread_lines(unread)) + "\n" for unread in report.unread]
    return "\n".join([*blocks, "\n".join(summary_lines(report)) + "\n"])


def render_replay(replay: Replay, report: Report) -> str:
    """Return the report. Colours go away outside a terminal."""
    if layout().detail is Detail.QUIET:
        return quiet_text(report)
    head = [
        f"{styled(report.verdict)}  {replay.deployment.source}, replayed with {replay.plan.workload.source}",
        *wrapped(workload_sentence(replay), 2),
        *wrapped(configuration_sentence(replay), 2),
    ]
    settled = (*uncounted_notes(report.results, report), *settled_notes(report))
    for note in (*replay.notes, *assumptions(replay), *settled):
        head += wrapped(sentence(note), 2)
    blocks = [head]
    blocks += [wrapped(refusal, 2) for refusal in refusal_sentences(replay)]
    for figures in (token_figures(replay), waiting_figures(replay), violation_figures(replay)):
        if figures.rows:
            blocks.append(figure_lines(figures))
    if violation_figures(replay).rows:
        blocks.append(wrapped(f"{consequences_sentence(replay)} {HOW_TO_GO_ON}", 2))
    if kept_sentence(replay):
        blocks.append(wrapped(kept_sentence(replay), 2))
    return "\n".join("\n".join(block) + "\n" for block in blocks)


def figure_lines(figures: Figures) -> list[str]:
    """Return a table as plain lines, its headings broken into short ones."""
    headings = [textwrap.wrap(heading, HEADING_WIDTH) for heading in figures.headings]
    height = max(len(heading) for heading in headings)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for number, heading in enumerate(headings):
        label = "\n".join([""] * (height - len(heading)) + heading)
        table.add_column(label, justify="left" if number < figures.num_names else "right", no_wrap=True)
    for row in figures.rows:
        table.add_row(*row)
    buffer = io.StringIO()
    Console(file=buffer, width=WIDEST, no_color=True, highlight=False).print(table)
    return [f"  {line}".rstrip() for line in buffer.getvalue().splitlines()]
