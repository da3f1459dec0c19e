"""The pictures of a page: one SVG for each policy, whose colours are those that the page has, light or dark."""

from __future__ import annotations

import io
import re
from html import escape

from schedproof_gate.replay.findings import Replay, seconds
from schedproof_gate.replay.measurements import Measurements
from schedproof_gate.replay.panels import (
    BLOCKS,
    DECODE,
    GRID,
    INK,
    LABELS,
    OVERSHOOT,
    PREFILL,
    WAITING,
    draw_panels,
    longest_us,
    summary,
)
from schedproof_gate.replay.pictures import PANEL_HEIGHTS, plotting

INCHES = (3.6, 4.7)

LIGHT = {
    "decode": DECODE,
    "prefill": PREFILL,
    "overshoot": OVERSHOOT,
    "blocks": BLOCKS,
    "waiting": WAITING,
    "ink": INK,
    "grid": GRID,
    "paper": "#ffffff",
    "muted": "#555555",
    "violated": "#a8480a",
    "held": "#00664b",
}
DARK = {
    "decode": "#2f86c6",
    "prefill": "#9ccbee",
    "overshoot": "#ff8a3d",
    "blocks": "#2dbe93",
    "waiting": "#d98abf",
    "ink": "#e8e8e8",
    "grid": "#3a3f44",
    "paper": "#15181b",
    "muted": "#b4b9be",
    "violated": "#ff9d5c",
    "held": "#4fd1a8",
}
"""The same on a dark page, each as far from the paper."""

LEGEND = {
    "decode": "decode",
    "prefill": "prefill",
    "overshoot": "over the limit, ▼ marks each",
    "limit": "max_num_batched_tokens",
    "blocks": "KV blocks",
    "waiting": "longest wait",
}
STYLE = """
.legend { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; font-size: .9rem; }
.legend span { display: inline-block; width: 1rem; height: .8rem; margin-right: .4rem; }
.legend .limit { border-top: 2px dashed var(--ink); height: .3rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); gap: 1.5rem;
  align-items: end; }
figure { margin: 0; min-width: 0; max-width: 28rem; }
figcaption { font-size: .9rem; overflow-wrap: anywhere; }
figcaption b, figcaption span { display: block; } figcaption b { font-size: 1rem; }
figure svg { display: block; width: 100%; height: auto; }
"""

HEAD = re.compile(r"<svg [^>]*?(viewBox=\"[^\"]*\")[^>]*>")
METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)
GROUP = re.compile(r"<g id=\"[^\"]*\"")


def variables(colours: dict[str, str]) -> str:
    """Return colours as CSS variables."""
    return " ".join(f"--{name}: {colour};" for name, colour in colours.items())


def html_figures(replay: Replay) -> str:
    """Return the pictures of all policies, and what their colours stand for; equal replays give equal text."""
    legend = "\n".join(
        f"<li><span {'class=' if name == 'limit' else 'style='}"
        f'"{name if name == "limit" else f"background: var(--{name})"}"></span>{escape(text)}</li>'
        for name, text in LEGEND.items()
    )
    figures = "\n".join(html_figure(number, name, run, replay) for number, (name, run) in enumerate(replay.runs))
    return f'<ul class="legend">\n{legend}\n</ul>\n<div class="figures">\n{figures}\n</div>'


def html_figure(number: int, name: str, run: Measurements, replay: Replay) -> str:
    """Return the picture of one policy with its caption."""
    caption = "".join(f"<span>{escape(line)}</span>" for line in summary(run))
    return (
        f"<figure>\n<figcaption><b>{escape(name)}</b>{caption}</figcaption>\n"
        f"{svg(number, name, run, replay)}\n</figure>"
    )


def svg(number: int, name: str, run: Measurements, replay: Replay) -> str:
    """Return the picture of one policy as an element with a title and a description."""
    from matplotlib import rcParams
    from matplotlib.figure import Figure

    with plotting():
        rcParams["svg.fonttype"] = "none"
        picture = Figure(figsize=INCHES, layout="constrained")
        picture.patch.set_visible(False)
        axes = picture.subplots(3, 1, sharex=True, height_ratios=PANEL_HEIGHTS)
        for axis, label in zip(axes, LABELS, strict=True):
            axis.set_ylabel(label)
            axis.patch.set_visible(False)
        draw_panels(axes, run, replay)
        buffer = io.BytesIO()
        picture.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue().decode("utf-8")
    text = GROUP.sub("<g", METADATA.sub("", text[text.index("<svg") :]))
    for variable, colour in LIGHT.items():
        text = text.replace(colour, f"var(--{variable})")
    title, description = f"title-{number}", f"description-{number}"
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" \\1 role="img" '
        f'aria-labelledby="{title} {description}">'
    )
    named = (
        f'\n <title id="{title}">{escape(name)}</title>'
        f'\n <desc id="{description}">{escape(description_of(run, replay))}</desc>'
    )
    match = HEAD.match(text)
    assert match is not None
    return match.expand(head) + named + text[match.end() :].rstrip()


def description_of(run: Measurements, replay: Replay) -> str:
    """Return in words what the picture of a policy shows."""
    largest = "" if run.worst is None else f", the largest with {run.worst.num_tokens:,} tokens"
    steps, waited = summary(run)
    return (
        f"Three panels over {seconds(longest_us(replay))} s of modelled time: the tokens of each step against the "
        f"limit of {run.limit:,}, the share of {run.num_kv_blocks:,} KV blocks in use, and the longest wait for a "
        f"first step. {steps}{largest}; {waited}."
    )
