"""Asks cvc5 the questions that Z3 has answered."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cvc5

RESOURCE_LIMIT = 1_000_000
"""cvc5's own units for one question: a count of work, so that load changes no answer."""

UNKNOWN = "unknown"
UNREAD = "unread"
"""What is said of a question that cvc5 cannot read, as it has a notation of Z3's own."""


def opinion(text: str) -> str:
    """Return what cvc5 answers to a question in SMT-LIB 2: sat, unsat, unknown where it gives up, or unread."""
    solver = cvc5.Solver(cvc5.TermManager())
    solver.setOption("rlimit-per", str(RESOURCE_LIMIT))
    parser = cvc5.InputParser(solver)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, f"(set-logic ALL)\n{text}", "question")
    symbols = parser.getSymbolManager()
    answers = []
    try:
        while not (command := parser.nextCommand()).isNull():
            answers.append(str(command.invoke(solver, symbols)).strip())
    except RuntimeError:
        return UNREAD
    answer = "".join(answers)
    return answer if answer in ("sat", "unsat") else UNKNOWN


def answers_to(path: Path) -> tuple[str, str, str]:
    """Return the name of a question, Z3's answer, and cvc5's."""
    return path.name, path.name.partition("-")[0], opinion(path.read_text(encoding="utf-8"))


def chosen(folder: Path, most: int | None, seed: int) -> list[Path]:
    """Return the questions of a folder in the order of their names, or that many of them, drawn at random."""
    questions = sorted(folder.glob("*.smt2"))
    if most is None or most >= len(questions):
        return questions
    return sorted(random.Random(seed).sample(questions, most))


def compare(questions: Iterable[Path], num_processes: int) -> tuple[Counter[str], list[str]]:
    """Return how often both agree and how often cvc5 gives up, and the names of questions on which they differ."""
    counts: Counter[str] = Counter()
    different = []
    with ProcessPoolExecutor(num_processes) as pool:
        for name, first, second in pool.map(answers_to, questions, chunksize=20):
            if second == UNKNOWN:
                counts[f"{first}, and cvc5 gives up"] += 1
            elif second == UNREAD:
                counts[f"{first}, and cvc5 cannot read it"] += 1
            elif first == second:
                counts[f"{first}, by both"] += 1
            else:
                different.append(f"{name}: Z3 says {first}, cvc5 says {second}")
    return counts, different
