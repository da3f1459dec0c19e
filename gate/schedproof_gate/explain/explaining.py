"""Explains one invariant: what it says, who broke it, and what shows it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import click

from schedproof import Policy, ServingConfig
from schedproof_gate.check.shown_witness import replay_command, replay_lines
from schedproof_gate.errors import COMMAND_LINE, InputError
from schedproof_gate.misspellings import closest
from schedproof_gate.policies.stored import stored_sentences
from schedproof_gate.report.progress import Tell, silent
from schedproof_gate.report.renderers.text import column, labelled, sentence, styled, wrapped
from schedproof_spec import INVARIANTS, WORK_RULES, Answer, Invariant, RunWitness, Status, Witness, new_answer
from schedproof_spec.verdicts.plain import plain

SCHEMA = "schedproof/explanation/2"


@dataclass(frozen=True, slots=True)
class Decided:
    """How a policy fares with an invariant, in every state and configuration."""

    policy: Policy
    answer: Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """An invariant, and how each policy fares with it."""

    invariant: Invariant
    decided: tuple[Decided, ...]


def explain(
    invariant: Invariant,
    policies: Iterable[Policy],
    answer: Callable[[Invariant, Policy], Answer] = new_answer,
    tell: Tell = silent,
) -> Explanation:
    """Answer how an invariant fares under these policies; `tell` hears which one is next."""
    decided = []
    for policy in policies:
        tell(f"{invariant.name} under {policy.name}")
        decided.append(Decided(policy, answer(invariant, policy)))
    return Explanation(invariant=invariant, decided=tuple(decided))


def invariant_named(name: str) -> Invariant:
    """Return an invariant.

    Raises:
        InputError: there is no such invariant.
    """
    if name not in INVARIANTS:
        names = (*INVARIANTS, *WORK_RULES)
        close = closest(name, names, similarity=0.6)
        advice = f"did you mean {close}?" if close else f"give one of: {', '.join(names)}"
        raise InputError("unknown invariant", source=COMMAND_LINE, key=name, advice=advice)
    return INVARIANTS[name]


def explanation_text(explanation: Explanation) -> str:
    """Return an explanation for a person."""
    invariant = explanation.invariant
    lines = [
        f"{click.style(invariant.name, bold=True)}  ({invariant.family}; when it breaks: {invariant.consequence})",
        *wrapped(sentence(invariant.sentence), 2),
        "",
        *wrapped(sentence(invariant.origin), 2),
        "",
        "  The predicate, as it is proved:",
        *(f"    {line}" for line in invariant.formula.splitlines()),
        "",
        "  Policies, over every configuration that they start with:",
    ]
    width = max(len(each.policy.name) for each in explanation.decided)
    for each in explanation.decided:
        scope = f"  {each.answer.scope}" if each.answer.scope else ""
        lines.append(f"    {each.policy.name:<{width}}  {styled(each.answer.status)}{scope}")
    newest = newest_violation(explanation.decided)
    if newest is not None and newest.answer.witness is not None:
        lines += ["", *witness_text(invariant, newest, newest.answer.witness)]
    for stored in stored_sentences(each.answer for each in explanation.decided):
        lines += ["", *wrapped(stored, 2)]
    return "\n".join(lines) + "\n"


def newest_violation(decided: tuple[Decided, ...]) -> Decided | None:
    """Return the last violation; policies come oldest first."""
    violations = [each for each in decided if each.answer.status is Status.VIOLATED]
    return violations[-1] if violations else None


def witness_text(invariant: Invariant, broken: Decided, witness: Witness) -> list[str]:
    """Return how a policy breaks an invariant."""
    policy = broken.policy
    what = "A run" if isinstance(witness, RunWitness) else "A configuration"
    return [
        *wrapped(f"{what} in which {policy.name} breaks it:", 2),
        *labelled("found", sentence(broken.answer.message)),
        *column("config", config_lines(witness.config)),
        *column("run" if isinstance(witness, RunWitness) else "state", replay_lines(witness, invariant, policy)),
        f"    {'replay':<10}{replay_command(invariant, policy, witness)}",
    ]


def config_lines(config: ServingConfig) -> tuple[str, ...]:
    """Return what a configuration sets, one field a line."""
    return tuple(f"{name}: {json.dumps(value)}" for name, value in plain(config).items())


def explanation_json(explanation: Explanation) -> str:
    """Return an explanation as JSON."""
    invariant = explanation.invariant
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "invariant": invariant.name,
        "family": invariant.family,
        "consequence": invariant.consequence.value,
        "sentence": invariant.sentence,
        "formula": invariant.formula,
        "origin": invariant.origin,
        "policies": [
            {
                "policy": each.policy.name,
                "status": each.answer.status.value,
                "scope": each.answer.scope,
                "message": each.answer.message,
                "is_stored": each.answer.is_stored,
                "witness": None if each.answer.witness is None else each.answer.witness.to_json(),
            }
            for each in explanation.decided
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
