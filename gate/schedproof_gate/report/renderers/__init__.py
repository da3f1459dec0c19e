"""One report, five forms; each is loaded when it is asked for."""

import importlib
from collections.abc import Callable
from functools import partial

from schedproof_gate.report.report import Report

Renderer = Callable[[Report], str]


def rendered(form: str, report: Report) -> str:
    """Return a report in one of the forms."""
    module = importlib.import_module(f"{__name__}.{form}")
    render: Renderer = getattr(module, f"render_{form}")
    return render(report)


RENDERERS: dict[str, Renderer] = {
    form: partial(rendered, form) for form in ("text", "json", "junit", "sarif", "github")
}
