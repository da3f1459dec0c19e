"""TOML deployment files."""

import re
import tomllib

from schedproof_gate.deployment.tree import (
    MAX_DEPTH,
    MAX_NUMBER_CHARACTERS,
    Node,
    check_count,
    check_depth,
    check_number,
)
from schedproof_gate.errors import InputError, shown

STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?(?:"""|\Z)|'
    r"'''.*?(?:'''|\Z)|"
    r'"(?:[^"\\\n]|\\.)*+"?|'
    r"'[^'\n]*+'?|"
    r"#[^\n]*",
    re.DOTALL,
)
"""A string or a comment; one that does not end runs to the end, so that the search stays linear."""

KEY_PART = r"""(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')"""
LONG_KEY = re.compile(rf"(?<![\w-]){KEY_PART}(?:[ \t]*+\.[ \t]*+{KEY_PART}){{{MAX_DEPTH}}}")
LONG_NUMBER = re.compile(rf"(?<![\w-])[+-]?[\d_]{{{MAX_NUMBER_CHARACTERS},}}(?![\w-])")
HEADER = re.compile(rf"^\s*\[\[?\s*({KEY_PART}(?:\s*\.\s*{KEY_PART})*)\s*\]")
ASSIGNMENT = re.compile(rf"^\s*({KEY_PART}(?:\s*\.\s*{KEY_PART})*)\s*=")
PLACE = re.compile(r" \(at line (\d+), column \d+\)$")


def read_toml(text: str, source: str) -> Node:
    """Return the document.

    Raises:
        InputError: not TOML, a key twice, or over a limit.
    """
    check_shape(text, source)
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, ValueError) as error:
        place = PLACE.search(str(error))
        line = int(place.group(1)) if place else text.count("\n") + 1
        reason = shown(PLACE.sub("", str(error)))
        raise InputError(f"not valid TOML: {reason}", source=source, line=line, advice="correct the TOML") from None
    return with_lines(document, key_lines(text), (), 1)


def check_shape(text: str, source: str) -> None:
    """Bound depth and size before the parser runs; it recurses, and long dotted keys cost it quadratic time."""
    long_key = LONG_KEY.search(text)
    if long_key is not None:
        check_depth(MAX_DEPTH + 1, source, text.count("\n", 0, long_key.start()) + 1)
    depth = count = 0
    line = 1
    bare = STRING.sub(keep_lines, text)
    long_number = LONG_NUMBER.search(bare)
    if long_number is not None:
        check_number(len(long_number.group()), source, bare.count("\n", 0, long_number.start()) + 1)
    for character in bare:
        if character in "[{":
            depth += 1
            check_depth(depth, source, line)
        elif character in "]}":
            depth = max(0, depth - 1)
        elif character in ",=":
            count += 1
            check_count(count, source, line)
        elif character == "\n":
            line += 1


def keep_lines(match: re.Match[str]) -> str:
    """Return what stands for a string or comment when brackets are counted: its line ends."""
    return "\n" * match.group().count("\n")


def key_lines(text: str) -> dict[tuple[str, ...], int]:
    """Return the line of every key that begins a line, by its path."""
    found: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.split("\n"), start=1):
        header = HEADER.match(line)
        if header is not None:
            table = parts(header.group(1))
            found.setdefault(table, number)
            continue
        assignment = ASSIGNMENT.match(line)
        if assignment is not None:
            found.setdefault((*table, *parts(assignment.group(1))), number)
    return found


def parts(key: str) -> tuple[str, ...]:
    """Return the parts of a dotted key, without their quotes."""
    return tuple(part.strip("\"'") for part in re.findall(KEY_PART, key))


def with_lines(document: object, lines: dict[tuple[str, ...], int], path: tuple[str, ...], line: int) -> Node:
    """Return the parsed document as nodes; the recursion is as deep as `check_shape` allows."""
    line = lines.get(path, line)
    if isinstance(document, dict):
        return Node({k: with_lines(v, lines, (*path, k), line) for k, v in document.items()}, line)
    if isinstance(document, list):
        return Node([with_lines(v, lines, path, line) for v in document], line)
    if isinstance(document, str | int | float):
        return Node(document, line)
    return Node(str(document), line)
