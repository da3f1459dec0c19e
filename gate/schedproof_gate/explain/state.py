"""The witness of ``--state``: read, and run through the engine's own functions."""

from __future__ import annotations

import json
from pathlib import Path

import click

from schedproof import Policy
from schedproof_gate.deployment.json_text import read_json
from schedproof_gate.deployment.text_file import MAX_FILE_BYTES, read_text
from schedproof_gate.errors import COMMAND_LINE, InputError
from schedproof_gate.report.renderers.text import sentence, styled, wrapped
from schedproof_spec import ConfigWitness, Invariant, RunWitness, Status, Witness
from schedproof_spec.prover.context import AssumptionFailedError, ConcreteContext
from schedproof_spec.states.domain import the_config
from schedproof_spec.states.ledger import nothing
from schedproof_spec.verdicts.witness import read_witness

ADVICE = "give a state as `schedproof check` prints it"


def text_of_state(state: str) -> tuple[str, str]:
    """Return where the words of ``--state`` stand, and their text, which is JSON.

    Raises:
        InputError: no JSON, or too long, or a file that cannot be read.
    """
    source, text = COMMAND_LINE, state
    if state.startswith("@"):
        path = Path(state[1:])
        source, text = str(path), read_text(path)
    elif len(text) > MAX_FILE_BYTES:
        raise InputError("the state is too long", source=source, key="--state", advice="put it in a file")
    read_json(text, source, key="--state")
    return source, text


def read_state(state: str, invariant: Invariant) -> Witness:
    """Return the witness of ``--state``: JSON, or ``@FILE`` with JSON in it.

    Raises:
        InputError: not the JSON of a witness of this invariant.
    """
    source, text = text_of_state(state)
    try:
        witness = read_witness(json.loads(text), invariant)
    except ValueError as error:
        raise InputError(str(error), source=source, key="--state", advice=ADVICE) from None
    is_run_missing = isinstance(witness, ConfigWitness) and not witness.note and invariant.on_run is not None
    if is_run_missing:
        raise InputError(
            f"{invariant.name} speaks of runs, and there are no `arrivals`",
            source=source,
            key="--state",
            advice=ADVICE,
        )
    return witness


def replay_text(invariant: Invariant, policy: Policy, witness: Witness) -> tuple[str, bool]:
    """Return what the engine does with a witness, step by step, and whether the invariant holds in it.

    Raises:
        InputError: the engine does not get there.
    """
    what = "run" if isinstance(witness, RunWitness) else "configuration"
    try:
        if isinstance(witness, ConfigWitness) and not witness.note:
            require_numbers(invariant, policy, witness)
        replay = witness.replay(invariant, policy)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        reason = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        raise InputError(
            f"policy {policy.name} has no such {what}: {reason}",
            source=COMMAND_LINE,
            key="--state",
            advice=ADVICE,
        ) from None
    verdict = Status.HELD if replay.holds else Status.VIOLATED
    lines = [
        f"{styled(verdict)}  {click.style(invariant.name, bold=True)} in this {what}, policy {policy.name}",
        *wrapped(sentence(invariant.sentence), 2),
        "",
        *(line for text in replay.lines for line in wrapped(text, 2)),
    ]
    return "\n".join(lines) + "\n", replay.holds


def require_numbers(invariant: Invariant, policy: Policy, witness: ConfigWitness) -> None:
    """Ask the rule about numbers, and refuse those about which it says nothing: nothing is held silently.

    Raises:
        ValueError: the engine does not start with them, or a number is missing or out of range.
    """
    problems = policy.problems(witness.config)
    if problems:
        raise ValueError("; ".join(problems))
    context = ConcreteContext(witness.numbers)
    try:
        invariant.proof(context, the_config(witness.config), policy, nothing)
    except AssumptionFailedError as error:
        if not context.failed:
            raise ValueError(str(error) or "the rule says nothing about such numbers") from None
