"""JSON, in files and in flags whose value is JSON."""

import json
import re
from collections.abc import Iterator

from schedproof_gate.deployment.tree import Node, check_count, check_depth, check_number, duplicate_key
from schedproof_gate.errors import InputError

TOKEN = re.compile(r'"(?:[^"\\\n]|\\.)*+"?|[{}\[\],:\n]|[^\s{}\[\],:"]+')
"""A string that does not end runs to the end of its line, so that the search stays linear."""
DIGITS = "-0123456789"


def read_json(text: str, source: str, first_line: int = 1, key: str = "") -> Node:
    """Return the document; `key` names the flag that it is the value of.

    Raises:
        InputError: not JSON, a key twice in one object, or over a limit.
    """
    key_lines = scan(text, source, first_line, key)
    repeated: list[str] = []

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        if len(found) != len(pairs):
            names = [name for name, _ in pairs]
            repeated.append(next(name for name in names if names.count(name) > 1))
        return found

    try:
        document = json.loads(text, object_pairs_hook=unique, parse_constant=refuse_constant)
    except json.JSONDecodeError as error:
        line = first_line + error.lineno - 1
        raise InputError(
            f"not valid JSON: {error.msg}", source=source, line=line, key=key, advice="correct the JSON"
        ) from None
    except ValueError as error:
        raise InputError(
            f"not valid JSON: {error}", source=source, line=first_line, key=key, advice="correct the JSON"
        ) from None
    if repeated:
        lines = [line for path, line in key_lines if path and path[-1] == repeated[0]]
        raise duplicate_key(repeated[0], source, lines[-1] if lines else first_line, lines[0] if lines else None)
    return with_lines(document, dict(key_lines), (), first_line)


def refuse_constant(name: str) -> None:
    """Refuse the numbers that JSON does not have.

    Raises:
        ValueError: always.
    """
    raise ValueError(f"{name} is not a JSON number")


def scan(text: str, source: str, first_line: int, key: str) -> list[tuple[tuple[str | int, ...], int]]:
    """Return the path and line of every key and list item, as far as the text is JSON at all; `key` as above.

    Runs before the parser, so that neither depth nor size can hurt it.

    Raises:
        InputError: over a limit.
    """
    found: list[tuple[tuple[str | int, ...], int]] = []
    path: list[str | int | None] = []
    line = first_line
    begins_item = False
    for kind, token in significant(text):
        if kind == "newline":
            line += 1
            continue
        if begins_item:
            found.append((settled(path), line))
            begins_item = False
        if token in "{[":
            path.append(0 if token == "[" else None)
            check_depth(len(path), source, line)
            begins_item = token == "["
        elif token in "}]":
            if path:
                path.pop()
        elif token == ",":
            if path and isinstance(path[-1], int):
                path[-1] += 1
                begins_item = True
        elif kind == "key" and path and not isinstance(path[-1], int):
            path[-1] = unescaped(token)
            found.append((settled(path), line))
        elif token[0] in DIGITS:
            check_number(len(token), source, line, key)
        check_count(len(found), source, line)
    return found


def significant(text: str) -> Iterator[tuple[str, str]]:
    """Yield tokens and line ends; a string before a colon is a key."""
    held: str | None = None
    for match in TOKEN.finditer(text):
        token = match.group()
        if token == "\n":
            yield "newline", token
            continue
        if held is not None:
            yield ("key" if token == ":" else "value"), held
            held = None
        if token.startswith('"'):
            held = token
        elif token != ":":
            yield "other", token
    if held is not None:
        yield "value", held


def unescaped(token: str) -> str:
    """Return the text of a quoted string; as it is written when its escapes are wrong."""
    try:
        return str(json.loads(token))
    except ValueError:
        return token.strip('"')


def settled(path: list[str | int | None]) -> tuple[str | int, ...]:
    """Return the path with objects that have no key yet left out."""
    return tuple(part for part in path if part is not None)


def with_lines(
    document: object, lines: dict[tuple[str | int, ...], int], path: tuple[str | int, ...], line: int
) -> Node:
    """Return the parsed document as nodes; the recursion is as deep as `scan` allows."""
    line = lines.get(path, line)
    if isinstance(document, dict):
        return Node({k: with_lines(v, lines, (*path, k), line) for k, v in document.items()}, line)
    if isinstance(document, list):
        return Node([with_lines(v, lines, (*path, i), line) for i, v in enumerate(document)], line)
    assert document is None or isinstance(document, str | int | float)
    return Node(document, line)
