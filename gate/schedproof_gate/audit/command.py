"""The command ``schedproof audit``."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import click

from schedproof_gate.accept.options import FindingOptions, finding_options
from schedproof_gate.audit.auditing import Audit, audit_trace
from schedproof_gate.audit.excerpt import OPTION, write_excerpt
from schedproof_gate.audit.traces.forms import FORMS, TraceForm, form_of
from schedproof_gate.deployment.deployment import Deployment
from schedproof_gate.deployment.deployment_file import read_deployments
from schedproof_gate.deployment.engines import named_policy
from schedproof_gate.errors import InputError
from schedproof_gate.report.counting import fail_on_option
from schedproof_gate.report.options import layout_options, output_option, policy_option
from schedproof_gate.report.output import emit
from schedproof_gate.report.progress import progress
from schedproof_gate.report.renderers import RENDERERS
from schedproof_gate.report.report import Report

AUTO = "auto"


@click.command()
@click.argument("trace", type=click.Path(path_type=Path), metavar="TRACE")
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="The deployment that the trace is of, as `schedproof check` reads it.",
)
@click.option(
    "--trace-format",
    "form_name",
    type=click.Choice([AUTO, *FORMS]),
    default=AUTO,
    show_default=True,
    help="What TRACE holds: recorded steps, or an engine's log.",
)
@click.option("--format", "form", type=click.Choice(list(RENDERERS)), default="text", show_default=True)
@output_option
@policy_option
@click.option(
    OPTION,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the fewest lines of TRACE that show the first violation to FILE.",
)
@fail_on_option
@click.option("--allow-undecided", is_flag=True, help="Do not count results that a log's bounds leave open.")
@finding_options
@layout_options
def audit(
    trace: Path,
    config_file: Path,
    form_name: str,
    form: str,
    output: Path | None,
    policy_name: str | None,
    excerpt: Path | None,
    fail_on: str,
    allow_undecided: bool,
    findings: FindingOptions,
) -> int:
    """Check recorded steps of a running engine: did they keep the invariants, and which step did not first.

    TRACE holds recorded steps (schedproof/step/1, JSON lines; see examples/traces/README.md), or is a log of vLLM,
    TensorRT-LLM, SGLang or FastDeploy. Where a log says less than a rule needs, it is decided by bounds, and
    undecided when these do not suffice. Memory does not grow with the trace.
    """
    policy = None if policy_name is None else named_policy(policy_name)
    deployment = only_deployment(config_file)
    trace_form = form_of(trace) if form_name == AUTO else FORMS[form_name]
    with progress() as tell:
        tell(f"{trace}: reading steps")
        found = audit_trace(trace, trace_form, deployment, policy)
    if excerpt is not None:
        found = with_excerpt(found, excerpt, trace, trace_form, config_file, policy_name)
    report = findings.observed(Report(subjects=(found.subject,), fail_on=fail_on), [deployment])
    emit(RENDERERS[form](report), output)
    return report.exit_code(allow_undecided)


def only_deployment(path: Path) -> Deployment:
    """Return the deployment of a file.

    Raises:
        InputError: the file has several, or cannot be used.
    """
    deployments = read_deployments(path)
    if len(deployments) != 1:
        raise InputError(
            f"has {len(deployments)} deployments", source=str(path), advice="give the one that the trace is of"
        )
    return deployments[0]


def with_excerpt(
    found: Audit, excerpt: Path, trace: Path, form: TraceForm, config_file: Path, policy_name: str | None
) -> Audit:
    """Write the lines of the first violation; return an audit whose result names the command that shows it again.

    Raises:
        InputError: the file cannot be written.
    """
    first, subject = found.first_violation, found.subject
    if first is None:
        note = f"nothing is violated, so {excerpt} is not written"
        return replace(found, subject=replace(subject, notes=(*subject.notes, note)))
    write_excerpt(excerpt, trace, form, first)
    words = ["schedproof", "audit", str(excerpt), "--config", str(config_file), "--trace-format", form.name]
    words += [] if policy_name is None else ["--policy", policy_name]
    command = shlex.join(words)
    results = tuple(
        replace(result, replay=command) if result.invariant == first.rule_name else result
        for result in subject.results
    )
    return replace(found, subject=replace(subject, results=results))
