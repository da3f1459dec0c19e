"""The command ``schedproof``: its sub-commands, each of which is imported when it is called."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping

import click

from schedproof.version import __version__
from schedproof_gate.errors import COMMAND_LINE, InputError, shown

COMMANDS = {
    "check": "schedproof_gate.check.command",
    "audit": "schedproof_gate.audit.command",
    "replay": "schedproof_gate.replay.command",
    "prove": "schedproof_gate.prove.command",
    "policies": "schedproof_gate.policies.command",
    "explain": "schedproof_gate.explain.command",
    "schema": "schedproof_gate.schema.command",
    "init": "schedproof_gate.init.command",
}
"""The module of each sub-command, which has its name there; the prover alone takes half a second to import."""

USAGE_ERROR = 2
INTERRUPTED = 130


class LazyGroup(click.Group):
    """A group that imports a sub-command when it is asked for."""

    modules: Mapping[str, str] = COMMANDS

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order of their use."""
        return list(self.modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a sub-command; None if there is none of this name."""
        if cmd_name not in self.modules:
            return None
        command = getattr(importlib.import_module(self.modules[cmd_name]), cmd_name)
        assert isinstance(command, click.Command)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="schedproof")
def cli() -> None:
    """Prove that a deployment's scheduling rules hold in every state, or show a run that breaks one.

    Exit codes: 0 everything that counts held; 1 something that counts is violated; 2 usage, file or parse error;
    3 undecided, vacuous or nothing to check. What ends in a crash, a stall or wrong output counts; what only costs
    time or memory does with --fail-on cost. What a person accepts is listed and does not count.
    """


def main() -> None:
    """Run the command; every input error is one line and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
    try:
        sys.exit(cli.main(prog_name="schedproof", standalone_mode=False))
    except InputError as error:
        message = str(error)
    except click.exceptions.NoArgsIsHelpError as error:
        message = error.format_message()
    except click.UsageError as error:
        message = usage_error(error)
    except click.Abort:
        sys.exit(INTERRUPTED)
    except Exception as error:
        message = message_of_own(error)
    click.echo(f"schedproof: {message}", err=True)
    sys.exit(USAGE_ERROR)


def message_of_own(error: Exception) -> str:
    """Return what a rule of a person's own raises; anything else is raised again."""
    from schedproof_gate.own_policy import failure_in_own

    found = failure_in_own(error)
    if found is None:
        raise error
    return str(found)


def usage_error(error: click.UsageError) -> str:
    """Return what is wrong with the command's own words, and where to look."""
    command = "schedproof" if error.ctx is None else error.ctx.command_path
    return f"{COMMAND_LINE}: {shown(error.format_message()).rstrip('.')}; see {command} --help"
