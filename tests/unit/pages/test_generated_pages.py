"""The pages that are written from the code say what the code says."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from pages import commands, schemas

from schedproof_gate.command_line import COMMANDS, cli


def test_the_page_of_commands_is_current() -> None:
    assert commands.PAGE.read_text(encoding="utf-8") == commands.page(), "run `python -m pages.commands`"


@pytest.mark.parametrize(("path", "text"), schemas.pages().items(), ids=lambda each: getattr(each, "name", ""))
def test_a_page_of_a_schema_is_current(path: Path, text: str) -> None:
    assert path.read_text(encoding="utf-8") == text, "run `python -m pages.schemas`"


def test_every_option_of_every_command_is_on_the_page() -> None:
    text = commands.PAGE.read_text(encoding="utf-8")
    for name in COMMANDS:
        section = text.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        options = [each for each in command.params if isinstance(each, click.Option) and not each.hidden]
        words = [word for option in options for word in option.opts]
        assert [word for word in words if word not in section] == []
