"""The report for a person: the verdict first, then what to change."""

import itertools
import textwrap
from collections.abc import Iterable

import click

from schedproof_gate.accept.acceptance import Acceptance
from schedproof_gate.errors import shown
from schedproof_gate.report.layout import Detail, layout
from schedproof_gate.report.report import ERROR, STARTUP, FlagValue, Report, Result, Subject, Unread
from schedproof_gate.report.wording import (
    listed,
    over_words,
    plural,
    repair_advice,
    repair_sentence,
    warning_sentence,
    with_consequence,
)
from schedproof_spec import Status

LABEL_WIDTH = 10

COLOURS = {Status.HELD: "green", Status.VIOLATED: "red", Status.UNDECIDED: "yellow", Status.VACUOUS: "yellow"}


def render_text(report: Report) -> str:
    """Return the report in the layout's columns; only commands to copy are longer.

    Colours go away outside a terminal.
    """
    if layout().detail is Detail.QUIET:
        return quiet_text(report)
    blocks = [subject_lines(subject, report) for subject in report.subjects]
    blocks += [unread_lines(unread) for unread in report.unread]
    if len(report.subjects) + len(report.unread) != 1 or report.skipped:
        blocks.append(summary_lines(report))
    if report.warnings:
        blocks.append([line for warning in report.warnings for line in wrapped(warning_sentence(warning), 0)])
    return "\n".join("\n".join(block) + "\n" for block in blocks)


def quiet_text(report: Report) -> str:
    """Return the verdicts, what counts against them, and what could not be read."""
    lines = []
    for subject in report.subjects:
        lines.append(f"{styled(subject.verdict)}  {subject.source}")
        bad = (result for result in subject.results if result.status is not Status.HELD and report.counts(result))
        lines += [f"  {styled(result.status)}  {headline(result)}" for result in bad]
    lines += [line for unread in report.unread for line in unread_lines(unread)]
    return "\n".join(lines or summary_lines(report)) + "\n"


def subject_lines(subject: Subject, report: Report) -> list[str]:
    """Return one deployment: how it came out, what to change, what was found, and what held."""
    lines = [f"{styled(subject.verdict)}  {subject.source}", *wrapped(scope_sentence(subject), 2)]
    for note in (*subject.notes, *uncounted_notes(subject.results, report)):
        lines += wrapped(f"Note: {note}.", 2)
    bad = [result for result in subject.results if result.status is not Status.HELD]
    repairs = next((result.repairs for result in bad if result.repairs), ())
    everything = "everything that is checked" if subject.not_checked else "everything"
    change = f"{repair_sentence(repairs)}. Then {everything} holds. " if repairs else ""
    change = next((f"{repair_advice(result)} " for result in bad if result.invariant == STARTUP), change)
    if change or subject.advice:
        lines += ["", *labelled("change", f"{change}{subject.advice}".rstrip())]
    for result in bad:
        lines += ["", *result_lines(result)]
    held = subject.with_status(Status.HELD)
    if held or subject.not_applicable or subject.not_checked:
        lines.append("")
    if held and layout().detail is Detail.VERBOSE:
        lines += [line for result in held for line in held_lines(result)]
    elif held:
        names = ", ".join(result.invariant for result in held)
        lines += wrapped(f"Held: {names}", 2)
    for solver in dict.fromkeys(result.settled_by for result in held if result.settled_by):
        names = ", ".join(result.invariant for result in held if result.settled_by == solver)
        lines += wrapped(f"Settled by {solver}, where Z3 gives up: {names}", 2)
    for skipped in subject.not_applicable:
        lines += wrapped(f"Does not apply: {skipped.invariant}, {decapitalised(skipped.reason)}", 2)
    for reason, group in itertools.groupby(subject.not_checked, lambda skipped: skipped.reason):
        names = ", ".join(skipped.invariant for skipped in group)
        lines += wrapped(f"Not checked: {names} ({decapitalised(reason)})", 2)
    return lines


def uncounted_notes(results: Iterable[Result], report: Report) -> tuple[str, ...]:
    """Return as one note what is not good and yet does not count for the exit code; no note if there is nothing."""
    bad = (result for result in results if result.status is not Status.HELD)
    uncounted = (result for result in bad if result.accepted is None and not report.counts(result))
    names = ", ".join(dict.fromkeys(with_consequence(result) for result in uncounted))
    return (f"not counted for the exit code, as --fail-on is {report.fail_on}: {names}",) if names else ()


def settled_notes(report: Report) -> tuple[str, ...]:
    """Return as notes which findings are accepted, and which were until a day that has passed."""
    accepted = (
        f"{result.invariant} ({result.status.value}) is accepted: {result.accepted.terms}"
        for result in report.results
        if result.accepted is not None
    )
    ran_out = (
        f"{result.invariant} ({result.status.value}) counts again: {over_words(result.ran_out)}"
        for result in report.results
        if result.ran_out is not None
    )
    return tuple(dict.fromkeys((*accepted, *ran_out)))


def scope_sentence(subject: Subject) -> str:
    """Return what was checked, over what, and how it came out."""
    counts = ", ".join(
        f"{len(found)} {status.value}" for status in Status if (found := subject.with_status(status))
    )
    engine = subject.engine + (f", policy {subject.policy}" if subject.policy else "")
    if not subject.results:
        return f"{engine}: nothing was checked."
    decided = [result for result in subject.results if result.invariant != STARTUP] or list(subject.results)
    scope = subject.scope or listed(list(dict.fromkeys(result.scope for result in decided)))
    return f"{engine}: {plural(len(subject.results), 'check')} over {scope}: {counts}."


def result_lines(result: Result) -> list[str]:
    """Return one result that is not held; of an accepted one only what and why, unless all is to be said."""
    if result.accepted is not None and layout().detail is not Detail.VERBOSE:
        return accepted_lines(result, result.accepted)
    lines = [f"  {styled(result.status)}  {headline(result)}"]
    lines += wrapped(sentence(result.sentence), 4)
    if result.message:
        lines += labelled("found", sentence(result.message))
    if result.accepted is not None:
        lines += labelled("accepted", sentence(result.accepted.terms))
    if result.ran_out is not None:
        lines += labelled("over", sentence(over_words(result.ran_out)))
    lines += flag_lines(result.flags)
    if result.own_repairs and result.invariant != STARTUP:
        lines += labelled("change", f"{repair_sentence(result.own_repairs)}. Then {result.invariant} holds.")
    lines += column("state", result.state)
    lines += column("run", result.run)
    if result.replay:
        lines.append(f"    {'replay':<{LABEL_WIDTH}}{result.replay}")
    return lines


def held_lines(result: Result) -> list[str]:
    """Return one result that is held: what it says, and of which states."""
    lines = [f"  {styled(result.status)}  {headline(result)}", *wrapped(sentence(result.sentence), 4)]
    return lines + labelled("scope", sentence(result.scope))


def accepted_lines(result: Result, acceptance: Acceptance) -> list[str]:
    """Return one result that a person accepts: what it is, and why."""
    lines = [f"  {click.style('ACCEPTED', fg='cyan', bold=True)}  {headline(result)} ({result.status.value})"]
    lines += wrapped(sentence(result.sentence), 4)
    return lines + labelled("accepted", sentence(acceptance.terms))


def headline(result: Result) -> str:
    """Return the rule's name, and what a violation of it does to people."""
    name = click.style(result.invariant, bold=True)
    return name if result.consequence is None else f"{name}: {result.consequence.value}"


def column(label: str, texts: tuple[str, ...]) -> list[str]:
    """Return texts below each other, the first behind a label."""
    labels = [label, *[""] * len(texts)]
    return [line for label, text in zip(labels, texts, strict=False) for line in labelled(label, text)]


def flag_lines(flags: tuple[FlagValue, ...]) -> list[str]:
    """Return the person's flags, a line each, with values and places in columns."""
    if not flags:
        return []
    width = max(len(flag.flag) for flag in flags)
    value_width = max(len(flag.value) for flag in flags)
    lines = []
    for label, flag in zip(["flags", *[""] * len(flags)], flags, strict=False):
        shown = f"{flag.flag:<{width}}  {flag.value:<{value_width}}  ({flag.place})"
        lines.append(f"    {label:<{LABEL_WIDTH}}{shown}")
    return lines


def summary_lines(report: Report) -> list[str]:
    """Return the verdict over several deployments."""
    subjects = plural(len(report.subjects), report.subject_noun)
    good = sum(subject.verdict is Status.HELD for subject in report.subjects)
    verdict = error_label() if report.unread else styled(report.verdict)
    lines = [f"{verdict}  {subjects}, {good} of them with every check held"]
    for is_right, what in ((False, "could not be read"), (True, "could be read and was not checked")):
        count = sum(unread.is_right is is_right for unread in report.unread)
        if count:
            lines += wrapped(f"{plural(count, 'input')} {what}.", 2)
    if report.skipped:
        files = plural(len(report.skipped), "other file")
        lines += wrapped(f"{files} not read: nothing there looks like a deployment.", 2)
        if layout().detail is Detail.VERBOSE:
            lines += [f"    {shown(file)}" for file in report.skipped]
    return lines


def unread_lines(unread: Unread) -> list[str]:
    """Return what could not be read, where, and what to change."""
    return [f"{error_label()}  {unread.source}", *wrapped(unread.text, 2)]


def error_label() -> str:
    """Return the word for what could not be read, in its colour."""
    return click.style(ERROR.upper(), fg="red", bold=True)


def labelled(label: str, text: str) -> list[str]:
    """Return text in a column behind a label."""
    first = f"    {label:<{LABEL_WIDTH}}"
    return textwrap.wrap(
        text,
        layout().width,
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_long_words=False,
        break_on_hyphens=False,
    )


def wrapped(text: str, indent: int) -> list[str]:
    """Return text as indented lines."""
    return textwrap.wrap(
        text,
        layout().width,
        initial_indent=" " * indent,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def sentence(text: str) -> str:
    """Return text that begins with a capital letter and ends with a full stop; a flag keeps its spelling."""
    begin = text[0].upper() + text[1:] if text[:1].isalpha() and "_" not in text.split()[0] else text
    return begin if begin.endswith((".", "!", "?")) else begin + "."


def decapitalised(text: str) -> str:
    """Return a sentence as it stands behind a comma."""
    return text[:1].lower() + text[1:]


def styled(status: Status) -> str:
    """Return a status in its colour."""
    return click.style(status.value.upper(), fg=COLOURS[status], bold=True)
