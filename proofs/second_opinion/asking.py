"""Asks cvc5 the questions that Z3 has answered, in an order and in shards that depend on their content alone.

What is asked is written down at once, so that asking can be broken off and taken up again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cvc5
from proofs.second_opinion.recording import read_question

from schedproof_spec.prover.second_solver import readable

RESOURCE_LIMIT = 100_000
"""cvc5's own units for one question: a count of work, so that load changes no answer."""

UNKNOWN = "unknown"
UNREAD = "unread"
"""What is said of a question that cvc5 cannot read, as it has a notation of Z3's own."""


def opinion(text: str) -> tuple[str, str]:
    """Return what cvc5 answers to a question in SMT-LIB 2: sat, unsat, unknown where it gives up, or unread.

    The second part says why a question was not read.
    """
    solver = cvc5.Solver(cvc5.TermManager())
    solver.setOption("rlimit-per", str(RESOURCE_LIMIT))
    parser = cvc5.InputParser(solver)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, f"(set-logic ALL)\n{readable(text)}", "question")
    symbols = parser.getSymbolManager()
    answers = []
    try:
        while not (command := parser.nextCommand()).isNull():
            answers.append(str(command.invoke(solver, symbols)).strip())
    except RuntimeError as error:
        return UNREAD, str(error).strip().splitlines()[0]
    answer = "".join(answers)
    return (answer if answer in ("sat", "unsat") else UNKNOWN), ""


def in_order(folder: Path) -> list[Path]:
    """Return the questions of a folder: first those that no state satisfies, on which what is held rests.

    Within the two kinds the order is that of the content's hash, so that the first ones are a random sample.
    """
    return sorted(folder.glob("*.smt2.gz"), key=lambda path: (z3_answer(path) != "unsat", path.name))


def z3_answer(path: Path) -> str:
    """Return what Z3 has said."""
    return path.name.partition("-")[0]


def shard_of(questions: Sequence[Path], number: int, of: int) -> list[Path]:
    """Return every ``of``-th question, from ``number`` on, which counts from 1."""
    return list(questions[number - 1 :: of])


def opinions_in(folder: Path) -> dict[str, tuple[str, str]]:
    """Return what cvc5 has said so far, by the question's file name, without a line that was broken off."""
    said: dict[str, tuple[str, str]] = {}
    for path in sorted(folder.glob("opinions*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                name, limit, answer, reason = json.loads(line)
            except ValueError:
                continue
            if limit == [cvc5.__version__, RESOURCE_LIMIT]:
                said[name] = answer, reason
    return said


def ask(folder: Path, number: int, of: int, most: int | None) -> Iterator[str]:
    """Ask what of a shard has not been asked yet, as many questions as are wanted; yield each question's name."""
    said = opinions_in(folder)
    left = [path for path in shard_of(in_order(folder), number, of) if path.name not in said]
    with (folder / f"opinions-{number}-of-{of}.jsonl").open("a", encoding="utf-8") as file:
        for path in left[:most]:
            answer, reason = opinion(read_question(path))
            file.write(json.dumps([path.name, [cvc5.__version__, RESOURCE_LIMIT], answer, reason]) + "\n")
            file.flush()
            yield path.name


@dataclass(slots=True)
class Compared:
    """What came of the questions of a folder."""

    questions: Counter[str] = field(default_factory=Counter)
    """How many there are, by what Z3 has said."""
    asked: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    """How often both agree, and how often cvc5 gives up."""
    unread: dict[str, list[str]] = field(default_factory=dict)
    """The questions that cvc5 cannot read, by the reason."""
    different: list[str] = field(default_factory=list)
    """The questions on which they differ, with both answers."""


def compare(folder: Path) -> Compared:
    """Put the answers of both beside one another."""
    compared, said = Compared(), opinions_in(folder)
    for path in in_order(folder):
        first = z3_answer(path)
        compared.questions[first] += 1
        if path.name not in said:
            continue
        second, reason = said[path.name]
        compared.asked[first] += 1
        if second == UNKNOWN:
            compared.answers[f"{first}, and cvc5 gives up"] += 1
        elif second == UNREAD:
            compared.answers[f"{first}, and cvc5 cannot read it"] += 1
            compared.unread.setdefault(reason, []).append(path.name)
        elif first == second:
            compared.answers[f"{first}, by both"] += 1
        else:
            compared.different.append(f"{path.name}: Z3 says {first}, cvc5 says {second}")
    return compared
