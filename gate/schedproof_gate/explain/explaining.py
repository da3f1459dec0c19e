"""Explains one invariant: what it says, who broke it, and the smallest state that does."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from schedproof import POLICIES, Policy, ServingConfig
from schedproof_gate.check.checking import replay_command
from schedproof_gate.deployment.flags import closest
from schedproof_gate.deployment.json_text import read_json
from schedproof_gate.deployment.text_file import MAX_FILE_BYTES, read_text
from schedproof_gate.errors import InputError
from schedproof_gate.report.renderers.text import column, labelled, sentence, styled, wrapped
from schedproof_gate.report.wording import state_lines
from schedproof_spec import (
    INVARIANTS,
    RUN_INVARIANTS,
    WORK_RULES,
    Invariant,
    RunInvariant,
    RunVerdict,
    RunWitness,
    Status,
    Verdict,
    Witness,
    decide,
    decide_run,
)
from schedproof_spec.verdicts.witness import Replay, plain

SCHEMA = "schedproof/explanation/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """An invariant and how each policy fares with it, in every state and configuration."""

    invariant: Invariant | RunInvariant
    verdicts: tuple[Verdict | RunVerdict, ...]


def explain(invariant: Invariant | RunInvariant, policies: Iterable[Policy]) -> Explanation:
    """Decide an invariant for these policies."""
    if isinstance(invariant, RunInvariant):
        return Explanation(
            invariant=invariant, verdicts=tuple(decide_run(invariant, policy) for policy in policies)
        )
    return Explanation(invariant=invariant, verdicts=tuple(decide(invariant, policy) for policy in policies))


def invariant_named(name: str) -> Invariant | RunInvariant:
    """Return an invariant of a step or of many.

    Raises:
        InputError: there is no such invariant.
    """
    found: Invariant | RunInvariant | None = INVARIANTS.get(name) or RUN_INVARIANTS.get(name)
    if found is None:
        names = (*INVARIANTS, *RUN_INVARIANTS, *WORK_RULES)
        close = closest(name, names, similarity=0.6)
        advice = f"did you mean {close}?" if close else f"give one of: {', '.join(names)}"
        raise InputError("unknown invariant", source="command line", key=name, advice=advice)
    return found


def read_state(state: str, invariant: Invariant | RunInvariant) -> Witness | RunWitness:
    """Return the witness of ``--state``: JSON, or ``@FILE`` with JSON in it.

    Raises:
        InputError: not the JSON of a witness of this invariant.
    """
    source, text = "command line", state
    if state.startswith("@"):
        path = Path(state[1:])
        source, text = str(path), read_text(path)
    elif len(text) > MAX_FILE_BYTES:
        raise InputError("the state is too long", source=source, key="--state", advice="put it in a file")
    read_json(text, source, key="--state")
    try:
        data = json.loads(text)
        return RunWitness.from_json(data) if isinstance(invariant, RunInvariant) else Witness.from_json(data)
    except ValueError as error:
        raise InputError(
            str(error), source=source, key="--state", advice="give a state as `schedproof check` prints it"
        ) from None


def replayed(invariant: Invariant | RunInvariant, policy: Policy, witness: Witness | RunWitness) -> Replay:
    """Run the real functions on a witness of the invariant."""
    if isinstance(invariant, RunInvariant):
        assert isinstance(witness, RunWitness)
        return witness.replay(invariant, policy)
    assert isinstance(witness, Witness)
    return witness.replay(invariant, policy)


def replay_text(
    invariant: Invariant | RunInvariant, policy: Policy, witness: Witness | RunWitness
) -> tuple[str, bool]:
    """Return the run of a witness step by step, and whether the invariant holds in it.

    Raises:
        InputError: the engine's functions have no result for such numbers.
    """
    try:
        replay = replayed(invariant, policy, witness)
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
        what = "run" if isinstance(witness, RunWitness) else "state"
        state = config_lines(witness.config) if isinstance(witness, RunWitness) else state_lines(witness)
        lines += [
            "",
            *wrapped(f"The smallest {what} in which {smallest.policy} breaks it:", 2),
            *labelled("found", sentence(smallest.message)),
            *column("config" if isinstance(witness, RunWitness) else "state", state),
            *column("run", tuple(replayed(invariant, POLICIES[smallest.policy], witness).lines)),
            f"    {'replay':<10}{command}",
        ]
    return "\n".join(lines) + "\n"


def config_lines(config: ServingConfig) -> tuple[str, ...]:
    """Return what a run's configuration sets, one field a line."""
    return tuple(f"{name}: {json.dumps(value)}" for name, value in plain(config).items())


def newest_violation(verdicts: tuple[Verdict | RunVerdict, ...]) -> Verdict | RunVerdict | None:
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
