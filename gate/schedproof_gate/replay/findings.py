"""A finished replay, and the report on it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from schedproof import Policy
from schedproof_gate.accept.selection import EVERYTHING, Selection
from schedproof_gate.check import startup
from schedproof_gate.deployment.deployment import Deployment
from schedproof_gate.replay.checks import NO_STANDSTILL
from schedproof_gate.replay.measurements import Measurements, Quantiles, StepFigures, Tally
from schedproof_gate.replay.nodes import NODES
from schedproof_gate.replay.plan import ReplayPlan, Survey
from schedproof_gate.report.counting import DEFAULT_LEVEL
from schedproof_gate.report.place import place_of
from schedproof_gate.report.report import NotApplicable, Report, Result, Subject, config_json
from schedproof_gate.report.wording import flag_values, in_own_flags, plural
from schedproof_spec import INVARIANTS, Status

CONFIGURATION_ONLY = "says nothing about a step; `schedproof check` decides it"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyReplay:
    """What became of a trace under one policy."""

    policy: Policy
    problems: tuple[str, ...] = ()
    """Why this version refuses to start with the configuration."""
    measured: Measurements | None
    """None when it does not start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A trace replayed under one or several policies."""

    deployment: Deployment
    source: str
    """How a report names it."""
    plan: ReplayPlan
    survey: Survey
    notes: tuple[str, ...]
    policies: tuple[PolicyReplay, ...]
    fail_on: str = DEFAULT_LEVEL
    selection: Selection = EVERYTHING

    @property
    def runs(self) -> tuple[tuple[str, Measurements], ...]:
        """The policies that started, by name, with the invariants that are asked for."""
        return tuple(
            (run.policy.name, asked_for(run.measured, self.selection))
            for run in self.policies
            if run.measured is not None
        )


def asked_for(measured: Measurements, selection: Selection) -> Measurements:
    """Return the figures of a run without the invariants that are left out."""
    tallies = {name: tally for name, tally in measured.tallies.items() if selection.why_not(name) is None}
    return replace(measured, tallies=tallies)


def report_of(replay: Replay) -> Report:
    """Return the report on one replay."""
    return Report(subjects=subjects_of(replay), fail_on=replay.fail_on)


def subjects_of(replay: Replay) -> tuple[Subject, ...]:
    """Return a subject for each policy."""
    return tuple(subject_of(run, replay) for run in replay.policies)


def subject_of(run: PolicyReplay, replay: Replay) -> Subject:
    """Return the results of one policy."""
    deployment = replay.deployment
    several = len(replay.policies) > 1
    skipped: tuple[NotApplicable, ...] = ()
    if run.measured is None:
        results = [startup.refused(run.problems, deployment)]
    else:
        results = [result_of(tally, run.measured, deployment) for tally in run.measured.tallies.values()]
        skipped = tuple(
            NotApplicable(
                invariant=invariant.name,
                reason=CONFIGURATION_ONLY if invariant.applies(replay.plan.config) else invariant.otherwise,
            )
            for invariant in INVARIANTS.values()
            if invariant.name not in run.measured.tallies
        )
    return Subject(
        source=f"{replay.source}, policy {run.policy.name}" if several else replay.source,
        file=deployment.file,
        engine=deployment.engine.name,
        policy=run.policy.name,
        config=config_json(replay.plan.config),
        results=tuple(results),
        not_applicable=skipped,
        notes=(*replay.notes, *assumptions(replay)),
        measurements={"workload": workload_json(replay), **measured_json(run.measured)},
    )


def result_of(tally: Tally, measured: Measurements, deployment: Deployment) -> Result:
    """Return what a run says about one invariant."""
    invariant, status = tally.invariant, status_of(tally, measured)
    place = place_of(invariant.fields, deployment)
    is_violated = status is Status.VIOLATED
    return Result(
        invariant=invariant.name,
        sentence=invariant.sentence,
        status=status,
        consequence=invariant.consequence,
        scope=f"{measured.num_steps} replayed steps",
        message=message_of(tally, measured) if is_violated else "",
        file=place.file,
        line=place.line,
        columns=place.columns,
        flags=flag_values(invariant.fields, deployment) if is_violated else (),
        witness=None if tally.first is None else figures_json(tally.first),
    )


def status_of(tally: Tally, measured: Measurements) -> Status:
    """Return whether the steps of a run kept an invariant; no steps keep none."""
    if tally.num_steps > 0 or (tally.name == NO_STANDSTILL and measured.num_unfinished > 0):
        return Status.VIOLATED
    return Status.HELD if measured.num_steps > 0 else Status.VACUOUS


def message_of(tally: Tally, measured: Measurements) -> str:
    """Return which steps violate an invariant, for a person."""
    if tally.name == NO_STANDSTILL:
        where = (
            "" if tally.first is None else f", from step {tally.first.index} at {seconds(tally.first.start_us)} s"
        )
        return (
            f"the scheduler finds the same queues again and again{where}: "
            f"{plural(measured.num_unfinished, 'request')} not ended when the replay does"
        )
    assert tally.first is not None
    return f"{tally.num_steps} of {measured.num_steps} steps; the first is {step_words(tally.first)}"


def step_words(figures: StepFigures) -> str:
    """Return the figures of a step as words."""
    decodes = plural(figures.num_decoding, "decode")
    parts = [f"{figures.num_decode_tokens} for {decodes}"] if figures.num_decoding else []
    parts += [f"{figures.num_prefill_tokens} of prefill"] if figures.num_prefill_tokens else []
    tokens = f"{figures.num_tokens} tokens" + (f", {' and '.join(parts)}" if parts else "")
    preempted = f", {figures.num_preempted} preempted" if figures.num_preempted else ""
    return f"step {figures.index} at {seconds(figures.start_us)} s: {tokens}{preempted}"


def assumptions(replay: Replay) -> tuple[str, ...]:
    """Return what a reader has to know about the figures, a sentence each without its full stop."""
    plan, time = replay.plan, replay.plan.step_time
    notes = [
        "held means held in these steps; `schedproof check` decides every state",
        f"times are modelled: {time.base_latency_us:g} us a step and {time.latency_per_token_us:g} us a token",
    ]
    if plan.config.tokens_per_seq > 1:
        notes.append(f"each draft is accepted with probability {plan.acceptance_rate:g}, seed {plan.seed}")
    modelled = NODES[plan.config.role].modelled
    if modelled:
        notes.append(f"a prompt's cache takes {time.transfer_per_token_us:g} us a token from node to node")
        notes += modelled
    if plan.workload.rate_scale != 1:
        notes.append(f"requests arrive {plan.workload.rate_scale:g} times as fast as in the trace")
    if replay.survey.num_refused:
        refusal = replay.survey.first_refusal
        assert refusal is not None
        reason = in_own_flags(refusal.reason, replay.deployment)
        notes.append(
            f"{replay.survey.num_refused} of {replay.survey.num_requests} requests are left out because they can "
            f"never be served, the first on line {refusal.arrival.line}: {reason}"
        )
    return tuple(notes)


def workload_json(replay: Replay) -> dict[str, Any]:
    """Return what was replayed and what was assumed, for a report."""
    plan, survey, time = replay.plan, replay.survey, replay.plan.step_time
    return {
        "source": plan.workload.source,
        "format": plan.workload.format,
        "rate_scale": plan.workload.rate_scale,
        "limit": plan.workload.limit,
        "num_requests": survey.num_requests,
        "num_prompt_tokens": survey.num_prompt_tokens,
        "max_new_tokens": survey.max_new_tokens,
        "duration_us": survey.duration_us,
        "base_latency_us": time.base_latency_us,
        "latency_per_token_us": time.latency_per_token_us,
        "transfer_per_token_us": time.transfer_per_token_us,
        "acceptance_rate": plan.acceptance_rate,
        "seed": plan.seed,
    }


def measured_json(measured: Measurements | None) -> dict[str, Any]:
    """Return the figures of a run, for a report; nothing for an engine that does not start."""
    if measured is None:
        return {}
    return {
        "num_steps": measured.num_steps,
        "num_tokens": measured.sum_tokens,
        "num_decode_tokens": measured.sum_decode_tokens,
        "num_steps_over_limit": measured.num_over_limit,
        "worst_step": None if measured.worst is None else figures_json(measured.worst),
        "peak_used_blocks": measured.peak_used_blocks,
        "num_preemptions": measured.num_preemptions,
        "num_refused": measured.num_refused,
        "num_unfinished": measured.num_unfinished,
        "num_ended": {ending.value: count for ending, count in measured.num_ended.items()},
        "duration_us": measured.duration_us,
        "queueing_us": quantiles_json(measured.queueing),
        "first_token_us": quantiles_json(measured.first_token),
        "violations": {
            name: {
                "num_steps": tally.num_steps,
                "first_step": None if tally.first is None else figures_json(tally.first),
            }
            for name, tally in measured.tallies.items()
            if status_of(tally, measured) is Status.VIOLATED
        },
    }


def figures_json(figures: StepFigures) -> dict[str, int]:
    """Return the figures of a step."""
    return {
        "step": figures.index,
        "start_us": figures.start_us,
        "num_decode_tokens": figures.num_decode_tokens,
        "num_prefill_tokens": figures.num_prefill_tokens,
        "num_decoding": figures.num_decoding,
        "num_preempted": figures.num_preempted,
    }


def quantiles_json(found: Quantiles) -> dict[str, int | None]:
    """Return how long requests waited."""
    return {"count": found.count, "p50": found.p50_us, "p99": found.p99_us, "max": found.max_us}


def seconds(microseconds: int) -> str:
    """Return a time in seconds to the millisecond."""
    return f"{microseconds / 1e6:.3f}"
