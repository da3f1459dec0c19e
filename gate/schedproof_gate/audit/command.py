"""The command ``schedproof audit``."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import click

from schedproof_gate.accept.options import FindingOptions, finding_options
from schedproof_gate.audit.auditing import Audit
from schedproof_gate.audit.excerpt import OPTION, write_excerpt
from schedproof_gate.audit.many import AUTO, audit_all, form_named
from schedproof_gate.audit.traces.forms import FORMS
from schedproof_gate.check.unchecked import not_done
from schedproof_gate.deployment.deployment import Deployment
from schedproof_gate.deployment.deployment_file import read_deployments
from schedproof_gate.deployment.engines import named_policy
from schedproof_gate.errors import COMMAND_LINE, InputError
from schedproof_gate.processes import Lost, interrupted_when_terminated
from schedproof_gate.report.counting import fail_on_option
from schedproof_gate.report.options import jobs_option, layout_options, output_option, policy_option
from schedproof_gate.report.output import emit, tell_unread
from schedproof_gate.report.renderers import RENDERERS
from schedproof_gate.report.report import Report


@click.command()
@click.argument("traces", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="TRACE...")
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="The deployment that the traces are of, as `schedproof check` reads it.",
)
@click.option(
    "--trace-format",
    "form_name",
    type=click.Choice([AUTO, *FORMS]),
    default=AUTO,
    show_default=True,
    help="What a TRACE holds: recorded steps, or an engine's log.",
)
@click.option("--format", "form", type=click.Choice(list(RENDERERS)), default="text", show_default=True)
@output_option
@policy_option
@click.option(
    OPTION,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the fewest lines of the one TRACE that show the first violation to FILE.",
)
@fail_on_option
@click.option("--allow-undecided", is_flag=True, help="Do not count results that a log's bounds leave open.")
@jobs_option
@finding_options
@layout_options
def audit(
    traces: tuple[Path, ...],
    config_file: Path,
    form_name: str,
    form: str,
    output: Path | None,
    policy_name: str | None,
    excerpt: Path | None,
    fail_on: str,
    allow_undecided: bool,
    jobs: int | None,
    findings: FindingOptions,
) -> int:
    """Check recorded steps of a running engine: did they keep the invariants, and which step did not first.

    A TRACE holds recorded steps (schedproof/step/1, JSON lines; see examples/traces/README.md), or is a log of
    vLLM, TensorRT-LLM, SGLang or FastDeploy. Where a log says less than a rule needs, it is decided by bounds, and
    undecided when these do not suffice. Memory does not grow with a trace.
    """
    if policy_name is not None:
        named_policy(policy_name)
    refuse_excerpt_of_many(excerpt, traces)
    deployment = only_deployment(config_file)
    accepted = findings.accepted([deployment.file], [deployment])
    with interrupted_when_terminated():
        found = audit_all(traces, config_file, form_name, policy_name, jobs)
    if len(found) == 1 and isinstance(found[0], InputError):
        raise found[0]
    if excerpt is not None:
        found = [
            with_excerpt(each, excerpt, trace, form_name, config_file, policy_name)
            if isinstance(each, Audit)
            else each
            for trace, each in zip(traces, found, strict=True)
        ]
    report = findings.observed(report_of(traces, found, fail_on), accepted)
    emit(RENDERERS[form](report), output)
    tell_unread(report)
    return report.exit_code(allow_undecided)


def report_of(traces: tuple[Path, ...], found: list[Audit | InputError | Lost], fail_on: str) -> Report:
    """Return the report on what the traces show, in their order."""
    errors = [
        not_done(str(trace), str(trace), each)
        for trace, each in zip(traces, found, strict=True)
        if not isinstance(each, Audit)
    ]
    return Report(
        subjects=tuple(each.subject for each in found if isinstance(each, Audit)),
        fail_on=fail_on,
        unread=tuple(errors),
        subject_noun="trace",
        is_interrupted=any(isinstance(each, Lost) and each.is_interrupted for each in found),
    )


def refuse_excerpt_of_many(excerpt: Path | None, traces: tuple[Path, ...]) -> None:
    """Refuse to write the lines of several traces into one file.

    Raises:
        InputError: an excerpt of more than one trace is wanted.
    """
    if excerpt is not None and len(traces) > 1:
        raise InputError(
            f"is of one trace, not of {len(traces)}", source=COMMAND_LINE, key=OPTION, advice="give one TRACE"
        )


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
    found: Audit, excerpt: Path, trace: Path, form_name: str, config_file: Path, policy_name: str | None
) -> Audit:
    """Write the lines of the first violation; return an audit whose result names the command that shows it again.

    Raises:
        InputError: the file cannot be written.
    """
    first, subject, form = found.first_violation, found.subject, form_named(form_name, trace)
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
