"""The command ``schedproof prove``."""

from __future__ import annotations

from pathlib import Path

import click

from schedproof_gate.accept.options import FindingOptions, finding_options
from schedproof_gate.deployment.given import Origin
from schedproof_gate.errors import COMMAND_LINE
from schedproof_gate.own_policy import own_policy
from schedproof_gate.prove.place import place_of_class
from schedproof_gate.prove.proving import prove as prove_policy
from schedproof_gate.report.counting import fail_on_option
from schedproof_gate.report.options import layout_options, output_option
from schedproof_gate.report.output import emit
from schedproof_gate.report.progress import progress
from schedproof_gate.report.renderers import RENDERERS
from schedproof_gate.report.report import Report


@click.command()
@click.argument("name", metavar="MODULE:CLASS")
@click.option("--format", "form", type=click.Choice(list(RENDERERS)), default="text", show_default=True)
@output_option
@fail_on_option
@click.option("--allow-undecided", is_flag=True, help="Do not count results that the solver gave up on.")
@finding_options
@layout_options
def prove(
    name: str, form: str, output: Path | None, fail_on: str, allow_undecided: bool, findings: FindingOptions
) -> int:
    """Prove a scheduling rule of your own, in every state of every configuration, or show a run that breaks it.

    MODULE:CLASS is a subclass of schedproof.Policy or of a shipped version, as package.module:Class or
    path/to/file.py:Class; an object of one will do. This runs the module: name your own code. Names in deployment
    files and traces never run anything. docs/policy.md shows how to write a rule, and docs/subset.md what it may be
    made of.
    """
    policy = own_policy(name, Origin(COMMAND_LINE, None, "MODULE:CLASS"))
    accepted = findings.accepted([place_of_class(policy).file], [])
    with progress() as tell:
        subject = prove_policy(policy, findings.selection, tell)
    report = findings.decided(Report(subjects=(subject,), fail_on=fail_on), accepted)
    emit(RENDERERS[form](report), output)
    return report.exit_code(allow_undecided)
