"""Another solver is asked the very questions that the prover asked, and a difference is not overlooked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from proofs.second_opinion.asking import chosen, compare, opinion
from proofs.second_opinion.recording import write_question

RESULT = Path(__file__).parents[2] / "proofs" / "second_opinion" / "result.json"

EVEN = "(declare-const x Int)\n(assert (= (* 2 x) {}))\n(check-sat)\n"


@pytest.mark.parametrize(("number", "answer"), [(6, "sat"), (7, "unsat")])
def test_cvc5_answers(number: int, answer: str) -> None:
    assert opinion(EVEN.format(number)) == answer


def test_what_cvc5_gives_up_on_is_unknown() -> None:
    cubes = "(declare-const x Int)(declare-const y Int)(declare-const z Int)"
    assert opinion(f"{cubes}(assert (= (+ (* x x x) (* y y y) (* z z z)) 114))(check-sat)") == "unknown"


def test_what_cvc5_cannot_read_is_counted_apart(tmp_path: Path) -> None:
    write_question(tmp_path, "(declare-const x Int)\n(assert (no-such-operator x))\n(check-sat)\n", "sat")
    counts, different = compare(chosen(tmp_path, None, seed=1), num_processes=1)
    assert counts == {"sat, and cvc5 cannot read it": 1}
    assert different == []


def test_a_difference_is_named(tmp_path: Path) -> None:
    for number, said in ((6, "sat"), (7, "unsat"), (8, "unsat")):
        write_question(tmp_path, EVEN.format(number), said)
    counts, different = compare(chosen(tmp_path, None, seed=1), num_processes=1)
    assert counts == {"sat, by both": 1, "unsat, by both": 1}
    assert [each.partition(": ")[2] for each in different] == ["Z3 says unsat, cvc5 says sat"]


def test_a_sample_is_the_same_for_a_seed(tmp_path: Path) -> None:
    for number in range(20):
        write_question(tmp_path, EVEN.format(number), "sat")
    assert chosen(tmp_path, 5, seed=3) == chosen(tmp_path, 5, seed=3)
    assert len(chosen(tmp_path, 5, seed=3)) == 5
    assert len(chosen(tmp_path, None, seed=3)) == 20


def test_the_stored_comparison_found_no_difference() -> None:
    result = json.loads(RESULT.read_text(encoding="utf-8"))
    assert result["different"] == []
    assert result["asked"] == sum(result["answers"].values()) > 0
