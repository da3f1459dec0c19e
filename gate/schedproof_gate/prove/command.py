"""The command ``schedproof prove``."""

from __future__ import annotations

from pathlib import Path

import click

from schedproof.step_loop import StepLoop
from schedproof_gate.accept.options import FindingOptions, finding_options
from schedproof_gate.deployment.given import Origin
from schedproof_gate.errors import COMMAND_LINE
from schedproof_gate.own_policy import own_rule
from schedproof_gate.prove.place import place_of_class
from schedproof_gate.prove.proving import prove as prove_policy
from schedproof_gate.prove.proving_loop import prove_loop
from schedproof_gate.prove.replaying_loop import replay_text
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
@click.option(
    "--state", metavar="JSON|@FILE", help="Run this run of a step loop on numbers; 1 if it breaks a rule."
)
@finding_options
@layout_options
def prove(
    name: str,
    form: str,
    output: Path | None,
    fail_on: str,
    allow_undecided: bool,
    state: str | None,
    findings: FindingOptions,
) -> int:
    """Prove a scheduling rule or step loop of your own, in every state, or show a run that breaks it.

    MODULE:CLASS is a subclass of schedproof.Policy or of a shipped version, or of schedproof.step_loop.StepLoop, as
    package.module:Class or path/to/file.py:Class; an object of one will do. This runs the module: name your own
    code. Names in deployment files and traces never run anything. docs/policy.md shows how to write a rule,
    docs/loops.md a loop, and docs/subset.md what they may be made of.
    """
    rule = own_rule(name, Origin(COMMAND_LINE, None, "MODULE:CLASS"))
    if state is not None:
        text, holds = replay_text(rule, state)
        emit(text, output)
        return 0 if holds else 1
    accepted = findings.accepted([place_of_class(rule).file], [])
    with progress() as tell:
        if isinstance(rule, StepLoop):
            subject = prove_loop(rule, findings.selection, tell)
        else:
            subject = prove_policy(rule, findings.selection, tell)
    report = findings.decided(Report(subjects=(subject,), fail_on=fail_on), accepted)
    emit(RENDERERS[form](report), output)
    return report.exit_code(allow_undecided)
