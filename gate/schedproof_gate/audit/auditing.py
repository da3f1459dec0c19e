"""Audits one trace: reads it once, and reports what it shows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schedproof import NEWEST, Policy
from schedproof_gate.audit.auditor import FASTDEPLOY_LIKE, Auditor
from schedproof_gate.audit.checks import REQUEST_CHECKS, STEP_CHECKS, Rule
from schedproof_gate.audit.chunk_order import ChunkOrder
from schedproof_gate.audit.tally import Finding, Tally
from schedproof_gate.audit.traces.blocks import read_blocks
from schedproof_gate.audit.traces.forms import TraceForm
from schedproof_gate.deployment.deployment import Deployment
from schedproof_gate.deployment.engines import ASSUMED
from schedproof_gate.report.report import NotApplicable, Result, Subject, config_json
from schedproof_gate.report.wording import flag_values, in_own_flags
from schedproof_spec import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What a trace shows."""

    subject: Subject
    first_violation: Finding | None
    """The one that comes first in the file."""


def audit_trace(path: Path, form: TraceForm, deployment: Deployment, policy: Policy | None = None) -> Audit:
    """Hold the steps of a file against the rules, under a policy or under the one that the deployment names.

    Raises:
        InputError: a line that is not a step, or contradicts itself or the ones before it.
    """
    chosen = policy or deployment.policy
    engine_version = chosen or NEWEST
    config = deployment.config
    auditor = Auditor(
        config=config,
        policy=engine_version,
        engine=form.engine,
        leaves_open=form.leaves_open,
        chunk_order=ChunkOrder(max_live=config.max_num_seqs),
    )
    for batch in form.read(read_blocks(path), str(path), config):
        auditor.take(batch)
    is_fastdeploys = auditor.engine in FASTDEPLOY_LIKE
    source = str(path)
    rules = list(dict.fromkeys(check.rule for check in (*STEP_CHECKS, *REQUEST_CHECKS)))
    tallies = [auditor.tallies[rule.name] for rule in rules if rule.name in auditor.tallies]
    checked = [tally for tally in tallies if tally.status is not Status.VACUOUS]
    silent = [rule for rule in rules if rule.name not in {tally.rule.name for tally in checked}]
    subject = Subject(
        source=source,
        file=deployment.file,
        engine=deployment.engine.name if is_fastdeploys else auditor.engine,
        policy=engine_version.name if is_fastdeploys else "",
        config=config_json(auditor.config),
        results=tuple(result_of(tally, source, deployment) for tally in checked),
        not_applicable=tuple(
            NotApplicable(invariant=rule.name, reason=reason)
            for rule in silent
            if (reason := auditor.why_silent(rule)) is not None
        ),
        not_checked=tuple(
            NotApplicable(invariant=rule.name, reason=missing_detail(rule, auditor, form))
            for rule in silent
            if auditor.num_steps and auditor.why_silent(rule) is None
        ),
        notes=tuple(notes_on(auditor, form, deployment, chosen)),
        measurements=measurements_of(auditor, checked),
        advice="" if auditor.num_steps else f"No step is recorded in the file: {form.how_to_get}.",
    )
    violations = [tally.violation for tally in checked if tally.violation is not None]
    return Audit(subject=subject, first_violation=min(violations, key=lambda found: found.line, default=None))


def result_of(tally: Tally, source: str, deployment: Deployment) -> Result:
    """Return what a trace shows about one rule."""
    status = tally.status
    finding = tally.violation or tally.open_question
    message = ""
    if finding is not None:
        count = tally.num_violated or tally.num_open or 1
        rest = "" if count == 1 else f" (the first of {counted(count, tally.unit)})"
        message = in_own_flags(finding.message, deployment) + rest
    return Result(
        invariant=tally.rule.name,
        sentence=tally.rule.sentence,
        status=status,
        consequence=tally.rule.consequence,
        scope=counted(tally.num_checked, "recorded step" if tally.unit == "step" else tally.unit),
        message=message,
        file=source,
        line=None if finding is None else finding.line,
        flags=flag_values(tally.rule.fields, deployment) if finding is not None else (),
        witness=None if finding is None else {"first_line": finding.first_line, **finding.witness},
        state=() if finding is None else finding.state,
    )


def measurements_of(auditor: Auditor, tallies: list[Tally]) -> dict[str, Any]:
    """Return how much was checked, and the largest step."""
    step, line = auditor.most_tokens_at
    largest = {"step": step, "line": line, "num_tokens": auditor.most_tokens} if auditor.num_steps else None
    return {
        "num_steps": auditor.num_steps,
        "num_missing_steps": auditor.num_missing,
        "largest_step": largest,
        "invariants": {
            tally.rule.name: {
                "unit": tally.unit,
                "num_checked": tally.num_checked,
                "num_violated": tally.num_violated,
                "num_undecided": tally.num_open + tally.num_open_between,
            }
            for tally in tallies
        },
    }


def missing_detail(rule: Rule, auditor: Auditor, form: TraceForm) -> str:
    """Return what the trace would have to hold for a rule to be checked."""
    for step_check in STEP_CHECKS:
        if step_check.rule is rule:
            counts = " and ".join(step_check.needs)
            return f"the log does not show {counts}" if form.engine else f"no step says {counts}"
    if not auditor.lists_requests:
        return "the log does not list requests" if form.engine else "no step lists its requests"
    check = next(check for check in REQUEST_CHECKS if check.rule is rule)
    return f"no {check.unit} with {' and '.join(check.needs)} is listed"


def notes_on(auditor: Auditor, form: TraceForm, deployment: Deployment, chosen: Policy | None) -> list[str]:
    """Return what a reader of the verdict has to know about the trace."""
    config, policy = auditor.config, auditor.policy
    notes = [*deployment.notes]
    if chosen is None and auditor.engine in FASTDEPLOY_LIKE:
        notes.append(ASSUMED)
    if policy.problems(config) and auditor.engine in FASTDEPLOY_LIKE:
        notes.append(f"policy {policy.name} does not start with this configuration: see `schedproof check`")
    if form.engine:
        notes.append(f"the file is read as {form.title}; --trace-format says otherwise")
    if config.num_kv_blocks != deployment.config.num_kv_blocks:
        notes.append(f"the pool has {config.num_kv_blocks} KV blocks, as the trace says")
    if auditor.num_steps:
        step, line = auditor.most_tokens_at
        notes.append(
            f"the largest step is {step} (line {line}): {auditor.most_tokens} tokens of "
            f"{config.max_num_batched_tokens}"
        )
    if auditor.num_between:
        notes.append(
            f"after {counted(auditor.num_between, 'line')} the log leaves out decode steps, which are bounded"
        )
    if auditor.num_uncounted:
        notes.append(f"in {counted(auditor.num_uncounted, 'step')} {form.leaves_open}")
    if auditor.num_odd_decodes:
        notes.append(
            f"in {counted(auditor.num_odd_decodes, 'step')} a decode does not run {config.tokens_per_seq} tokens, "
            f"as the configuration says it does ({auditor.odd_decode})"
        )
    if auditor.num_missing:
        notes.append(
            f"by their numbers {counted(auditor.num_missing, 'step')} ran that are not in the file: nothing is "
            "said about them, and chunks are not compared across them"
        )
    order = auditor.chunk_order
    if order.num_forgotten:
        notes.append(
            f"more than {config.max_num_seqs} requests were in the middle of their prompts at once: "
            f"{order.num_forgotten} were not followed to the end"
        )
    return notes


def counted(count: int, noun: str) -> str:
    """Return a counted noun."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
