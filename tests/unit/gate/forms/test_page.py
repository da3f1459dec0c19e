"""The examples of the page on deployments are all the same node."""

import re
from pathlib import Path

import pytest
from reading_forms import only, written

from schedproof import Role

PAGE = Path(__file__).parents[4] / "docs" / "deployments.md"
EXAMPLE = re.compile(r"^```\w+ title=\"(?P<name>\S+)\"\n(?P<text>.*?)^```\n", re.DOTALL | re.MULTILINE)
EXAMPLES = {match["name"]: match["text"] for match in EXAMPLE.finditer(PAGE.read_text(encoding="utf-8"))}


def test_there_is_an_example_for_every_form_that_can_have_one() -> None:
    assert len(EXAMPLES) == 10


@pytest.mark.parametrize("name", list(EXAMPLES))
def test_an_example_is_the_decode_node(name: str, tmp_path: Path) -> None:
    deployment = only(written(tmp_path, name, EXAMPLES[name]))
    assert (deployment.config.role, deployment.config.max_num_seqs) == (Role.DECODE, 10)
    assert deployment.config.has_router
