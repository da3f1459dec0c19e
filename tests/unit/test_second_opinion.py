"""Another solver is asked the very questions that the prover asked, and a difference is not overlooked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from proofs.second_opinion import __main__ as command
from proofs.second_opinion.asking import ask, compare, in_order, opinion, opinions_in, shard_of
from proofs.second_opinion.recording import read_question, write_question

RESULT = Path(__file__).parents[2] / "proofs" / "second_opinion" / "result.json"
README = RESULT.parents[2] / "README.md"

EVEN = "(declare-const x Int)\n(assert (= (* 2 x) {}))\n(check-sat)\n"


def write_even(folder: Path, said: dict[int, str]) -> None:
    """Write questions whether a number is even, with what Z3 is to have said."""
    for number, answer in said.items():
        write_question(folder, EVEN.format(number), answer)


def ask_all(folder: Path) -> int:
    """Ask everything that is left."""
    return sum(1 for _ in ask(folder, 1, 1, None))


@pytest.mark.parametrize(("number", "answer"), [(6, "sat"), (7, "unsat")])
def test_cvc5_answers(number: int, answer: str) -> None:
    assert opinion(EVEN.format(number)) == (answer, "")


def test_what_cvc5_gives_up_on_is_unknown() -> None:
    cubes = "(declare-const x Int)(declare-const y Int)(declare-const z Int)"
    text = f"{cubes}(assert (= (+ (* x x x) (* y y y) (* z z z)) 114))(check-sat)"
    assert opinion(text) == ("unknown", "")


def test_what_cvc5_cannot_read_is_counted_and_named(tmp_path: Path) -> None:
    write_question(tmp_path, "(declare-const x Int)\n(assert (no-such-operator x))\n(check-sat)\n", "sat")
    ask_all(tmp_path)
    compared = compare(tmp_path)
    assert compared.answers == {"sat, and cvc5 cannot read it": 1}
    assert list(compared.unread.values()) == [[in_order(tmp_path)[0].name]]
    assert "no-such-operator" in next(iter(compared.unread))
    assert compared.different == []


def test_a_difference_is_named(tmp_path: Path) -> None:
    write_even(tmp_path, {6: "sat", 7: "unsat", 8: "unsat"})
    ask_all(tmp_path)
    compared = compare(tmp_path)
    assert compared.answers == {"sat, by both": 1, "unsat, by both": 1}
    assert [each.partition(": ")[2] for each in compared.different] == ["Z3 says unsat, cvc5 says sat"]


def test_asking_is_taken_up_where_it_was_broken_off(tmp_path: Path) -> None:
    write_even(tmp_path, dict.fromkeys(range(0, 20, 2), "sat"))
    assert len(list(ask(tmp_path, 1, 1, 4))) == 4
    answers = tmp_path / "opinions-1-of-1.jsonl"
    answers.write_text(answers.read_text(encoding="utf-8")[:-9], encoding="utf-8")
    assert len(opinions_in(tmp_path)) == 3
    assert ask_all(tmp_path) == 7
    assert ask_all(tmp_path) <= 1, "the line that was broken off may have spoilt the next one"
    assert compare(tmp_path).answers == {"sat, by both": 10}


def test_answers_of_another_version_do_not_count(tmp_path: Path) -> None:
    write_even(tmp_path, {6: "sat"})
    name = in_order(tmp_path)[0].name
    line = json.dumps([name, ["0.1", 1], "unsat", ""])
    (tmp_path / "opinions-1-of-1.jsonl").write_text(f"{line}\n", encoding="utf-8")
    assert compare(tmp_path).asked == {}
    assert ask_all(tmp_path) == 1
    assert compare(tmp_path).different == []


def test_shards_share_the_questions(tmp_path: Path) -> None:
    write_even(tmp_path, {number: "unsat" if number % 2 else "sat" for number in range(20)})
    questions = in_order(tmp_path)
    shards = [shard_of(questions, number, 3) for number in (1, 2, 3)]
    assert sorted(path for shard in shards for path in shard) == sorted(questions)
    assert [path.name.startswith("unsat") for path in questions] == [True] * 10 + [False] * 10


def test_a_question_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_even(tmp_path, {6: "sat"})
    write_even(tmp_path, {6: "sat"})
    assert [read_question(path) for path in in_order(tmp_path)] == [EVEN.format(6)]


def test_the_command_asks_reports_and_fails_where_they_differ(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "RESULT", tmp_path / "result.json")
    write_even(tmp_path, {6: "sat", 8: "unsat"})
    runner = CliRunner()
    assert runner.invoke(command.main, ["ask", str(tmp_path), "--shard", "1/2"]).output == "1 questions asked\n"
    assert runner.invoke(command.main, ["ask", str(tmp_path), "--shard", "2/2"]).exit_code == 0
    assert runner.invoke(command.main, ["report", str(tmp_path)]).exit_code == 1
    written = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert (written["questions"], len(written["different"])) == ({"sat": 1, "unsat": 1}, 1)
    assert "expected I/N" in runner.invoke(command.main, ["ask", str(tmp_path), "--shard", "3/2"]).output


def test_the_readme_says_what_was_asked() -> None:
    result, readme = json.loads(RESULT.read_text(encoding="utf-8")), README.read_text(encoding="utf-8")
    said = " ".join(readme.split())
    for kind in ("unsat", "sat"):
        assert f"{result['asked'].get(kind, 0):,} of {result['questions'][kind]:,} (*{kind}*)" in said


def test_the_stored_comparison_found_no_difference() -> None:
    result = json.loads(RESULT.read_text(encoding="utf-8"))
    assert result["different"] == []
    assert sum(result["asked"].values()) == sum(result["answers"].values()) > 0
    unread = sum(count for said, count in result["answers"].items() if said.endswith("cannot read it"))
    assert unread == sum(map(len, result["unread"].values()))
