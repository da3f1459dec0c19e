"""Runs a run of a step loop again, on numbers: the words of ``schedproof prove MODULE:CLASS --state``."""

from __future__ import annotations

import json
import shlex
from typing import Any

from schedproof.step_loop import StepLoop
from schedproof_gate.errors import COMMAND_LINE, InputError
from schedproof_gate.explain.state import text_of_state
from schedproof_gate.own_policy import OwnRule, spelling_of
from schedproof_spec import LoopRun, refusal_of_loop, replay_loop

ADVICE = "give a run as `schedproof prove` prints it"


def replay_command(loop: StepLoop[Any, Any], run: LoopRun) -> str:
    """Return the command that runs a run again, for a shell."""
    state = json.dumps(run.to_json(), separators=(",", ":"))
    return shlex.join(["schedproof", "prove", spelling_of(loop), "--state", state])


def replay_text(rule: OwnRule, state: str) -> tuple[str, bool]:
    """Return what a loop does in the run of ``--state``, and whether it keeps every rule.

    Raises:
        InputError: the rule is no loop, or cannot be read, or the state is no run of it.
    """
    if not isinstance(rule, StepLoop):
        raise InputError(
            "speaks of a step loop, and this is a Policy",
            source=COMMAND_LINE,
            key="--state",
            advice="ask `schedproof explain NAME --policy MODULE:CLASS --state JSON`",
        )
    refusal = refusal_of_loop(rule)
    if refusal is not None:
        raise InputError(refusal, source=COMMAND_LINE, key="MODULE:CLASS", advice="mend the loop, then ask again")
    source, text = text_of_state(state)
    try:
        found = replay_loop(rule, LoopRun.from_json(json.loads(text), rule.limits_type))
    except ValueError as error:
        raise InputError(str(error), source=source, key="--state", advice=ADVICE) from None
    return "\n".join(found.lines) + "\n", not found.broken
