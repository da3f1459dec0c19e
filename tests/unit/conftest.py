"""Prints what the compiler reports of each kernel: a reader sees it without a GPU."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

COMPILED = "compiled kernel"
"""The property of a test under which it leaves (kernel, registers, bytes spilled)."""


def compiled(reporter: pytest.TerminalReporter) -> Iterator[tuple[str, int, int]]:
    for reports in reporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) == "call":
                yield from (row for kind, row in report.user_properties if kind == COMPILED)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    rows = sorted(compiled(terminalreporter))
    if rows:
        terminalreporter.section("kernels compiled for sm_90")
        terminalreporter.write_line(f"{'kernel':24}{'registers':>10}{'bytes spilled':>15}")
        for name, registers, spilled in rows:
            terminalreporter.write_line(f"{name:24}{registers:>10}{spilled:>15}")
