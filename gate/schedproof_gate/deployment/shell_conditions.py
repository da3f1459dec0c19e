"""Tells the commands that a script asks a question with from those that prepare something."""

from __future__ import annotations

from schedproof_gate.deployment.shell_blocks import Block
from schedproof_gate.deployment.shell_inner import ASSIGNMENT
from schedproof_gate.deployment.shell_words import Command

PREPARING = {
    *(":", "export", "declare", "local", "readonly", "typeset", "set", "ulimit", "source", "."),
    *("cd", "pushd", "popd", "mkdir", "rm", "cp", "mv", "chmod", "echo", "printf", "sleep", "pip"),
}
"""Commands before ``&&`` that succeed in a run that gets anywhere; any other may be a question."""


def is_question(each: Command | Block) -> bool:
    """Return whether what stands behind ``&&`` depends on a command."""
    if isinstance(each, Block):
        return True
    first = each.words[0] if each.words else None
    if first is None or (first.parts and ASSIGNMENT.match(getattr(first.parts[0], "text", ""))):
        return False
    return first.literal not in PREPARING
