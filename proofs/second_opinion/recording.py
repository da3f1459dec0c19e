"""A pytest plugin that writes down what the prover asks and what Z3 answers, each question once.

``--questions FOLDER`` is where a file ``ANSWER-HASH.smt2.gz`` is written for each; questions that Z3 leaves open
are asked again by the prover itself, and are not written.
"""

from __future__ import annotations

import gzip
import hashlib
import os
from pathlib import Path

import pytest
import z3

from schedproof_spec.prover.inquiry import SolverWork


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--questions", type=Path, required=True, help="where the questions are written")


def pytest_configure(config: pytest.Config) -> None:
    folder: Path = config.getoption("--questions")
    folder.mkdir(parents=True, exist_ok=True)
    ask = SolverWork.check

    def check(work: SolverWork, solver: z3.Solver) -> z3.CheckSatResult:
        answer = ask(work, solver)
        if answer != z3.unknown:
            write_question(folder, solver.to_smt2(), str(answer))
        return answer

    SolverWork.check = check  # type: ignore[method-assign]


def write_question(folder: Path, text: str, answer: str) -> None:
    """Write a question whose content is new; a run that is broken off leaves no half of one."""
    path = folder / f"{answer}-{hashlib.sha256(text.encode()).hexdigest()[:32]}.smt2.gz"
    if not path.exists():
        unfinished = path.with_suffix(f".{os.getpid()}")
        unfinished.write_bytes(gzip.compress(text.encode(), compresslevel=1, mtime=0))
        unfinished.rename(path)


def read_question(path: Path) -> str:
    """Return a question's text."""
    return gzip.decompress(path.read_bytes()).decode()
