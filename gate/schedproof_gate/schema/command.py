"""The command ``schedproof schema``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from schedproof_gate.report.options import output_option
from schedproof_gate.report.output import emit
from schedproof_gate.schema.deployment_schema import deployment_schema
from schedproof_gate.schema.report_schema import report_schema

SCHEMAS = {"report": report_schema, "deployment": deployment_schema}


@click.command()
@click.argument("name", type=click.Choice(list(SCHEMAS)))
@output_option
def schema(name: str, output: Path | None) -> int:
    """Print the JSON schema of a report, or of a deployment file."""
    emit(json.dumps(SCHEMAS[name](), indent=2, ensure_ascii=False) + "\n", output)
    return 0
