"""Text fits its reader: width, colours, and how much is said."""

import io
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace

import click
import pytest
from rich.console import Console

from schedproof_gate.report.layout import Detail, has_colours, layout, set_detail, set_width, terminal_width
from schedproof_gate.report.options import layout_options, output_option
from schedproof_gate.report.progress import progress
from schedproof_gate.report.renderers import RENDERERS
from schedproof_gate.report.report import NotApplicable, Report, Result, Subject, Unread
from schedproof_spec import Consequence, Status

SENTENCE = "The tokens that a step really runs never exceed max_num_batched_tokens, whatever else happens in it."


@pytest.fixture
def context() -> Iterator[click.Context]:
    with click.Context(click.Command("check")) as context:
        yield context


def result(name: str, status: Status, consequence: Consequence) -> Result:
    return Result(
        invariant=name, sentence=SENTENCE, status=status, scope="this run", consequence=consequence, file="a.yaml"
    )


REPORT = Report(
    subjects=(
        Subject(
            source="a.yaml",
            engine="fastdeploy",
            policy="7756",
            config={},
            results=(
                result("no_overshoot", Status.VIOLATED, Consequence.CRASH),
                result("budget_tight", Status.VIOLATED, Consequence.COST),
                result("progress", Status.HELD, Consequence.STALL),
            ),
            not_applicable=(NotApplicable(invariant="message_fits", reason="it sends nothing"),),
        ),
    )
)


def text() -> str:
    return click.unstyle(RENDERERS["text"](REPORT))


@pytest.mark.parametrize("width", [60, 80, 120])
def test_lines_are_as_long_as_the_layout_says(context: click.Context, width: int) -> None:
    set_width(context, width)
    assert width - 25 < max(map(len, text().splitlines())) <= width


def test_quiet_says_verdicts_and_what_counts(context: click.Context) -> None:
    set_detail(context, Detail.QUIET)
    assert text() == "VIOLATED  a.yaml\n  VIOLATED  no_overshoot: crash\n"


def test_verbose_says_what_held_rules_say(context: click.Context) -> None:
    before = text()
    set_detail(context, Detail.VERBOSE)
    assert before.count("never exceed") == 2
    assert text().count("never exceed") == 3
    assert "  HELD  progress: stall\n" in text()


def test_files_that_were_not_read_are_counted_and_listed_with_verbose_only(context: click.Context) -> None:
    report = replace(REPORT, skipped=("notes.md", "a\nb"))

    def lines() -> list[str]:
        return click.unstyle(RENDERERS["text"](report)).splitlines()

    usual = lines()
    assert usual[-1].strip() == "2 other files not read: nothing there looks like a deployment."
    set_detail(context, Detail.VERBOSE)
    assert lines()[-2:] == ["    notes.md", "    a\\nb"]
    set_detail(context, Detail.QUIET)
    assert lines() == ["VIOLATED  a.yaml", "  VIOLATED  no_overshoot: crash"]


def test_quiet_says_what_could_not_be_read_and_that_there_was_nothing(context: click.Context) -> None:
    set_detail(context, Detail.QUIET)
    unread = Unread(source="b", deployment_file="b", file="b", line=None, key="", message="m", text="b: m")
    assert click.unstyle(RENDERERS["text"](Report(subjects=(), unread=(unread,)))) == "ERROR  b\n  b: m\n"
    nothing = "VACUOUS  0 deployments, 0 of them with every check held\n"
    assert click.unstyle(RENDERERS["text"](Report(subjects=()))) == nothing


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("columns", "width"), [("100", 100), ("20", 60), ("400", 120)])
def test_the_width_is_the_terminal_s_within_limits(
    columns: str, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert terminal_width() == 80
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert terminal_width() == width


@click.command()
@output_option
@layout_options
def shown(output: str | None) -> tuple[bool, int, Detail]:
    return has_colours(), layout().width, layout().detail


@pytest.mark.parametrize(
    ("words", "no_color", "expected"),
    [
        ([], "", (True, 100, Detail.USUAL)),
        ([], "1", (False, 100, Detail.USUAL)),
        (["--color", "always"], "1", (True, 100, Detail.USUAL)),
        (["--color", "never", "-q"], "", (False, 100, Detail.QUIET)),
        (["--output", "report.txt", "-v"], "", (True, 80, Detail.VERBOSE)),
    ],
)
def test_options_and_the_environment_decide(
    words: list[str], no_color: str, expected: tuple[bool, int, Detail], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert shown.main(words, standalone_mode=False) == expected


def test_progress_is_for_terminals_and_for_what_takes_long() -> None:
    file, terminal, quick = io.StringIO(), io.StringIO(), io.StringIO()
    with progress(Console(file=file), patience_s=0) as tell:
        tell("a.yaml: progress")
    with progress(Console(file=quick, force_terminal=True), patience_s=60) as tell:
        tell("a.yaml: progress")
    with progress(Console(file=terminal, force_terminal=True), patience_s=0) as tell:
        tell("a.yaml: progress")
        for timer in [each for each in threading.enumerate() if isinstance(each, threading.Timer)]:
            timer.join()
    assert (file.getvalue(), quick.getvalue()) == ("", "")
    assert "a.yaml: progress" in terminal.getvalue()
