"""The page of rules says what the entries say."""

from proofs.rules_page import PAGE, page


def test_the_page_of_rules_is_current():
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m proofs.rules_page`"
