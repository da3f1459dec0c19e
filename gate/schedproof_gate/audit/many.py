"""Audits many traces of one deployment at once, in processes of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from schedproof_gate.audit.auditing import Audit, audit_trace
from schedproof_gate.audit.traces.forms import FORMS, TraceForm, form_of
from schedproof_gate.deployment.deployment_file import read_deployments
from schedproof_gate.deployment.engines import named_policy
from schedproof_gate.errors import InputError
from schedproof_gate.processes import Lost, Processes, done_here, number_of_processes
from schedproof_gate.report.progress import bar, nothing, progress

AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Task:
    """A trace to audit, with everything by name."""

    trace: Path
    config_file: Path
    form_name: str
    policy_name: str | None


def audit_all(
    traces: Sequence[Path], config_file: Path, form_name: str, policy_name: str | None, jobs: int | None
) -> list[Audit | InputError | Lost]:
    """Return what each trace shows, in order, or why it cannot be used."""
    tasks = [Task(trace, config_file, form_name, policy_name) for trace in traces]
    number = number_of_processes(jobs, len(tasks))
    if len(tasks) == 1:
        with progress() as tell:
            tell(f"{traces[0]}: reading steps")
            return done_here(audited, tasks, nothing)
    with bar(len(tasks), "traces") as tell_done:
        if number == 1:
            return done_here(audited, tasks, tell_done)
        return Processes(audited, number, lambda task: task.trace).results(tasks, tell_done)


def audited(task: Task) -> Audit | InputError:
    """Audit a trace."""
    try:
        (deployment,) = read_deployments(task.config_file)
        policy = None if task.policy_name is None else named_policy(task.policy_name)
        return audit_trace(task.trace, form_named(task.form_name, task.trace), deployment, policy)
    except InputError as error:
        return error


def form_named(name: str, trace: Path) -> TraceForm:
    """Return the form of a trace: the one that a person names, or that of its lines.

    Raises:
        InputError: the trace cannot be read, or no line is a step in any form.
    """
    return form_of(trace) if name == AUTO else FORMS[name]
