"""The command ``schedproof policies``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from schedproof import POLICIES, Policy
from schedproof_gate.deployment.engines import named_policies
from schedproof_gate.errors import shown
from schedproof_gate.policies.matrix import Matrix, matrix_json, matrix_markdown, matrix_text, updated
from schedproof_gate.policies.stored import shipped_answer
from schedproof_gate.report.options import POLICY_METAVAR, colour_option, output_option, verify_option
from schedproof_gate.report.output import emit, write_atomically
from schedproof_gate.report.progress import progress
from schedproof_spec import INVARIANTS, Answer, new_answer


@click.command()
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True
)
@output_option
@colour_option
@click.option("--update", type=click.Path(path_type=Path), metavar="FILE", help="Rewrite the block of FILE.")
@click.option(
    "--check",
    "compare",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Exit with 1 if FILE is not current.",
)
@click.option(
    "--policy",
    "policy_names",
    multiple=True,
    metavar=POLICY_METAVAR,
    help="Add a rule of your own, whose module is run, as a column; several for several.",
)
@verify_option
def policies(
    form: str,
    output: Path | None,
    update: Path | None,
    compare: Path | None,
    policy_names: tuple[str, ...],
    verify: bool,
) -> int:
    """Which version keeps which invariant, in every configuration: proved, or refuted with a witness.

    The verdicts are those that the proof run of this release found; --verify decides them again, which takes a
    minute or two.
    """
    for document in (update, compare):
        if document is not None:
            updated(document, Matrix(()))
    own = [policy for policy in named_policies(policy_names) if policy.name not in POLICIES]
    matrix = Matrix(cells_of([*POLICIES.values(), *own], verify), own)
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
    texts = {"text": matrix_text, "json": matrix_json, "markdown": matrix_markdown}
    emit(texts[form](matrix), output)
    return code


def cells_of(policies: Iterable[Policy], verify: bool) -> list[Answer]:
    """Return the answer on every invariant under each policy."""
    answer = new_answer if verify else shipped_answer
    cells = []
    with progress() as tell:
        for policy in policies:
            for invariant in INVARIANTS.values():
                tell(f"{invariant.name} under {policy.name}")
                cells.append(answer(invariant, policy))
    return cells
