"""The matrix as people see it; its cells are the prover's and are tested with the proofs."""

import json
from pathlib import Path

import click
import pytest

from schedproof import NEWEST, POLICIES, REFERENCE, __version__
from schedproof_gate.errors import InputError
from schedproof_gate.policies.matrix import BEGIN, END, Matrix, matrix_json, matrix_markdown, matrix_text, updated
from schedproof_spec import INVARIANTS, Status, known_answer, new_answer

CHEAP = ["decode_fits_budget", "message_fits"]


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    return Matrix(new_answer(INVARIANTS[name], policy) for policy in (NEWEST, REFERENCE) for name in CHEAP)


def test_rows_and_columns_keep_their_order(matrix: Matrix) -> None:
    assert matrix.policies == [NEWEST.name, REFERENCE.name]
    assert matrix.invariants == CHEAP
    assert matrix.is_decided


def test_a_matrix_with_an_open_cell_is_not_decided(matrix: Matrix) -> None:
    cell = matrix.cells[CHEAP[0], REFERENCE.name]
    for status in (Status.UNDECIDED, Status.VACUOUS):
        opened = type(cell)(
            **{name: getattr(cell, name) for name in cell.__dataclass_fields__} | {"status": status}
        )
        assert not Matrix([opened]).is_decided


def test_text_fits_80_columns_and_explains_its_letters(matrix: Matrix) -> None:
    text = matrix_text(matrix)
    assert "\x1b" not in text
    assert all(len(line) <= 80 for line in text.splitlines())
    assert NEWEST.source in " ".join(text.split())
    with click.Context(
        click.Command("policies"),
    ) as context:
        context.color = True
        assert "\x1b" in matrix_text(matrix)


def test_stored_answers_are_said_to_be_stored(matrix: Matrix) -> None:
    stored = Matrix(known_answer(INVARIANTS[name], policy) for policy in (NEWEST, REFERENCE) for name in CHEAP)
    sentence = f"As the proof run of schedproof {__version__} decided; --verify decides again."
    assert sentence in matrix_text(stored)
    assert sentence not in matrix_text(matrix)
    assert matrix_markdown(stored) == matrix_markdown(matrix)
    assert {cell["is_stored"] for cell in json.loads(matrix_json(stored))["cells"]} == {True}


def test_markdown_has_a_row_for_each_invariant(matrix: Matrix) -> None:
    lines = matrix_markdown(matrix).splitlines()
    assert lines[0] == f"| | {NEWEST.name} | {REFERENCE.name} |"
    assert [line.split("`")[1] for line in lines[2:4]] == CHEAP
    for line, name in zip(lines[2:4], CHEAP, strict=True):
        symbols = [cell.strip() for cell in line.split("|")[2:4]]
        expected = [{"held": "✓", "violated": "✗"}[matrix.cells[name, p].status] for p in matrix.policies]
        assert symbols == expected


def test_json_has_every_cell_with_its_witness(matrix: Matrix) -> None:
    document = json.loads(matrix_json(matrix))
    assert document["schema"] == "schedproof/policies/2"
    assert [policy["name"] for policy in document["policies"]] == matrix.policies
    assert {each["name"]: each["consequence"] for each in document["invariants"]} == {
        name: INVARIANTS[name].consequence.value for name in CHEAP
    }
    assert len(document["cells"]) == 4
    for cell in document["cells"]:
        assert (cell["witness"] is not None) == (cell["status"] == "violated")


def test_the_block_of_a_document_is_replaced_and_stays_replaced(matrix: Matrix, tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    old, new = updated(path, matrix)
    assert old != new
    assert new == f"before\n{BEGIN}\n{matrix_markdown(matrix)}{END}\nafter\n"
    path.write_text(new, encoding="utf-8")
    assert updated(path, matrix) == (new, new)


@pytest.mark.parametrize("text", ["x", BEGIN, END + BEGIN, BEGIN + END + BEGIN + END, BEGIN + BEGIN + END])
def test_a_document_without_its_two_markers_is_refused(text: str, matrix: Matrix, tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="once each"):
        updated(path, matrix)


def test_there_is_a_letter_for_every_policy() -> None:
    assert len(POLICIES) <= 26
