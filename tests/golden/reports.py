"""The golden reports: what `schedproof check` prints for every deployment in ``examples/``.

``python tests/golden/reports.py`` writes them anew; read the difference before it is committed.
"""

import functools
import os
from pathlib import Path

import click

from schedproof_gate.check.checking import check
from schedproof_gate.deployment.deployment_file import read_deployments
from schedproof_gate.report.renderers import RENDERERS
from schedproof_gate.report.report import Report

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).parent / "check"
FORMS = {"text": "txt", "json": "json"}


def examples() -> list[str]:
    """Return the deployments of ``examples/``, as a person names them from the root of the project."""
    files = (path for path in (ROOT / "examples").iterdir() if path.is_file() and path.suffix != ".md")
    return sorted(path.relative_to(ROOT).as_posix() for path in files)


def golden(example: str, form: str) -> Path:
    """Return the file of a golden report."""
    return FOLDER / f"{Path(example).name}.{FORMS[form]}"


@functools.cache
def report_of(example: str) -> Report:
    """Return the report on an example; the working directory is the root of the project."""
    return Report(subjects=tuple(check(deployment) for deployment in read_deployments(Path(example))))


def main() -> None:
    """Write every golden report anew, and remove those without an example."""
    os.chdir(ROOT)
    FOLDER.mkdir(exist_ok=True)
    written = set()
    for example in examples():
        report = report_of(example)
        for form in FORMS:
            path = golden(example, form)
            path.write_text(click.unstyle(RENDERERS[form](report)), encoding="utf-8")
            written.add(path)
    for path in set(FOLDER.iterdir()) - written:
        path.unlink()


if __name__ == "__main__":
    main()
