"""Reads the entries under `accept`: the same few keys in a deployment file, `schedproof.toml` and a baseline."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from schedproof_gate.accept.acceptance import Acceptance, AcceptanceKind, absolute
from schedproof_gate.deployment.given import Given, Origin
from schedproof_gate.deployment.tree import Node
from schedproof_gate.errors import InputError, quoted
from schedproof_gate.misspellings import closest
from schedproof_spec import Status

KEYS = ("invariant", "reason", "until", "status")
FILES = "files"
STATUSES = {status.value: status.value for status in Status if status is not Status.HELD}
EXAMPLE = "write `- invariant: NAME` with `reason: TEXT` below it"


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryPlace:
    """Where a list of entries stands, and which deployments it may speak of."""

    kind: AcceptanceKind
    source: str
    root: Path
    """The folder to which the entries' `files` are relative; of a deployment, the file itself."""

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of an entry; a deployment's own entries speak of that file alone."""
        return KEYS if self.kind is AcceptanceKind.DEPLOYMENT else (*KEYS, FILES)


def read_acceptances(
    entries: Node, place: EntryPlace, rules: Sequence[str], lines: Sequence[int] | None = None
) -> tuple[Acceptance, ...]:
    """Return the entries of a list, for rules of these names.

    `lines` are those of the entries, where the reader of the file does not know them.

    Raises:
        InputError: an entry that cannot be used; the message says where and why.
    """
    if not isinstance(entries.value, list):
        raise Origin(place.source, entries.line, "accept").error("is not a list", EXAMPLE)
    if lines is None or len(lines) != len(entries.value):
        lines = [entry.line for entry in entries.value]
    return tuple(
        read_acceptance(entry, line, place, rules) for entry, line in zip(entries.value, lines, strict=True)
    )


def read_acceptance(entry: Node, line: int, place: EntryPlace, rules: Sequence[str]) -> Acceptance:
    """Return one entry.

    Raises:
        InputError: not a mapping, a key that is unknown or missing, or a value that cannot be used.
    """
    origin = Origin(place.source, line, "accept")
    if not isinstance(entry.value, dict):
        raise origin.error("an entry is not a mapping", EXAMPLE)
    given = {
        key: Given(value=node.value, origin=Origin(place.source, max(node.line, line), f"accept.{key}"))
        for key, node in entry.value.items()
    }
    for key, value in given.items():
        if key not in place.keys:
            close = closest(key, place.keys)
            raise value.fail("unknown key", f"did you mean {close}?" if close else f"give {', '.join(place.keys)}")
    for key in ("invariant", "reason"):
        if key not in given:
            raise origin.error(f"an entry has no `{key}`", f"add `{key}:`")
    reason = given["reason"].text().strip()
    if not reason:
        raise given["reason"].fail("is empty", "say why the finding is accepted")
    return Acceptance(
        invariant=rule_named(given["invariant"], rules),
        reason=" ".join(reason.split()),
        until=None if "until" not in given else date_of(given["until"]),
        status=Status(given["status"].choice(STATUSES)) if "status" in given else Status.VIOLATED,
        pattern=pattern_of(given.get(FILES), place),
        origin=origin,
        kind=place.kind,
    )


def rule_named(given: Given, rules: Sequence[str]) -> str:
    """Return the name of a rule.

    Raises:
        InputError: there is no such rule.
    """
    name = given.text()
    if name not in rules:
        raise given.fail(f"unknown invariant {quoted(name)}", nearest(name, rules))
    return name


def nearest(name: str, names: Sequence[str]) -> str:
    """Return the advice for a name that is none of these."""
    close = closest(name, names, similarity=0.6)
    return f"did you mean {close}?" if close else "`schedproof explain` lists them all"


def date_of(given: Given) -> date:
    """Return the last day.

    Raises:
        InputError: not a date.
    """
    text = given.text()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise given.fail(f"{quoted(text)} is not a date", "write it as 2027-01-31") from None


def pattern_of(files: Given | None, place: EntryPlace) -> str:
    """Return the pattern of the deployments that an entry speaks of, as an absolute path."""
    root = glob.escape(absolute(str(place.root)))
    if place.kind is AcceptanceKind.DEPLOYMENT:
        return root
    return absolute(f"{root}/{'*' if files is None else files.text()}")


def entries_of(document: Node, place: EntryPlace, keys: Sequence[str]) -> Node:
    """Return the list under `accept` of a document that has these keys and no others.

    Raises:
        InputError: not a mapping, or a key that is unknown.
    """
    if not isinstance(document.value, dict):
        raise InputError("the file is not a mapping", source=place.source, line=1, advice=EXAMPLE)
    for key, node in document.value.items():
        if key not in keys:
            close = closest(key, keys)
            advice = f"did you mean {close}?" if close else f"the keys are {', '.join(keys)}"
            raise Origin(place.source, node.line, key).error("unknown key", advice)
    return document.value.get("accept", Node([], document.line))
