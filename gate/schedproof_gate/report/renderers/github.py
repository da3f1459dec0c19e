"""The report as GitHub workflow commands, which become annotations at the flags."""

from schedproof_gate.report.report import Report, Result, Unread
from schedproof_gate.report.wording import text_with_repair
from schedproof_spec import Consequence, Status


def render_github(report: Report) -> str:
    """Return a command for all that is not held, was not read or is a warning, and a last line with the verdict."""
    lines = [annotation(result) for result in report.results if result.status is not Status.HELD]
    lines += [unread_annotation(unread) for unread in report.unread]
    lines += [
        command("warning", warning.message, file=warning.file, line=warning.line, title="accepted finding")
        for warning in report.warnings
    ]
    held = sum(result.status is Status.HELD for result in report.results)
    total = len(report.results)
    lines.append(f"schedproof: {report.outcome} ({held} of {total} held)")
    return "\n".join(lines) + "\n"


def unread_annotation(unread: Unread) -> str:
    """Return the command for what could not be read."""
    return command("error", unread.message, file=unread.file, line=unread.line, title=unread.title)


def annotation(result: Result) -> str:
    """Return one command: an error where people are harmed, a warning where it costs them, or is open.

    What a person accepts is a notice.
    """
    is_error = result.status is Status.VIOLATED and result.consequence is not Consequence.COST
    title = f"{result.invariant} {result.status.value}"
    if result.status is Status.VIOLATED and result.consequence is not None:
        title += f": {result.consequence.value}"
    level = "error" if is_error else "warning"
    if result.accepted is not None:
        level = "notice"
    return command(level, text_with_repair(result), file=result.file, line=result.line, title=title)


def command(level: str, message: str, **properties: str | int | None) -> str:
    """Return one workflow command; properties that are None are left out."""
    shown = ",".join(f"{name}={escaped_property(str(v))}" for name, v in properties.items() if v is not None)
    return f"::{level} {shown}::{escaped(message)}"


def escaped(text: str) -> str:
    """Return text for a command's message."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escaped_property(text: str) -> str:
    """Return text for a command's property."""
    return escaped(text).replace(":", "%3A").replace(",", "%2C")
