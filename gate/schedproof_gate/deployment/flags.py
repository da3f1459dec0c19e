"""Finds an engine's flags in a command or a mapping: abbreviations, negations, duplicates and misspellings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from schedproof_gate.deployment.given import Given, Origin
from schedproof_gate.deployment.given_values import how_to_give
from schedproof_gate.deployment.launch import Argument
from schedproof_gate.deployment.settings import Engine
from schedproof_gate.deployment.tree import Node
from schedproof_gate.errors import InputError
from schedproof_gate.misspellings import closest

VARIABLE_SIMILARITY = 0.9
REST_OF_ARGUMENTS = ("$@", "$*")
DASHED_NUMBER = re.compile(r"-\d")


def flags_of_command(
    arguments: tuple[Argument, ...], engine: Engine, source: str
) -> tuple[dict[str, Given], tuple[str, ...]]:
    """Return the significant flags of a command line, and notes on what it leaves open.

    Raises:
        InputError: a flag twice, misspelt, ambiguous or without its value, or a word that cannot be known.
    """
    found: dict[str, Given] = {}
    notes: list[str] = []
    position = 0
    while position < len(arguments):
        argument = arguments[position]
        position += 1
        spelling, has_value, text = argument.text.partition("=")
        is_unknown = "$" in spelling or not has_value or not is_flag(argument)
        if argument.unknown_variables and is_unknown:
            note_unknown_word(argument, source, notes)
            continue
        if not is_flag(argument):
            continue
        origin = Origin(source, argument.line, spelling)
        name, is_negated = resolve(spelling, engine, origin, abbreviations=True)
        value = replace(argument, text=text) if has_value else None
        if value is None and name not in engine.switches and position < len(arguments):
            value = None if is_flag(arguments[position]) else arguments[position]
            position += value is not None
        if name not in engine.significant:
            continue
        if value is not None:
            given = Given(value=value.text, origin=origin, is_text=True, unknown_variables=value.unknown_variables)
        elif name in engine.switches:
            given = Given(value=not is_negated, origin=origin)
        else:
            raise origin.error("the flag has no value", "write the value after it")
        add(found, name, given)
    return found, tuple(notes)


def flags_of_mapping(members: Mapping[str, Node], engine: Engine, source: str) -> dict[str, Given]:
    """Return the significant flags of a mapping from flag to value.

    Raises:
        InputError: a flag twice in two spellings, or misspelt.
    """
    found: dict[str, Given] = {}
    for spelling, node in members.items():
        origin = Origin(source, node.line, spelling)
        name, is_negated = resolve(spelling, engine, origin, abbreviations=False)
        if name not in engine.significant:
            continue
        given = Given(value=node.value, origin=origin)
        add(found, name, Given(value=not given.truth(), origin=origin) if is_negated else given)
    return found


def variables_of(values: Iterable[tuple[str, Given]], engine: Engine) -> dict[str, Given]:
    """Return the environment variables that count.

    Raises:
        InputError: a misspelt variable.
    """
    found: dict[str, Given] = {}
    for name, given in values:
        if name in engine.environment:
            found[name] = given
        elif name.startswith(engine.environment_prefixes):
            close = closest(name, engine.environment, VARIABLE_SIMILARITY)
            if close is not None:
                raise given.origin.error("unknown variable", f"did you mean {close}?")
    return found


def note_unknown_word(argument: Argument, source: str, notes: list[str]) -> None:
    """Note the arguments of the script itself; any other unknown word could be a flag that counts.

    Raises:
        InputError: the word may be any flag.
    """
    if argument.unknown_variables[0] in REST_OF_ARGUMENTS:
        notes.append("arguments that are given to the script itself are not checked")
        return
    raise InputError(
        f"the value of {argument.unknown_variables[0]} is not known here, and it can hold any flag",
        source=source,
        line=argument.line,
        key=argument.text,
        advice=how_to_give(argument.unknown_variables[0]),
    )


def is_flag(argument: Argument) -> bool:
    """Return whether a word begins a flag; a negative number does not."""
    text = argument.text
    return len(text) > 1 and text.startswith("-") and not DASHED_NUMBER.match(text)


def resolve(spelling: str, engine: Engine, origin: Origin, abbreviations: bool) -> tuple[str, bool]:
    """Return the engine's name of a flag and whether it is negated; an insignificant unknown flag stays as it is.

    Raises:
        InputError: an ambiguous abbreviation, or an unknown flag that looks like a significant one.
    """
    name = spelling.lstrip("-").replace("-", "_")
    name = engine.aliases.get(name, name)
    if name in engine.flags:
        return name, False
    positive = name.removeprefix("no_")
    if positive != name and positive in engine.switches:
        return positive, True
    if abbreviations and spelling.startswith("--") and name:
        longer = sorted(flag for flag in engine.flags if flag.startswith(name))
        if len(longer) == 1:
            return longer[0], False
        if any(flag in engine.significant for flag in longer):
            names = ", ".join(like(spelling, flag) for flag in longer)
            raise origin.error(f"the abbreviation stands for any of {names}", "write the whole flag")
    close = closest(name, engine.significant - {engine.config_file_flag, engine.model_flag})
    if close is not None:
        raise origin.error("unknown flag", f"did you mean {like(spelling, close)}?")
    return name, False


def like(spelling: str, name: str) -> str:
    """Return a flag's name in the manner in which another one is written."""
    if spelling.startswith("-"):
        return "--" + name.replace("_", "-")
    return name.replace("_", "-") if "-" in spelling else name


def add(found: dict[str, Given], name: str, given: Given) -> None:
    """Add a flag that is not there yet.

    Raises:
        InputError: it is.
    """
    if name in found:
        first = found[name].origin
        where = "" if first.line is None else f" on line {first.line}"
        raise given.origin.error(f"the flag is given twice (first{where} as {first.spelling})", "keep one of them")
    found[name] = given
