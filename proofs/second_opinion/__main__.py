"""Runs proofs, asks cvc5 every question that Z3 answered on the way, and writes what came of it to `result.json`.

python -m proofs.second_opinion record FOLDER [-- PYTEST_ARGUMENTS...]
python -m proofs.second_opinion ask FOLDER [--shard I/N] [--most M]
python -m proofs.second_opinion report FOLDER

All three can be broken off and run again: what a folder holds is neither recorded nor asked a second time.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import cvc5
import z3
from proofs.second_opinion.asking import RESOURCE_LIMIT, ask, compare

ROOT = Path(__file__).parents[2]
RESULT = Path(__file__).parent / "result.json"
RECORDED = "recorded.txt"
"""In a folder: the arguments of each run of the proofs whose questions it holds."""

FOLDER = click.argument("folder", type=click.Path(file_okay=False, path_type=Path))


@click.group()
def main() -> None:
    """Ask cvc5 what Z3 has answered."""


@main.command()
@FOLDER
@click.argument("pytest_arguments", nargs=-1)
def record(folder: Path, pytest_arguments: tuple[str, ...]) -> None:
    """Run proofs (all, or those that the arguments name) and write down their questions."""
    arguments = pytest_arguments or ("proofs",)
    recorder = ["-p", "proofs.second_opinion.recording", "--questions", str(folder.absolute())]
    ran = subprocess.run([sys.executable, "-m", "pytest", "-q", *recorder, *arguments], cwd=ROOT, check=False)
    if ran.returncode != 0:
        raise click.ClickException("the proofs are not green; mend them first")
    with (folder / RECORDED).open("a", encoding="utf-8") as file:
        file.write(" ".join(arguments) + "\n")


@main.command("ask")
@FOLDER
@click.option("--shard", default="1/1", show_default=True, help="Ask the I-th of N shares of the questions: I/N.")
@click.option("--most", type=click.IntRange(min=1), help="Ask no more than this many.")
def ask_shard(folder: Path, shard: str, most: int | None) -> None:
    """Ask what has not been asked yet."""
    number, _, of = shard.partition("/")
    if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
        raise click.BadParameter(f"expected I/N with 1 <= I <= N, such as 2/4, got {shard}", param_hint="--shard")
    click.echo(f"{sum(1 for _ in ask(folder, int(number), int(of), most))} questions asked")


@main.command()
@FOLDER
def report(folder: Path) -> None:
    """Write the result; exit with 1 when the two solvers differ."""
    compared = compare(folder)
    recorded = folder / RECORDED
    result = {
        "proofs": sorted(set(recorded.read_text(encoding="utf-8").splitlines())) if recorded.exists() else [],
        "questions": dict(sorted(compared.questions.items())),
        "asked": dict(sorted(compared.asked.items())),
        "answers": dict(sorted(compared.answers.items())),
        "unread": compared.unread,
        "different": compared.different,
        "cvc5_resource_limit": RESOURCE_LIMIT,
        "versions": {"cvc5": cvc5.__version__, "z3": z3.get_version_string()},
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    click.echo(json.dumps(result, indent=1))
    if compared.different:
        raise SystemExit(1)


if __name__ == "__main__":
    main(prog_name="python -m proofs.second_opinion")
