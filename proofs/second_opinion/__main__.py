"""Runs the proofs, asks cvc5 every question that Z3 answered, and writes what came of it to `result.json`.

python -m proofs.second_opinion [--sample N] [--seed S] [--processes P] [-- PYTEST_ARGUMENTS...]
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import click
import cvc5
import z3
from proofs.second_opinion.asking import RESOURCE_LIMIT, chosen, compare

ROOT = Path(__file__).parents[2]
RESULT = Path(__file__).parent / "result.json"


@click.command()
@click.option("--sample", type=click.IntRange(min=1), help="Ask this many questions, drawn at random, and not all.")
@click.option("--seed", type=int, default=1, show_default=True, help="What the sample is drawn with.")
@click.option("--processes", type=click.IntRange(min=1), default=2, show_default=True)
@click.argument("pytest_arguments", nargs=-1)
def main(sample: int | None, seed: int, processes: int, pytest_arguments: tuple[str, ...]) -> None:
    """Ask cvc5 what Z3 has answered; exit with 1 when they differ."""
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        recorder = ["-p", "proofs.second_opinion.recording", "--questions", str(folder)]
        arguments = ["-q", "-n", str(processes), *recorder, *(pytest_arguments or ("proofs",))]
        ran = subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=ROOT, check=False)
        if ran.returncode != 0:
            raise click.ClickException("the proofs are not green; mend them first")
        num_questions = len(list(folder.glob("*.smt2")))
        questions = chosen(folder, sample, seed)
        counts, different = compare(questions, processes)
    result = {
        "proofs": " ".join(pytest_arguments) or "all",
        "questions": num_questions,
        "asked": len(questions),
        "seed": seed if len(questions) < num_questions else None,
        "answers": dict(sorted(counts.items())),
        "different": sorted(different),
        "cvc5_resource_limit": RESOURCE_LIMIT,
        "versions": {"cvc5": cvc5.__version__, "z3": z3.get_version_string()},
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    click.echo(json.dumps(result, indent=1))
    if different:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
