"""The matrix policy by invariant: as a table, as JSON, and as the block of a README."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from schedproof import POLICIES, Policy
from schedproof_gate.deployment.text_file import read_text
from schedproof_gate.errors import InputError
from schedproof_gate.own_policy import source_of, summary_of
from schedproof_gate.policies.stored import stored_sentences
from schedproof_gate.report.layout import has_colours, layout
from schedproof_spec import INVARIANTS, Answer, Status

SCHEMA = "schedproof/policies/2"
BEGIN = "<!-- policies:begin -->"
END = "<!-- policies:end -->"

SYMBOLS = {Status.HELD: "✓", Status.VIOLATED: "✗", Status.UNDECIDED: "?", Status.VACUOUS: "-"}
COLOURS = {Status.HELD: "green", Status.VIOLATED: "red", Status.UNDECIDED: "yellow", Status.VACUOUS: "yellow"}
LEGEND = "✓ held in every state of every configuration  ✗ violated  ? undecided  - vacuous"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
NAME_WIDTH, COLUMN_WIDTH = 29, 3
"""Characters that the table's columns take; it loses none of them where it is wider than the layout."""
COLUMNS = [*LETTERS, *(first + second for first in LETTERS for second in LETTERS)]


class Matrix:
    """Answers by invariant and policy, a person's own policies behind the versions."""

    def __init__(self, answers: Iterable[Answer], own: Iterable[Policy] = ()) -> None:
        self.known = POLICIES | {policy.name: policy for policy in own}
        self.cells = {(answer.invariant, answer.policy): answer for answer in answers}
        self.policies = [name for name in self.known if any(policy == name for _, policy in self.cells)]
        self.invariants = [name for name in INVARIANTS if any(invariant == name for invariant, _ in self.cells)]

    @property
    def is_decided(self) -> bool:
        """Whether every cell is held or violated."""
        return all(cell.status in (Status.HELD, Status.VIOLATED) for cell in self.cells.values())


def matrix_text(matrix: Matrix) -> str:
    """Return the table: a letter for each policy, and what the letters stand for."""
    letters = dict(zip(matrix.policies, COLUMNS, strict=False))
    table = Table(box=None, pad_edge=False, padding=(0, 1))
    table.add_column("invariant", no_wrap=True)
    for policy in matrix.policies:
        table.add_column(letters[policy], justify="center")
    for invariant in matrix.invariants:
        statuses = [matrix.cells[invariant, policy].status for policy in matrix.policies]
        table.add_row(invariant, *(f"[{COLOURS[status]}]{SYMBOLS[status]}[/]" for status in statuses))
    names = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1))
    for policy in matrix.policies:
        names.add_row(letters[policy], policy, described(matrix.known[policy]))
    buffer = io.StringIO()
    console = Console(
        file=buffer,
        width=max(layout().width, NAME_WIDTH + COLUMN_WIDTH * len(matrix.policies)),
        force_terminal=has_colours(),
        no_color=not has_colours(),
        highlight=False,
    )
    for part in (table, "", names, "", LEGEND, *stored_sentences(matrix.cells.values())):
        console.print(part)
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


def described(policy: Policy) -> str:
    """Return what a policy does, and where it comes from."""
    return f"{summary_of(policy)} ({source_of(policy)})"


def matrix_json(matrix: Matrix) -> str:
    """Return the matrix with the witness of every violation."""
    document = {
        "schema": SCHEMA,
        "policies": [
            {"name": name, "source": source_of(matrix.known[name]), "summary": summary_of(matrix.known[name])}
            for name in matrix.policies
        ],
        "invariants": [
            {
                "name": name,
                "family": INVARIANTS[name].family,
                "consequence": INVARIANTS[name].consequence.value,
                "sentence": INVARIANTS[name].sentence,
            }
            for name in matrix.invariants
        ],
        "cells": [
            {
                "invariant": cell.invariant,
                "policy": cell.policy,
                "status": cell.status.value,
                "scope": cell.scope,
                "message": cell.message,
                "is_stored": cell.is_stored,
                "witness": None if cell.witness is None else cell.witness.to_json(),
            }
            for cell in matrix.cells.values()
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def matrix_markdown(matrix: Matrix) -> str:
    """Return the matrix as a Markdown table with a legend."""
    lines = [
        "| | " + " | ".join(matrix.policies) + " |",
        "|:--|" + ":-:|" * len(matrix.policies),
    ]
    for invariant in matrix.invariants:
        symbols = [SYMBOLS[matrix.cells[invariant, policy].status] for policy in matrix.policies]
        lines.append(f"| `{invariant}` | " + " | ".join(symbols) + " |")
    return "\n".join([*lines, "", LEGEND.replace("  ", " · ")]) + "\n"


def with_block(text: str, block: str, source: str) -> str:
    """Return a document with the text between its two markers replaced.

    Raises:
        InputError: the markers are not there, once each and in order.
    """
    begin, end = text.find(BEGIN), text.find(END)
    if begin < 0 or end < begin or text.count(BEGIN) != 1 or text.count(END) != 1:
        raise InputError(f"needs {BEGIN} and {END}, once each", source=source, advice="add the two lines")
    return f"{text[: begin + len(BEGIN)]}\n{block}{text[end:]}"


def updated(path: Path, matrix: Matrix) -> tuple[str, str]:
    """Return a document as it is and with the current matrix.

    Raises:
        InputError: the file cannot be read or has no markers.
    """
    text = read_text(path)
    return text, with_block(text, matrix_markdown(matrix), str(path))
