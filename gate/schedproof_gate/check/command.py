"""The command ``schedproof check``."""

from __future__ import annotations

from pathlib import Path

import click

from schedproof_gate.accept.options import FindingOptions, finding_options
from schedproof_gate.check.checking import check as check_deployment
from schedproof_gate.deployment.deployment_file import COMMAND_LINE, read_command, read_deployments
from schedproof_gate.deployment.engines import ENGINES, NamedVersion, engine_named, named_policy, release_version
from schedproof_gate.deployment.given import Origin
from schedproof_gate.errors import InputError
from schedproof_gate.report.counting import fail_on_option
from schedproof_gate.report.options import layout_options, output_option, policy_option, release_option
from schedproof_gate.report.output import emit
from schedproof_gate.report.progress import progress
from schedproof_gate.report.renderers import RENDERERS
from schedproof_gate.report.report import Report


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE... | -- FLAGS...")
@click.option("--engine", "engine_name", metavar="NAME", help="Check the engine's own flags, given after `--`.")
@click.option("--format", "form", type=click.Choice(list(RENDERERS)), default="text", show_default=True)
@output_option
@policy_option
@release_option
@fail_on_option
@click.option("--allow-undecided", is_flag=True, help="Do not count results that the solver gave up on.")
@finding_options
@layout_options
def check(
    files: tuple[str, ...],
    engine_name: str | None,
    form: str,
    output: Path | None,
    policy_name: str | None,
    release_name: str | None,
    fail_on: str,
    allow_undecided: bool,
    findings: FindingOptions,
) -> int:
    """Check deployments: is every invariant kept in every state, and which flag to change if not.

    A FILE is a deployment (YAML, TOML or JSON with `engine:` and `args:`), the engine's own config file, or a
    script with the launch command. Without --release or --policy, and without `release:` or `policy:` in the file,
    the newest published version of the engine is assumed.
    """
    version = named_version(policy_name, release_name)
    if engine_name is not None:
        engine = engine_named(engine_name, Origin(COMMAND_LINE, None, "--engine"))
        deployments = [read_command(files, engine, version)]
    else:
        refuse_flags(files)
        deployments = [deployment for file in files for deployment in read_deployments(Path(file), version)]
    with progress() as tell:
        subjects = tuple(check_deployment(deployment, findings.selection, tell) for deployment in deployments)
    report = findings.decided(Report(subjects=subjects, fail_on=fail_on), deployments)
    emit(RENDERERS[form](report), output)
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
