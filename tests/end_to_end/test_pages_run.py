"""The Python code of the pages runs, in their order, prints what they say, and passes a strict type checker."""

from __future__ import annotations

import linecache
import re
from pathlib import Path
from typing import Any

import pytest
from mypy import api

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/engine.md", "docs/loops.md", "docs/policy.md", "docs/vllm.md")
PRINTED = r"(?:\n```text\n(?P<printed>.*?)^```\n)?"
BLOCK = re.compile(r"^```python\n(?P<code>.*?)^```\n" + PRINTED, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", PAGES)
def test_the_code_of_a_page_prints_what_the_page_says(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = list(BLOCK.finditer(text))
    assert len(blocks) == text.count("```python") > 0
    known: dict[str, Any] = {}
    for block in blocks:
        line = text.count("\n", 0, block.start("code"))
        source, filename = "\n" * line + block["code"], f"{page} from line {line + 1}"
        linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
        exec(compile(source, filename, "exec", dont_inherit=True), known)
        printed = capsys.readouterr().out
        if block["printed"] is not None:
            assert printed == block["printed"], f"{page}, line {line + 1}"


@pytest.mark.parametrize("page", ["docs/loops.md", "docs/policy.md"])
def test_the_code_of_a_page_passes_a_strict_type_checker(page: str, tmp_path: Path) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    code = tmp_path / "page.py"
    code.write_text("\n\n".join(block["code"] for block in BLOCK.finditer(text)), encoding="utf-8")
    options = ["--strict", "--config-file=", f"--cache-dir={tmp_path / 'cache'}"]
    found, problems, code_of_exit = api.run([*options, str(code)])
    assert (code_of_exit, problems) == (0, ""), found
