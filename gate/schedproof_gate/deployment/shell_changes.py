"""Finds the variables that a command gives a value which only a shell knows: by ``((N = 4))``, ``read N``."""

from __future__ import annotations

import re

from schedproof_gate.deployment.launch import Argument

ARITHMETIC = re.compile(r"\(\(((?:[^()]++|\((?:[^()]++|\((?:[^()]++|\([^()]*+\))*+\))*+\))*+)\)\)")
"""An expression in two parentheses, with up to three more inside each other."""

ASSIGNMENTS = re.compile(
    r"""
    (?: \+\+ | -- ) [ ]*+ (?P<after>[A-Za-z_]\w*+)
    | (?<!\w) (?P<name>[A-Za-z_]\w*+) (?:\[[^][]*+\])? \s*+ (?: \+\+ | -- | (?: [-+*/%&|^] | << | >> )? = (?!=) )
    """,
    re.ASCII | re.VERBOSE,
)

BY_ARITHMETIC = " (set by arithmetic)"
READING = {"read", "mapfile", "readarray", "getopts"}


def set_by_arithmetic(expression: str) -> tuple[str, ...]:
    """Return the variables that an expression assigns to, in order."""
    found = (match["after"] or match["name"] for match in ASSIGNMENTS.finditer(expression))
    return tuple(dict.fromkeys(found))


def set_by_command(arguments: tuple[Argument, ...]) -> dict[str, str]:
    """Return the variables that a command sets, each with what to say about it."""
    name, words = arguments[0].text, [argument.text for argument in arguments[1:]]
    if name == "let":
        return {variable: BY_ARITHMETIC for word in words for variable in set_by_arithmetic(word)}
    if name == "printf" and words[:1] == ["-v"]:
        words = words[1:2]
    elif name not in READING:
        return {}
    return {word: "" for word in words if not word.startswith("-")}
