"""The golden audits: what `schedproof audit` prints for every trace in ``examples/traces/``.

``python tests/golden/audits.py`` writes them anew; read the difference before it is committed.
"""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from pathlib import Path

import click

from schedproof import POLICIES
from schedproof_gate.audit.auditing import audit_trace
from schedproof_gate.audit.traces.forms import form_of
from schedproof_gate.deployment.deployment_file import read_deployments
from schedproof_gate.report.renderers import RENDERERS
from schedproof_gate.report.report import Report

ROOT = Path(__file__).parents[2]
TRACES = "examples/traces"
FOLDER = Path(__file__).parent / "audit"
FORMS = {"text": "txt", "json": "json"}


@dataclass(frozen=True)
class Case:
    """A trace with the deployment that it is of."""

    trace: str
    config: str
    policy: str | None = None


CASES = {
    case.trace: case
    for case in (
        Case("steps-7756.jsonl", "mixed-mtp.yaml", "7756"),
        Case("steps-original.jsonl", "mixed-mtp.yaml", "original"),
        Case("fastdeploy.log", "mixed-mtp.yaml", "original"),
        Case("vllm.log", "limits.yaml"),
        Case("sglang.log", "limits.yaml"),
        Case("tensorrt-llm.log", "limits.yaml"),
    )
}


def golden(trace: str, form: str) -> Path:
    """Return the file of a golden audit."""
    return FOLDER / f"{trace}.{FORMS[form]}"


@functools.cache
def report_of(trace: str) -> Report:
    """Return the report on a trace; the working directory is the root of the project."""
    case = CASES[trace]
    path = Path(TRACES, case.trace)
    (deployment,) = read_deployments(Path(TRACES, case.config))
    policy = None if case.policy is None else POLICIES[case.policy]
    return Report(subjects=(audit_trace(path, form_of(path), deployment, policy).subject,))


def main() -> None:
    """Write every golden audit anew, and remove those without a trace."""
    os.chdir(ROOT)
    FOLDER.mkdir(exist_ok=True)
    written = set()
    for trace in CASES:
        for form in FORMS:
            path = golden(trace, form)
            path.write_text(click.unstyle(RENDERERS[form](report_of(trace))), encoding="utf-8")
            written.add(path)
    for path in set(FOLDER.iterdir()) - written:
        path.unlink()


if __name__ == "__main__":
    main()
