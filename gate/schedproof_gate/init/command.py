"""The command ``schedproof init``."""

from __future__ import annotations

from pathlib import Path

import click

from schedproof_gate.errors import InputError, shown
from schedproof_gate.init.files import (
    PRE_COMMIT,
    PROJECT_FILE,
    PROJECT_TEXT,
    WORKFLOW,
    pre_commit_entry,
    pre_commit_text,
    workflow_text,
)
from schedproof_gate.init.finding import deployments_below


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path), default=Path())
@click.option("--github", is_flag=True, help=f"Write {WORKFLOW.as_posix()}.")
@click.option("--pre-commit", is_flag=True, help=f"Write {PRE_COMMIT}, or print what to add to it.")
def init(folder: Path, github: bool, pre_commit: bool) -> int:
    """Put the check into a project: a schedproof.toml, and a GitHub workflow or pre-commit hook if asked for.

    FOLDER is the root of the project, the working directory if not given. Its deployments are those that
    `schedproof check FOLDER` reads. A file that is there is never changed.
    """
    files = [path.relative_to(folder).as_posix() for path in deployments_below(folder)]
    if not files:
        raise InputError(
            "no deployment is found here or below",
            source=str(folder),
            advice="write one with `engine:` and `args:`, or name your launch script *.sh",
        )
    click.echo(f"deployments: {', '.join(shown(file) for file in files)}")
    write_new(folder / PROJECT_FILE, PROJECT_TEXT)
    if github:
        write_new(folder / WORKFLOW, workflow_text(files))
    if pre_commit and not write_new(folder / PRE_COMMIT, pre_commit_text(files)):
        click.echo(f"add to its `repos`:\n\n{pre_commit_entry(files)}", nl=False)
    return 0


def write_new(path: Path, text: str) -> bool:
    """Write a file that is not there yet, say what was done, and return whether it was written.

    Raises:
        InputError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        click.echo(f"{shown(str(path))} is there and stays as it is")
        return False
    except OSError as error:
        raise InputError(
            f"cannot be written ({error.strerror})", source=str(path), advice="check the folder's permissions"
        ) from None
    click.echo(f"wrote {shown(str(path))}")
    return True
