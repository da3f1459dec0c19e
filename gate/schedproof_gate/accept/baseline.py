"""The baseline: the findings that were there when it was written, in the form of other accepted findings."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from schedproof_gate.accept.acceptance import Acceptance, AcceptanceKind, absolute
from schedproof_gate.accept.entries import EntryPlace, entries_of, read_acceptances
from schedproof_gate.deployment.given import Given, Origin
from schedproof_gate.deployment.json_text import read_json
from schedproof_gate.deployment.text_file import read_text
from schedproof_gate.errors import InputError
from schedproof_gate.report.report import Report, Result, Subject
from schedproof_spec import Status

SCHEMA = "schedproof/baseline/1"
REASON = "was there when the baseline was written"


def read_baseline(path: Path, rules: Sequence[str]) -> tuple[Acceptance, ...]:
    """Return the findings of a baseline.

    Raises:
        InputError: the file cannot be used; the message says where and why.
    """
    source = str(path)
    document = read_json(read_text(path), source)
    place = EntryPlace(kind=AcceptanceKind.BASELINE, source=source, root=path.parent)
    entries = entries_of(document, place, ["schema", "accept"])
    assert isinstance(document.value, dict)
    schema = document.value.get("schema")
    advice = "write it with --write-baseline"
    if schema is None:
        raise InputError("is not a baseline: `schema` is missing", source=source, line=1, advice=advice)
    if Given(value=schema.value, origin=Origin(source, schema.line, "schema")).text() != SCHEMA:
        raise Origin(source, schema.line, "schema").error(f"is not {SCHEMA}", advice)
    return read_acceptances(entries, place, rules)


def baseline_text(report: Report, path: Path) -> str:
    """Return what to write to `path`: everything of a report that counts, or that a baseline accepts already.

    Entries that a person gave a reason or a last day keep them; those without a finding are left out.
    """
    entries = {
        (subject.file, result.invariant, result.status): entry_of(subject, result, path)
        for subject in report.subjects
        for result in subject.results
        if result.status is not Status.HELD and (report.counts(result) or is_of_baseline(result))
    }
    return json.dumps({"schema": SCHEMA, "accept": unique(entries.values())}, indent=2, ensure_ascii=False) + "\n"


def is_of_baseline(result: Result) -> bool:
    """Return whether it is a baseline that accepts a result."""
    return result.accepted is not None and result.accepted.kind is AcceptanceKind.BASELINE


def entry_of(subject: Subject, result: Result, path: Path) -> dict[str, Any]:
    """Return the entry for one finding."""
    relative = os.path.relpath(absolute(subject.file), absolute(str(path.parent)))
    known = result.accepted if is_of_baseline(result) else None
    entry = {"files": Path(relative).as_posix(), "invariant": result.invariant, "status": result.status.value}
    entry["reason"] = REASON if known is None else known.reason
    if known is not None and known.until is not None:
        entry["until"] = known.until.isoformat()
    return entry


def unique(entries: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return each entry once, in order."""
    return list({json.dumps(entry): entry for entry in entries}.values())
