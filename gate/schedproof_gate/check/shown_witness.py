"""What people are shown of a witness: what it is in a sentence, what it does, and the command that replays it."""

from __future__ import annotations

import json
import shlex

from schedproof import Policy
from schedproof_gate.own_policy import spelling_of
from schedproof_gate.report.wording import plural
from schedproof_spec import ConfigWitness, Consequence, Invariant, RunWitness, Verdict, Witness


def found_text(verdict: Verdict) -> str:
    """Return what was found, in the names of the configuration; empty where the rule's sentence says it."""
    witness = verdict.witness
    if isinstance(witness, RunWitness):
        num_requests = sum(arrival.times for arrival in witness.arrivals)
        return (
            f"a run of {plural(witness.num_steps, 'step')} from an empty engine breaks it, "
            f"with {plural(num_requests, 'request')}"
        )
    if witness is not None and witness.note:
        return witness.note
    return "" if verdict.message == verdict.invariant else verdict.message


def consequence_of(verdict: Verdict, invariant: Invariant) -> Consequence:
    """Return what a violation does to people; a bound that is kept and that no step attains wastes memory alone."""
    is_never_attained = isinstance(verdict.witness, ConfigWitness) and verdict.witness.note != ""
    return Consequence.COST if is_never_attained else invariant.consequence


def replay_lines(witness: Witness, invariant: Invariant, policy: Policy) -> tuple[str, ...]:
    """Return what the engine's functions do with a witness, a line each."""
    return tuple(witness.replay(invariant, policy).lines)


def replay_command(invariant: Invariant, policy: Policy, witness: Witness) -> str:
    """Return the command that runs a witness through the engine's functions, for a shell."""
    state = json.dumps(witness.to_json(), separators=(",", ":"))
    words = ["schedproof", "explain", invariant.name, "--policy", spelling_of(policy), "--state", state]
    return shlex.join(words)
