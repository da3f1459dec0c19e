"""Writes docs/reference/commands.md, each command with every option, from the commands themselves.

python -m pages.commands
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import click

from schedproof_gate.command_line import COMMANDS, cli

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "commands.md"

HEAD = """# Commands

Every command and every option, as `--help` says them. `python -m pages.commands` writes this page from the commands
themselves, and a test fails when the two differ.

"""


def page() -> str:
    """Return the page."""
    group = click.Context(cli, info_name="schedproof", **cli.context_settings)
    contexts = []
    for name in COMMANDS:
        command = cli.get_command(group, name)
        assert command is not None
        contexts.append(click.Context(command, info_name=name, parent=group))
    listed = "".join(f"| [`{each.info_name}`](#{each.info_name}) | {summary(each)} |\n" for each in contexts)
    parts = [HEAD, "| command | does |\n|:--|:--|\n", listed, "\n", description(cli), options(group)]
    for each in contexts:
        parts += [f"\n## {each.info_name}\n\n", f"```text\n{usage(each)}\n```\n\n"]
        parts += [description(each.command), options(each)]
    return "".join(parts)


def usage(context: click.Context) -> str:
    """Return how a command is called, on one line."""
    return " ".join([context.command_path, *context.command.collect_usage_pieces(context)])


def summary(context: click.Context) -> str:
    """Return the first sentence of a command's help."""
    return in_cell(paragraphs(context.command)[0])


def description(command: click.Command) -> str:
    """Return a command's help."""
    return "".join(f"{text}\n\n" for text in paragraphs(command))


def paragraphs(command: click.Command) -> list[str]:
    """Return the paragraphs of a command's help, each on one line."""
    return [" ".join(text.split()) for text in inspect.cleandoc(command.help or "").split("\n\n")]


def options(context: click.Context) -> str:
    """Return a table of a command's options."""
    rows = "".join(f"| {names} | {in_cell(text)} |\n" for names, text in option_rows(context))
    return f"| option | |\n|:--|:--|\n{rows}"


def option_rows(context: click.Context) -> Iterator[tuple[str, str]]:
    """Yield each option as `--help` shows it: its names with what follows them, and what it does.

    The last one is written here, since a command keeps the option that it made for its first context.
    """
    for parameter in context.command.params:
        record = parameter.get_help_record(context)
        if isinstance(parameter, click.Option) and record is not None:
            names, text = record
            yield f"`{in_cell(names)}`", " ".join(text.split())
    yield f"`{', '.join(context.help_option_names)}`", "Show this message and exit."


def in_cell(text: str) -> str:
    """Return text that may stand in a table."""
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
