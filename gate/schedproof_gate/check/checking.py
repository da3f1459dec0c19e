"""Asks the prover about one deployment."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
from collections.abc import Iterable
from typing import Any

from schedproof import NEWEST, REFERENCE, Policy, ServingConfig
from schedproof_gate.deployment.deployment import Deployment
from schedproof_gate.report.report import STARTUP, FlagChange, NotApplicable, Repair, Result, Subject
from schedproof_gate.report.wording import flag_values, in_own_flags, state_lines
from schedproof_spec import (
    INVARIANTS,
    Change,
    Invariant,
    RunInvariant,
    RunWitness,
    Status,
    Verdict,
    Witness,
    decide,
    find_repairs,
    find_repairs_of,
)

STARTUP_SENTENCE = "the engine's own start-up checks accept the configuration"
STARTUP_SCOPE = "this configuration"


def check(deployment: Deployment, policy: Policy | None = None) -> Subject:
    """Return what holds for a deployment under a policy, or under the one that the deployment names.

    A deployment that the engine refuses to start has no states: only that is reported.
    """
    chosen = policy or deployment.policy
    engine_version = chosen or NEWEST
    notes = deployment.notes
    if chosen is None:
        notes = (f"no policy is given: assuming {NEWEST.name}, the newest published version", *notes)
    applicable = [invariant for invariant in INVARIANTS.values() if invariant.applies(deployment.config)]
    problems = engine_version.problems(deployment.config)
    if problems:
        results = [refusal(problems, deployment, engine_version)]
    else:
        verdicts = [decide(invariant, engine_version, deployment.config) for invariant in applicable]
        violated = [verdict for verdict in verdicts if verdict.status is Status.VIOLATED]
        fields = [field for verdict in violated for field in INVARIANTS[verdict.invariant].fields]
        repairs = in_own_spelling(
            find_repairs(engine_version, deployment.config, verdicts, changeable(fields, deployment)), deployment
        )
        results = [acceptance(deployment)]
        for verdict in verdicts:
            own = () if repairs else own_repairs_of(deployment, engine_version, verdict, verdicts)
            results.append(result_of(verdict, deployment, engine_version, repairs, own))
    return Subject(
        source=deployment.source,
        engine=deployment.engine.name,
        policy=engine_version.name,
        config=config_json(deployment.config),
        results=tuple(results),
        not_applicable=()
        if problems
        else tuple(
            NotApplicable(invariant=invariant.name, reason=invariant.otherwise)
            for invariant in INVARIANTS.values()
            if invariant not in applicable
        ),
        notes=notes,
        advice=advice_on(results, deployment.config),
    )


def acceptance(deployment: Deployment) -> Result:
    """Return the result for a configuration that starts."""
    return Result(
        invariant=STARTUP,
        sentence=STARTUP_SENTENCE,
        status=Status.HELD,
        scope=STARTUP_SCOPE,
        file=deployment.settings.source,
    )


def refusal(problems: list[str], deployment: Deployment, policy: Policy) -> Result:
    """Return the result for a configuration that the engine does not start with."""
    fields = mentioned_fields(" ".join(problems), deployment)
    file, line = place_of(fields, deployment)
    return Result(
        invariant=STARTUP,
        sentence=STARTUP_SENTENCE,
        status=Status.VIOLATED,
        scope=STARTUP_SCOPE,
        message="the engine refuses to start: "
        + "; ".join(in_own_flags(problem, deployment) for problem in problems),
        file=file,
        line=line,
        flags=flag_values(fields, deployment),
        repairs=in_own_spelling(
            find_repairs(policy, deployment.config, [], changeable(fields, deployment)), deployment
        ),
    )


def mentioned_fields(text: str, deployment: Deployment) -> list[str]:
    """Return the fields of the configuration that a message names, or whose product it names."""
    words = set(re.findall(r"\w+", text))
    if "tokens_per_seq" in words:
        words.add("num_speculative_tokens")
    return [field for field, name in deployment.engine.flag_of_field.items() if words & {field, name}]


def result_of(
    verdict: Verdict,
    deployment: Deployment,
    policy: Policy,
    repairs: tuple[Repair, ...],
    own_repairs: tuple[Repair, ...],
) -> Result:
    """Return a verdict with the person's flags, the command that replays it, and the way out."""
    invariant = INVARIANTS[verdict.invariant]
    file, line = place_of(list(invariant.fields), deployment)
    is_violated = verdict.status is Status.VIOLATED
    message = "" if verdict.message == invariant.name else in_own_flags(verdict.message, deployment)
    witness = verdict.witness
    return Result(
        invariant=verdict.invariant,
        sentence=invariant.sentence,
        status=verdict.status,
        scope=verdict.scope,
        message=message,
        file=file,
        line=line,
        flags=flag_values(invariant.fields, deployment) if is_violated else (),
        witness=None if witness is None else witness.to_json(),
        state=() if witness is None else state_lines(witness),
        run=() if witness is None else tuple(witness.replay(invariant, policy).lines),
        replay="" if witness is None else replay_command(invariant, policy, witness),
        repairs=repairs if is_violated else (),
        own_repairs=own_repairs,
    )


def advice_on(results: list[Result], config: ServingConfig) -> str:
    """Return whether a flag helps where something is violated, and whether the engine's rules are at fault."""
    violated = [result for result in results if result.status is Status.VIOLATED]
    if not violated:
        return ""
    helps = any(result.repairs for result in violated)
    sentences = [] if helps else ["No single flag makes everything hold."]
    is_refused = any(result.invariant == STARTUP for result in violated)
    if not is_refused and not REFERENCE.problems(config):
        names = [result.invariant for result in violated]
        kept = [name for name in names if decide(INVARIANTS[name], REFERENCE, config).status is Status.HELD]
        if kept:
            at_fault = "" if helps else ": it is the engine's rule that has to change"
            sentences.append(f"The reference policy keeps {' and '.join(kept)} with the same flags{at_fault}.")
    return " ".join(sentences)


def own_repairs_of(
    deployment: Deployment, policy: Policy, verdict: Verdict, verdicts: list[Verdict]
) -> tuple[Repair, ...]:
    """Return what makes one violated invariant hold when nothing makes everything hold; nothing if it is alone."""
    others = [other for other in verdicts if other.status is not Status.HELD and other is not verdict]
    if verdict.status is not Status.VIOLATED or not others:
        return ()
    fields = changeable(INVARIANTS[verdict.invariant].fields, deployment)
    return in_own_spelling(find_repairs_of(policy, deployment.config, verdict, verdicts, fields), deployment)


def changeable(fields: Iterable[str], deployment: Deployment) -> list[str]:
    """Return those of the fields that a person can change, in the engine's order."""
    wanted = set(fields)
    return [field for field in deployment.engine.repairable if field in wanted]


def in_own_spelling(alternatives: Iterable[tuple[Change, ...]], deployment: Deployment) -> tuple[Repair, ...]:
    """Return changes of the configuration as changes of the person's flags."""
    return tuple(
        tuple(
            FlagChange(flag=deployment.spelling(change.field), old=change.old, new=change.new)
            for change in alternative
        )
        for alternative in alternatives
    )


def place_of(fields: list[str], deployment: Deployment) -> tuple[str, int | None]:
    """Return the file and line of the first of these fields that the person gave, else the deployment's."""
    for field in fields:
        origin = deployment.place(field)
        if origin is not None:
            return origin.source, origin.line
    return deployment.settings.source, None


def replay_command(invariant: Invariant | RunInvariant, policy: Policy, witness: Witness | RunWitness) -> str:
    """Return the command that runs a witness through the real functions, for a shell."""
    state = json.dumps(witness.to_json(), separators=(",", ":"))
    return shlex.join(["schedproof", "explain", invariant.name, "--policy", policy.name, "--state", state])


def config_json(config: ServingConfig) -> dict[str, Any]:
    """Return a configuration for a report."""
    return dataclasses.asdict(config)
