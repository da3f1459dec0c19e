"""Explains one invariant: what it says, who broke it, and the smallest state that does."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from schedproof import POLICIES, Policy
from schedproof_gate.checking import replay_command
from schedproof_gate.errors import InputError
from schedproof_gate.flags import closest
from schedproof_gate.json_text import read_json
from schedproof_gate.renderers.text import column, labelled, sentence, styled, wrapped
from schedproof_gate.text_file import MAX_FILE_BYTES, read_text
from schedproof_gate.wording import state_lines
from schedproof_spec import INVARIANTS, Invariant, Status, Verdict, Witness, decide

SCHEMA = "schedproof/explanation/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """An invariant and how each policy fares with it, in every state and configuration."""

    invariant: Invariant
    verdicts: tuple[Verdict, ...]


def explain(invariant: Invariant, policies: Iterable[Policy]) -> Explanation:
    """Decide an invariant for these policies."""
    return Explanation(invariant=invariant, verdicts=tuple(decide(invariant, policy) for policy in policies))


def invariant_named(name: str) -> Invariant:
    """Return an invariant.

    Raises:
        InputError: there is no such invariant.
    """
    if name not in INVARIANTS:
        close = closest(name, INVARIANTS, similarity=0.6)
        advice = f"did you mean {close}?" if close else f"give one of: {', '.join(INVARIANTS)}"
        raise InputError("unknown invariant", source="command line", key=name, advice=advice)
    return INVARIANTS[name]


def read_state(state: str) -> Witness:
    """Return the witness of ``--state``: JSON, or ``@FILE`` with JSON in it.

    Raises:
        InputError: not the JSON of a witness.
    """
    source, text = "command line", state
    if state.startswith("@"):
        path = Path(state[1:])
        source, text = str(path), read_text(path)
    elif len(text) > MAX_FILE_BYTES:
        raise InputError("the state is too long", source=source, key="--state", advice="put it in a file")
    read_json(text, source, key="--state")
    try:
        return Witness.from_json(json.loads(text))
    except ValueError as error:
        raise InputError(
            str(error), source=source, key="--state", advice="give a state as `schedproof check` prints it"
        ) from None


def replay_text(invariant: Invariant, policy: Policy, witness: Witness) -> tuple[str, bool]:
    """Return the run of a witness step by step, and whether the invariant holds in it.

    Raises:
        InputError: the engine's functions have no result for such numbers.
    """
    try:
        replay = witness.replay(invariant, policy)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise InputError(
            f"no engine gets into this state ({type(error).__name__}: {error})",
            source="command line",
            key="--state",
            advice="give a state as `schedproof check` prints it",
        ) from None
    verdict = Status.HELD if replay.holds else Status.VIOLATED
    lines = [
        f"{styled(verdict)}  {click.style(invariant.name, bold=True)} in this state, policy {policy.name}",
        *wrapped(sentence(invariant.sentence), 2),
        "",
        *(line for text in replay.lines for line in wrapped(text, 2)),
    ]
    return "\n".join(lines) + "\n", replay.holds


def explanation_text(explanation: Explanation) -> str:
    """Return an explanation for a person."""
    invariant = explanation.invariant
    lines = [
        f"{click.style(invariant.name, bold=True)}  ({invariant.family})",
        *wrapped(sentence(invariant.sentence), 2),
        "",
        *wrapped(sentence(invariant.origin), 2),
        "",
        "  The predicate, as it is proved:",
        *(f"    {line}" for line in invariant.formula.splitlines()),
        "",
        "  Policies, over every configuration that they start with:",
    ]
    width = max(len(verdict.policy) for verdict in explanation.verdicts)
    for verdict in explanation.verdicts:
        scope = f"  {verdict.scope}" if verdict.scope else ""
        lines.append(f"    {verdict.policy:<{width}}  {styled(verdict.status)}{scope}")
    smallest = newest_violation(explanation.verdicts)
    if smallest is not None and smallest.witness is not None:
        witness = smallest.witness
        command = replay_command(invariant, POLICIES[smallest.policy], witness)
        lines += [
            "",
            *wrapped(f"The smallest state in which {smallest.policy} breaks it:", 2),
            *labelled("found", sentence(smallest.message)),
            *column("state", state_lines(witness)),
            *column("run", tuple(witness.replay(invariant, POLICIES[smallest.policy]).lines)),
            f"    {'replay':<10}{command}",
        ]
    return "\n".join(lines) + "\n"


def newest_violation(verdicts: tuple[Verdict, ...]) -> Verdict | None:
    """Return the last violation; policies come oldest first."""
    violations = [verdict for verdict in verdicts if verdict.status is Status.VIOLATED]
    return violations[-1] if violations else None


def explanation_json(explanation: Explanation) -> str:
    """Return an explanation as JSON."""
    invariant = explanation.invariant
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "invariant": invariant.name,
        "family": invariant.family,
        "sentence": invariant.sentence,
        "formula": invariant.formula,
        "origin": invariant.origin,
        "policies": [
            {
                "policy": verdict.policy,
                "status": verdict.status.value,
                "scope": verdict.scope,
                "message": verdict.message,
                "witness": None if verdict.witness is None else verdict.witness.to_json(),
            }
            for verdict in explanation.verdicts
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
