"""Explains a rule of the engine's work on tensors: what it says, which versions keep it, what breaks the others.

Such a rule speaks of functions, the reference's and upstream's, and not of a policy or a configuration.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import click

from schedproof_gate.policies.stored import stored_sentences
from schedproof_gate.report.renderers.text import column, labelled, sentence, styled, wrapped
from schedproof_spec import Status, WorkRule, WorkVerdict, decide_work

SCHEMA = "schedproof/work-explanation/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkExplanation:
    """The parts of a rule, and how each version fares with the part that speaks of it."""

    parts: tuple[WorkRule, ...]
    verdicts: tuple[WorkVerdict, ...]


def explain_work(
    parts: tuple[WorkRule, ...], answer: Callable[[WorkRule], tuple[WorkVerdict, ...]] = decide_work
) -> WorkExplanation:
    """Answer how the versions fare with all parts of a rule."""
    return WorkExplanation(parts=parts, verdicts=tuple(verdict for part in parts for verdict in answer(part)))


def work_text(explanation: WorkExplanation) -> str:
    """Return an explanation for a person."""
    rule = explanation.parts[0]
    lines = [
        f"{click.style(rule.name, bold=True)}  ({rule.family})",
        *wrapped(sentence(rule.sentence), 2),
    ]
    for origin in unique(part.origin for part in explanation.parts):
        lines += ["", *wrapped(sentence(origin), 2)]
    for formula in unique(part.formula for part in explanation.parts):
        lines += ["", "  The predicate, as it is proved:", *(f"    {line}" for line in formula.splitlines())]
    lines += ["", "  Versions, each over what its proof speaks of:"]
    for verdict in explanation.verdicts:
        gap = " " * (len(Status.VIOLATED.value) + 2 - len(verdict.status.value))
        lines.append(f"    {styled(verdict.status)}{gap}{verdict.version.name} ({verdict.version.source})")
        lines += wrapped(sentence(verdict.rule.scope), 14)
    for verdict in explanation.verdicts:
        if verdict.smallest is not None:
            numbers = tuple(f"{name}: {value}" for name, value in verdict.smallest.items())
            lines += [
                "",
                *wrapped(f"The smallest state in which '{verdict.version.name}' breaks it:", 2),
                *labelled("found", sentence(verdict.message)),
                *column("state", numbers),
            ]
        elif verdict.status is not Status.HELD:
            lines += ["", *wrapped(f"'{verdict.version.name}': {verdict.message}", 2)]
    for stored in stored_sentences(explanation.verdicts):
        lines += ["", *wrapped(stored, 2)]
    return "\n".join(lines) + "\n"


def work_json(explanation: WorkExplanation) -> str:
    """Return an explanation as JSON."""
    rule = explanation.parts[0]
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "invariant": rule.name,
        "family": rule.family,
        "sentence": rule.sentence,
        "parts": [
            {
                "formula": part.formula,
                "origin": part.origin,
                "scope": part.scope,
                "versions": [
                    {
                        "version": verdict.version.name,
                        "source": verdict.version.source,
                        "status": verdict.status.value,
                        "message": verdict.message,
                        "is_stored": verdict.is_stored,
                        "smallest": verdict.smallest,
                    }
                    for verdict in explanation.verdicts
                    if verdict.rule is part
                ],
            }
            for part in explanation.parts
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def unique(texts: Iterable[str]) -> list[str]:
    """Return each text once, in order."""
    return list(dict.fromkeys(texts))
