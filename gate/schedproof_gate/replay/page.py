"""A replay as one HTML page that needs nothing else: figures, picture, violations, and what was assumed."""

from __future__ import annotations

from html import escape
from pathlib import Path

from schedproof_gate.replay.figures import DARK, LIGHT, html_figures, variables
from schedproof_gate.replay.figures import STYLE as FIGURES_STYLE
from schedproof_gate.replay.findings import Replay, assumptions
from schedproof_gate.replay.tables import (
    Figures,
    configuration_sentence,
    kept_sentence,
    refusal_sentences,
    token_figures,
    violated,
    violation_figures,
    waiting_figures,
    workload_sentence,
)
from schedproof_gate.report.output import replaced
from schedproof_gate.report.renderers.text import sentence, settled_notes
from schedproof_gate.report.report import Report

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem auto;
  max-width: 76rem; padding: 0 1rem; overflow-wrap: break-word; }
h1 { font-size: 1.4rem; overflow-wrap: anywhere; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.verdict { font-weight: 700; } .violated { color: var(--violated); } .held { color: var(--held); }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .9rem .25rem 0; text-align: right; border-bottom: 1px solid var(--grid); }
th { font-weight: 600; vertical-align: bottom; } .name { text-align: left; }
.scroll { overflow-x: auto; }
"""
COLOURS = f"""
:root {{ color-scheme: light dark; {variables(LIGHT)} }}
@media (prefers-color-scheme: dark) {{ :root {{ {variables(DARK)} }} }}
"""


def write_page(replay: Replay, report: Report, path: Path) -> None:
    """Write the page.

    Raises:
        InputError: the file cannot be written.
    """
    page = render_page(replay, report)
    with replaced(path, "--html") as file:
        file.write(page.encode("utf-8"))


def render_page(replay: Replay, report: Report) -> str:
    """Return the page; the same replay gives the same text."""
    heading = f"{replay.deployment.source}, replayed with {replay.plan.workload.source}"
    violations = violation_figures(replay)
    notes = (*replay.notes, *assumptions(replay), *settled_notes(report))
    parts = [
        f"<h1>{escape(heading)}</h1>",
        f'<p><span class="verdict {report.verdict.value}">{report.verdict.value}</span>. '
        f"{escape(workload_sentence(replay))} {escape(configuration_sentence(replay))}</p>",
        *(f"<p>{escape(refusal)}</p>" for refusal in refusal_sentences(replay)),
        html_table(token_figures(replay)),
        html_table(waiting_figures(replay)),
        html_figures(replay) if replay.runs else "",
        "<h2>Violated invariants</h2>" if violations.rows else "",
        html_table(violations),
        *sentences_of_violated(replay),
        f"<p>{escape(kept_sentence(replay))}.</p>" if kept_sentence(replay) else "",
        "<h2>What the figures assume</h2>",
        "<ul>",
        *(f"<li>{escape(sentence(note))}</li>" for note in notes),
        "</ul>",
    ]
    body = "\n".join(part for part in parts if part)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(heading)}</title>\n<style>{COLOURS}{STYLE}{FIGURES_STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def html_table(figures: Figures) -> str:
    """Return a table; nothing when it has no rows."""
    if not figures.rows:
        return ""
    headings = [heading.replace("- ", "-") for heading in figures.headings]
    head = "".join(cell("th", text, number < figures.num_names) for number, text in enumerate(headings))
    rows = "\n".join(
        "<tr>" + "".join(cell("td", text, number < figures.num_names) for number, text in enumerate(row)) + "</tr>"
        for row in figures.rows
    )
    return f'<div class="scroll"><table>\n<tr>{head}</tr>\n{rows}\n</table></div>'


def cell(tag: str, text: str, is_name: bool) -> str:
    """Return one cell."""
    kind = ' class="name"' if is_name else ""
    return f"<{tag}{kind}>{escape(text)}</{tag}>"


def sentences_of_violated(replay: Replay) -> list[str]:
    """Return what each violated invariant says."""
    return [
        f"<p><b>{escape(invariant.name)}</b> ({escape(invariant.consequence)}): {escape(invariant.sentence)}</p>"
        for invariant in violated(replay)
    ]
