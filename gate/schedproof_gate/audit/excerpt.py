"""Writes the fewest neighbouring lines of a trace that show a violation on their own."""

from __future__ import annotations

from pathlib import Path

from schedproof.step_record import header_line
from schedproof_gate.audit.tally import Finding
from schedproof_gate.audit.traces.blocks import read_blocks
from schedproof_gate.audit.traces.forms import SCHEDPROOF, TraceForm
from schedproof_gate.report.output import replaced

OPTION = "--excerpt"


def write_excerpt(target: Path, trace: Path, form: TraceForm, finding: Finding) -> None:
    """Write the lines of a finding, below the header that is in force there; memory does not grow with them.

    A rule about one step needs that step's line; the order of a request's chunks every line from its last chunk on.

    Raises:
        InputError: the file cannot be written.
    """
    with replaced(target, OPTION) as file:
        if finding.header is not None:
            file.write(header_line(finding.header).encode())
        for block in read_blocks(trace):
            first = max(finding.first_line - block.first_line, 0)
            last = finding.line - block.first_line
            if last < 0:
                return
            for text in block.lines[first : last + 1]:
                if form is not SCHEDPROOF or not text.isspace():
                    file.write(text + b"\n")
