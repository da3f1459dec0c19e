"""One report, five forms."""

from collections.abc import Callable

from schedproof_gate.report.renderers.github import render_github
from schedproof_gate.report.renderers.json import render_json
from schedproof_gate.report.renderers.junit import render_junit
from schedproof_gate.report.renderers.sarif import render_sarif
from schedproof_gate.report.renderers.text import render_text
from schedproof_gate.report.report import Report

RENDERERS: dict[str, Callable[[Report], str]] = {
    "text": render_text,
    "json": render_json,
    "junit": render_junit,
    "sarif": render_sarif,
    "github": render_github,
}
