"""Checks many deployments at once, in processes of their own."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

from schedproof import NEWEST
from schedproof_gate.accept.selection import Selection
from schedproof_gate.check.checking import check
from schedproof_gate.deployment.deployment import Deployment
from schedproof_gate.deployment.engines import named_policy
from schedproof_gate.own_policy import failure_in_own, spelling_of
from schedproof_gate.processes import Lost, Processes, done_here, number_of_processes
from schedproof_gate.report.progress import bar, nothing, progress
from schedproof_gate.report.report import Subject
from schedproof_spec.verdicts.alike import alike


@dataclass(frozen=True, slots=True)
class Task:
    """A deployment to check; its version is named, as a person's own rule cannot go to another process."""

    deployment: Deployment
    policy: str | None
    selection: Selection


def check_all(deployments: Sequence[Deployment], selection: Selection, jobs: int | None) -> list[Subject | Lost]:
    """Return what holds for each deployment, in order, in this process or in several.

    Raises:
        InputError: a rule of a person's own raises.
    """
    number = number_of_processes(jobs, len(deployments))
    if len(deployments) == 1:
        with progress() as tell:
            return done_here(lambda deployment: check(deployment, selection, tell), deployments, nothing)
    with bar(len(deployments), "deployments") as tell_done:
        if number == 1:
            return done_here(lambda deployment: check(deployment, selection), deployments, tell_done)
        tasks = [task_of(deployment, selection) for deployment in deployments]
        return Processes(checked, number, kin_of).results(tasks, tell_done)


def task_of(deployment: Deployment, selection: Selection) -> Task:
    """Return what a process needs to check a deployment."""
    policy = None if deployment.policy is None else spelling_of(deployment.policy)
    settings = replace(deployment.settings, version=None)
    return Task(replace(deployment, settings=settings, policy=None), policy, selection)


def kin_of(task: Task) -> Hashable:
    """Return what deployments have in common that the same proofs decide."""
    policy = NEWEST if task.policy is None else named_policy(task.policy)
    return task.policy, alike(task.deployment.config, policy)


def checked(task: Task) -> Subject:
    """Check a deployment in a process of its own.

    Raises:
        InputError: a rule of a person's own raises.
    """
    try:
        policy = None if task.policy is None else named_policy(task.policy)
        return check(replace(task.deployment, policy=policy), task.selection)
    except Exception as error:
        raise failure_in_own(error) or error from None
