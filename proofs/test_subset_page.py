"""The page of what a rule may be made of says what the list says, and the list says what the reader does."""

from __future__ import annotations

import ast

from proofs.subset_page import PAGE, page

from schedproof_spec.prover.subset.language import REFUSED, SYNTAX
from schedproof_spec.prover.subset.reader import Reader


def test_the_page_of_the_list_is_current():
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m proofs.subset_page`"


def test_every_statement_and_expression_of_python_is_on_the_list_or_refused_by_name():
    known = {kind.__name__ for kind in SYNTAX} | set(REFUSED)
    kinds = [kind for base in (ast.stmt, ast.expr) for kind in base.__subclasses__()]
    parts_of_others = {"FormattedValue"}
    unnamed = {kind.__name__ for kind in kinds} - known - parts_of_others
    assert unnamed <= {"TypeAlias", "TemplateStr", "Interpolation"}, "new syntax is refused until it is listed"


def test_every_listed_statement_has_a_reader():
    for kind in SYNTAX:
        if issubclass(kind, ast.stmt):
            assert hasattr(Reader, f"_{kind.__name__}")
