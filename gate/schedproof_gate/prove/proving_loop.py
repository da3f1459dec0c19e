"""Asks the prover about a step loop, for every limit and any number of requests."""

from __future__ import annotations

import dataclasses
from typing import Any

from schedproof.step_loop import StepLoop
from schedproof_gate.accept.selection import Selection
from schedproof_gate.own_policy import spelling_of
from schedproof_gate.prove.place import place_in_message, place_of_class
from schedproof_gate.prove.replaying_loop import replay_command
from schedproof_gate.report.progress import Tell
from schedproof_gate.report.report import Result, Subject
from schedproof_gate.report.wording import plural
from schedproof_spec import LOOP_RULES, LoopVerdict, Status, decide_loop

SCOPE = "every state of every limit that it starts with"
ENGINE = "step loop"


def prove_loop(loop: StepLoop[Any, Any], selection: Selection, tell: Tell) -> Subject:
    """Return how a loop fares with each rule that is selected; all of them are proved at once."""
    tell(f"{loop.name}: {plural(len(LOOP_RULES), 'rule')}")
    decided = decide_loop(loop)
    chosen = [verdict for verdict in decided.verdicts if selection.why_not(verdict.rule) is None]
    return Subject(
        source=spelling_of(loop),
        file=place_of_class(loop).file,
        engine=f"{ENGINE} {loop.name}",
        policy="",
        config={},
        results=tuple(result_of(verdict, loop) for verdict in chosen),
        scope=SCOPE,
        not_checked=selection.left_out(LOOP_RULES),
    )


def result_of(verdict: LoopVerdict, loop: StepLoop[Any, Any]) -> Result:
    """Return a verdict with what shows it and the class's place; of an open one, the line that keeps it open."""
    rule, run = LOOP_RULES[verdict.rule], verdict.run
    place = place_of_class(loop)
    if verdict.status is Status.UNDECIDED:
        place = place_in_message(verdict.message, loop)
    message, state = verdict.message, verdict.lines
    if run is not None:
        steps, requests = plural(run.num_steps, "step"), plural(len(run.arrivals), "request")
        message = f"a run of {steps} from an empty engine breaks it, with {requests}"
        fields = dataclasses.fields(run.limits)
        state = tuple(f"{field.name}: {getattr(run.limits, field.name)}" for field in fields)
        state = (*state, f"num_kv_blocks: {run.num_kv_blocks}")
    return Result(
        invariant=verdict.rule,
        sentence=rule.sentence,
        status=verdict.status,
        scope=verdict.message if verdict.status is Status.HELD else "",
        consequence=rule.consequence,
        message="" if verdict.status is Status.HELD else message,
        file=place.file,
        line=place.line,
        witness=None if run is None else run.to_json(),
        state=state,
        run=() if run is None else verdict.lines,
        replay="" if run is None else replay_command(loop, run),
    )
