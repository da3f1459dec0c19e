"""Runs the proofs several times under several hash seeds; every run must write the same verdicts, byte for byte.

python -m proofs.repeat
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

HERE = Path(__file__).parent


@click.command()
@click.option("--runs", default=3, show_default=True, help="Runs under each hash seed.")
@click.option("--seeds", default="0,1,7438", show_default=True, help="Values of PYTHONHASHSEED.")
@click.argument("tests", nargs=-1)
def main(runs: int, seeds: str, tests: tuple[str, ...]) -> None:
    """Run the proofs, or some TESTS of them, and compare what they write."""
    chosen = tests or (str(HERE),)
    found = [verdicts(chosen, seed, run) for seed in seeds.split(",") for run in range(1, runs + 1)]
    if len(set(found)) > 1:
        raise click.ClickException("the verdicts differ")
    click.echo(f"{len(found)} runs, the same verdicts byte for byte")


def verdicts(tests: tuple[str, ...], seed: str, run: int) -> bytes:
    """Return what one run writes.

    Raises:
        ClickException: a proof fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "verdicts.json"
        begin = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *tests, "-q", "-p", "no:cacheprovider", "--verdicts", str(path)],
            cwd=HERE.parent,
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            written = (done.stdout or done.stderr).strip().splitlines()
            told = [line for line in written if line.startswith(("E  ", "FAILED", "ERROR"))] + written[-1:]
            raise click.ClickException("\n".join([f"PYTHONHASHSEED={seed}, run {run}:", *told]))
        content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:16]
    click.echo(f"PYTHONHASHSEED={seed}, run {run}: sha256 {digest}, {time.perf_counter() - begin:.0f} s")
    return content


if __name__ == "__main__":
    main()
