"""The command ``schedproof``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from schedproof import NEWEST, POLICIES, Policy
from schedproof.engines.fastdeploy.releases import RELEASES
from schedproof_gate.audit.command import audit
from schedproof_gate.check.command import report_on
from schedproof_gate.deployment.deployment_file import COMMAND_LINE, outcomes_of_command
from schedproof_gate.deployment.engines import ENGINES, NamedVersion, engine_named, policy_named, release_version
from schedproof_gate.deployment.given import Origin
from schedproof_gate.deployment.given_values import given_values
from schedproof_gate.deployment.inputs import Inputs, read_inputs
from schedproof_gate.errors import InputError, shown
from schedproof_gate.explain.explaining import explain as explain_invariant
from schedproof_gate.explain.explaining import explanation_json, explanation_text, invariant_named
from schedproof_gate.explain.explaining_work import explain_work, refuse_policy_and_state, work_json, work_text
from schedproof_gate.explain.state import read_state, replay_text
from schedproof_gate.policies.matrix import Matrix, matrix_json, matrix_markdown, matrix_text, updated
from schedproof_gate.replay.command import replay
from schedproof_gate.report.counting import fail_on_option
from schedproof_gate.report.output import emit, write_atomically
from schedproof_gate.report.renderers import RENDERERS
from schedproof_spec import WORK_RULES, policy_matrix

USAGE_ERROR = 2
INTERRUPTED = 130

output_option = click.option(
    "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write to FILE, all at once."
)
policy_option = click.option(
    "--policy", "policy_name", metavar="NAME", help="The engine version; `schedproof policies` lists them."
)
release_option = click.option(
    "--release", "release_name", metavar="VERSION", help=f"The engine's release: {', '.join(RELEASES)}."
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="schedproof")
def cli() -> None:
    """Prove that a deployment's scheduling rules hold in every state, or show a run that breaks one.

    Exit codes: 0 everything that counts held; 1 something that counts is violated; 2 usage, file or parse error;
    3 undecided, vacuous or nothing to check. What ends in a crash, a stall or wrong output counts; what only costs
    time or memory does with --fail-on cost.
    """


@cli.command()
@click.argument("files", nargs=-1, required=True, metavar="PATH... | -- FLAGS...")
@click.option("--engine", "engine_name", metavar="NAME", help="Check the engine's own flags, given after `--`.")
@click.option("--format", "form", type=click.Choice(list(RENDERERS)), default="text", show_default=True)
@output_option
@policy_option
@release_option
@fail_on_option
@click.option("--allow-undecided", is_flag=True, help="Do not count results that the solver gave up on.")
@click.option(
    "--set", "settings", multiple=True, metavar="NAME=VALUE", help="Define a variable that a file leaves open."
)
def check(
    files: tuple[str, ...],
    engine_name: str | None,
    form: str,
    output: Path | None,
    policy_name: str | None,
    release_name: str | None,
    fail_on: str,
    allow_undecided: bool,
    settings: tuple[str, ...],
) -> int:
    """Check deployments: is every invariant kept in every state, and which flag to change if not.

    A PATH is a file, a folder, a pattern, or - for standard input. A file is a deployment (YAML, TOML or JSON with
    `engine:` and `args:`), the engine's own config file, a launch script, a Compose file, a Kubernetes manifest, a
    Dockerfile, or of another form in docs/deployments.md. In a folder, what looks like a deployment is read.

    Without --release or --policy, and without `release:` or `policy:` in the file, the newest published version of
    the engine is assumed.
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
    report = report_on(inputs, fail_on)
    emit(RENDERERS[form](report), output)
    for unread in report.unread:
        click.echo(f"schedproof: {unread.text}", err=True)
    return report.exit_code(allow_undecided)


@cli.command()
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True
)
@output_option
@click.option("--update", type=click.Path(path_type=Path), metavar="FILE", help="Rewrite the block of FILE.")
@click.option(
    "--check",
    "compare",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Exit with 1 if FILE is not current.",
)
def policies(form: str, output: Path | None, update: Path | None, compare: Path | None) -> int:
    """Prove or refute every invariant for every policy, in every configuration."""
    for document in (update, compare):
        if document is not None:
            updated(document, Matrix(()))
    matrix = Matrix(policy_matrix())
    code = 0 if matrix.is_decided else 3
    if compare is not None:
        before, after = updated(compare, matrix)
        if before != after:
            click.echo(f"schedproof: {shown(str(compare))}: the matrix is not current; run with --update", err=True)
            return 1
        return code
    if update is not None:
        before, after = updated(update, matrix)
        if before != after:
            write_atomically(update, after)
        return code
    texts = {
        "text": lambda: matrix_text(matrix, is_terminal=output is None and sys.stdout.isatty()),
        "json": lambda: matrix_json(matrix),
        "markdown": lambda: matrix_markdown(matrix),
    }
    emit(texts[form](), output)
    return code


@cli.command()
@click.argument("name")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@output_option
@policy_option
@click.option("--state", metavar="JSON|@FILE", help="Run this state through the real functions; 1 if it violates.")
def explain(name: str, form: str, output: Path | None, policy_name: str | None, state: str | None) -> int:
    """Explain an invariant: sentence, predicate, who broke it, and a run or configuration that does."""
    if name in WORK_RULES:
        refuse_policy_and_state(name, policy_name, state)
        work = explain_work(WORK_RULES[name])
        emit(work_json(work) if form == "json" else work_text(work), output)
        return 0
    invariant = invariant_named(name)
    policy = None if policy_name is None else named_policy(policy_name)
    if state is not None:
        text, holds = replay_text(invariant, policy or NEWEST, read_state(state, invariant))
        emit(text, output)
        return 0 if holds else 1
    explanation = explain_invariant(invariant, POLICIES.values() if policy is None else [policy])
    emit(explanation_json(explanation) if form == "json" else explanation_text(explanation), output)
    return 0


cli.add_command(audit)
cli.add_command(replay)


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


def named_policy(name: str) -> Policy:
    """Return the policy of ``--policy``."""
    return policy_named(name, Origin(COMMAND_LINE, None, "--policy"))


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


def main() -> None:
    """Run the command; every input error is one line and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
    try:
        sys.exit(cli.main(standalone_mode=False))
    except InputError as error:
        message = str(error)
    except click.exceptions.NoArgsIsHelpError as error:
        message = error.format_message()
    except click.UsageError as error:
        message = usage_error(error)
    except click.Abort:
        sys.exit(INTERRUPTED)
    click.echo(f"schedproof: {message}", err=True)
    sys.exit(USAGE_ERROR)


def usage_error(error: click.UsageError) -> str:
    """Return what is wrong with the command's own words, and where to look."""
    command = "schedproof" if error.ctx is None else error.ctx.command_path
    return f"{COMMAND_LINE}: {shown(error.format_message()).rstrip('.')}; see {command} --help"
