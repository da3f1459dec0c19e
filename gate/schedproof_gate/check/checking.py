"""Asks the prover about one deployment."""

from __future__ import annotations

from schedproof import NEWEST, Policy
from schedproof_gate.accept.selection import EVERYTHING, Selection
from schedproof_gate.check.changes import advice_on, refusal, repairs_of_all, repairs_of_one
from schedproof_gate.check.shown_witness import consequence_of, found_text, replay_command, replay_lines
from schedproof_gate.check.startup import accepted
from schedproof_gate.deployment.deployment import Deployment
from schedproof_gate.deployment.engines import ASSUMED
from schedproof_gate.report.place import place_of
from schedproof_gate.report.progress import Tell, silent
from schedproof_gate.report.report import NotApplicable, Repair, Result, Subject, config_json
from schedproof_gate.report.wording import flag_values, in_own_flags
from schedproof_spec import INVARIANTS, Invariant, RunWitness, Status, Verdict, decide
from schedproof_spec.verdicts.crowds import runs_shared


def check(deployment: Deployment, selection: Selection = EVERYTHING, tell: Tell = silent) -> Subject:
    """Return what holds for a deployment under the policy that it names, or under the newest.

    A deployment that the engine refuses to start has no states: only that is reported. What is not selected is
    not decided. `tell` hears what is done next.
    """
    policy, notes = deployment.policy or NEWEST, deployment.notes
    if deployment.policy is None:
        notes = (ASSUMED, *notes)
    problems = policy.problems(deployment.config)
    if problems:
        results = [refusal(deployment, policy, problems)]
        skipped: tuple[NotApplicable, ...] = ()
    else:
        verdicts = verdicts_on(deployment, policy, selection, tell)
        tell(f"{deployment.source}: what to change")
        results = [accepted(deployment), *results_of(verdicts, deployment, policy)]
        skipped = not_applicable(deployment, selection)
        notes = (*notes, *notes_on_runs(verdicts, deployment))
    return Subject(
        source=deployment.source,
        file=deployment.file,
        engine=deployment.engine.name,
        policy=policy.name,
        config=config_json(deployment.config),
        results=tuple(results),
        scope="" if problems else "every state of this configuration",
        not_applicable=skipped,
        not_checked=() if problems else selection.left_out(INVARIANTS),
        notes=notes,
        advice=advice_on(results, deployment.config),
    )


def verdicts_on(deployment: Deployment, policy: Policy, selection: Selection, tell: Tell) -> list[Verdict]:
    """Return what the prover says of each selected invariant that applies."""
    verdicts = []
    with runs_shared():
        for invariant in selected(selection):
            if invariant.applies(deployment.config):
                tell(f"{deployment.source}: {invariant.name}")
                verdicts.append(decide(invariant, policy, deployment.config))
    return verdicts


def selected(selection: Selection) -> list[Invariant]:
    """Return the invariants that are asked for."""
    return [invariant for name, invariant in INVARIANTS.items() if selection.why_not(name) is None]


def not_applicable(deployment: Deployment, selection: Selection) -> tuple[NotApplicable, ...]:
    """Return the selected invariants that say nothing about a deployment."""
    return tuple(
        NotApplicable(invariant=invariant.name, reason=invariant.otherwise)
        for invariant in selected(selection)
        if not invariant.applies(deployment.config)
    )


def notes_on_runs(verdicts: list[Verdict], deployment: Deployment) -> tuple[str, ...]:
    """Return what a reader of the runs has to know, where any is shown."""
    has_run = any(isinstance(verdict.witness, RunWitness) for verdict in verdicts)
    if not has_run or deployment.config.num_kv_blocks is not None:
        return ()
    flag = deployment.spelling("num_kv_blocks")
    return (f"{flag} is not given: runs are shown with a pool that has KV blocks for every slot",)


def results_of(verdicts: list[Verdict], deployment: Deployment, policy: Policy) -> list[Result]:
    """Return the verdicts with the ways out: those that make everything hold or, for lack of any, one invariant."""
    repairs = repairs_of_all(deployment, policy, verdicts)
    own = [() if repairs else repairs_of_one(deployment, policy, verdict, verdicts) for verdict in verdicts]
    return [
        result_of(verdict, deployment, policy, repairs, own_repairs)
        for verdict, own_repairs in zip(verdicts, own, strict=True)
    ]


def result_of(
    verdict: Verdict,
    deployment: Deployment,
    policy: Policy,
    repairs: tuple[Repair, ...],
    own_repairs: tuple[Repair, ...],
) -> Result:
    """Return a verdict with the person's flags, the witness and the command that replays it, and the way out."""
    invariant, witness = INVARIANTS[verdict.invariant], verdict.witness
    is_violated = verdict.status is Status.VIOLATED
    place = place_of(invariant.fields, deployment)
    lines = () if witness is None else replay_lines(witness, invariant, policy)
    is_run = isinstance(witness, RunWitness)
    return Result(
        invariant=verdict.invariant,
        sentence=invariant.sentence,
        status=verdict.status,
        scope=verdict.scope,
        consequence=consequence_of(verdict, invariant),
        message=in_own_flags(found_text(verdict), deployment),
        settled_by=verdict.settled_by,
        file=place.file,
        line=place.line,
        columns=place.columns,
        flags=flag_values(invariant.fields, deployment) if is_violated else (),
        witness=None if witness is None else witness.to_json(),
        state=() if is_run else lines,
        run=lines if is_run else (),
        replay="" if witness is None else replay_command(invariant, policy, witness),
        repairs=repairs if is_violated else (),
        own_repairs=own_repairs,
    )
