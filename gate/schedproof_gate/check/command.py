"""The command ``schedproof check``."""

from __future__ import annotations

from pathlib import Path

import click

from schedproof_gate.accept.options import FindingOptions, finding_options
from schedproof_gate.check.many import check_all
from schedproof_gate.check.reporting import report_of
from schedproof_gate.completion import complete_engine, complete_file
from schedproof_gate.deployment.deployment_file import outcomes_of_command
from schedproof_gate.deployment.engines import ENGINES, NamedVersion, engine_named, named_policy, release_version
from schedproof_gate.deployment.given import Origin
from schedproof_gate.deployment.given_values import given_values
from schedproof_gate.deployment.inputs import Inputs, read_inputs
from schedproof_gate.errors import COMMAND_LINE, InputError
from schedproof_gate.processes import interrupted_when_terminated
from schedproof_gate.report.counting import fail_on_option
from schedproof_gate.report.options import (
    also_option,
    jobs_option,
    layout_options,
    output_option,
    policy_option,
    release_option,
)
from schedproof_gate.report.output import emit, tell_unread
from schedproof_gate.report.renderers import RENDERERS


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="PATH... | -- FLAGS...", shell_complete=complete_file)
@click.option(
    "--engine",
    "engine_name",
    metavar="NAME",
    shell_complete=complete_engine,
    help="Check the engine's own flags, given after `--`.",
)
@click.option("--format", "form", type=click.Choice(list(RENDERERS)), default="text", show_default=True)
@output_option
@also_option
@policy_option
@release_option
@fail_on_option
@click.option("--allow-undecided", is_flag=True, help="Do not count results that the solver gave up on.")
@click.option(
    "--set", "settings", multiple=True, metavar="NAME=VALUE", help="Define a variable that a file leaves open."
)
@jobs_option
@finding_options
@layout_options
def check(
    files: tuple[str, ...],
    engine_name: str | None,
    form: str,
    output: Path | None,
    also: tuple[tuple[str, Path], ...],
    policy_name: str | None,
    release_name: str | None,
    fail_on: str,
    allow_undecided: bool,
    settings: tuple[str, ...],
    jobs: int | None,
    findings: FindingOptions,
) -> int:
    """Check deployments: is every invariant kept in every state, and which flag to change if not.

    A PATH is a file, a folder, a pattern, or - for standard input. A file is a deployment (YAML, TOML or JSON with
    `engine:` and `args:`), the engine's own config file, a launch script, a Compose file, a Kubernetes manifest, a
    Dockerfile, or of another form in docs/deployments.md. In a folder, what looks like a deployment is read.

    Without --release or --policy, and without `release:` or `policy:` in the file, the newest version of
    the engine that is decided in full is assumed.
    """
    version = named_version(policy_name, release_name)
    given = given_values(settings)
    if engine_name is not None:
        engine = engine_named(engine_name, Origin(COMMAND_LINE, None, "--engine"))
        inputs = Inputs(outcomes_of_command(files, engine, version))
    else:
        refuse_flags(files)
        inputs = read_inputs(files, given, version)
    if inputs.is_complete:
        given.refuse_unused()
    accepted = findings.accepted(inputs.checked_files, inputs.deployments)
    with interrupted_when_terminated():
        found = check_all(inputs.deployments, findings.selection, jobs)
    report = findings.decided(report_of(inputs, found, fail_on), accepted)
    emit(RENDERERS[form](report), output)
    for other, file in also:
        emit(RENDERERS[other](report), file)
    tell_unread(report)
    return report.exit_code(allow_undecided)


def named_version(policy_name: str | None, release_name: str | None) -> NamedVersion | None:
    """Return the engine version of ``--policy`` or ``--release``, if either is given.

    Raises:
        UsageError: both are given.
        InputError: there is no such policy or release.
    """
    if policy_name is not None and release_name is not None:
        raise click.UsageError(
            "--policy and --release both name the engine's version; keep one of the two",
            click.get_current_context(),
        )
    if release_name is not None:
        return release_version(release_name, Origin(COMMAND_LINE, None, "--release"))
    return None if policy_name is None else NamedVersion(named_policy(policy_name))


def refuse_flags(files: tuple[str, ...]) -> None:
    """Refuse an engine's flags where files are expected.

    Raises:
        InputError: a file name that is a flag.
    """
    for file in files:
        if file.startswith("--"):
            raise InputError(
                "is a flag, not a file",
                source=COMMAND_LINE,
                key=file,
                advice=f"name the engine: schedproof check --engine {next(iter(ENGINES))} -- {file} …",
            )
