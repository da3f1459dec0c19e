"""Finds the deployments of a project among its other files."""

from __future__ import annotations

from pathlib import Path

from schedproof_gate.deployment.deployment_file import Unreadable
from schedproof_gate.deployment.given_values import GivenValues
from schedproof_gate.deployment.inputs import read_inputs


def deployments_below(folder: Path) -> list[Path]:
    """Return the files that `schedproof check` reads as deployments where it is given a folder, in order.

    Raises:
        InputError: the folder has too many files.
    """
    inputs = read_inputs([str(folder)], GivenValues())
    for outcome in inputs.outcomes:
        if isinstance(outcome, Unreadable) and outcome.file == str(folder):
            raise outcome.error
    return [Path(file) for file in inputs.files]
