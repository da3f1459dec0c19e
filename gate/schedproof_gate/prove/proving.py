"""Asks the prover about a policy in every configuration that it starts with."""

from __future__ import annotations

from schedproof import Policy
from schedproof_gate.accept.selection import Selection
from schedproof_gate.check.checking import selected
from schedproof_gate.check.shown_witness import consequence_of, found_text, replay_command, replay_lines
from schedproof_gate.explain.explaining import config_lines
from schedproof_gate.own_policy import spelling_of
from schedproof_gate.prove.place import place_in_message, place_of_class
from schedproof_gate.report.progress import Tell
from schedproof_gate.report.report import Result, Subject
from schedproof_spec import INVARIANTS, RunWitness, Status, Verdict, decide

SCOPE = "every state of every configuration that it starts with"
ENGINE = "fastdeploy"


def prove(policy: Policy, selection: Selection, tell: Tell) -> Subject:
    """Return how a policy fares with each invariant that is selected; `tell` hears which one is next."""
    invariants = selected(selection)
    results = []
    for number, invariant in enumerate(invariants, start=1):
        tell(f"{policy.name}: {invariant.name} ({number} of {len(invariants)})")
        results.append(result_of(decide(invariant, policy), policy))
    return Subject(
        source=spelling_of(policy),
        file=place_of_class(policy).file,
        engine=ENGINE,
        policy=policy.name,
        config={},
        results=tuple(results),
        scope=SCOPE,
        not_checked=selection.left_out(INVARIANTS),
    )


def result_of(verdict: Verdict, policy: Policy) -> Result:
    """Return a verdict with what shows it and the class's place; of an open one, the line that keeps it open."""
    invariant, witness = INVARIANTS[verdict.invariant], verdict.witness
    place = place_of_class(policy)
    if verdict.status is Status.UNDECIDED:
        place = place_in_message(verdict.message, policy)
    config = () if witness is None else config_lines(witness.config)
    lines = () if witness is None else replay_lines(witness, invariant, policy)
    is_run = isinstance(witness, RunWitness)
    return Result(
        invariant=verdict.invariant,
        sentence=invariant.sentence,
        status=verdict.status,
        scope=verdict.scope,
        consequence=consequence_of(verdict, invariant),
        message=found_text(verdict),
        settled_by=verdict.settled_by,
        file=place.file,
        line=place.line,
        witness=None if witness is None else witness.to_json(),
        state=config if is_run else (*config, *lines),
        run=lines if is_run else (),
        replay="" if witness is None else replay_command(invariant, policy, witness),
    )
