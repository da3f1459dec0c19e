"""The recorded outcome of each sweep, and how much of it was killed."""

from __future__ import annotations

import datetime
import json
import platform
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from proofs.mutation.attempts import Fate
from proofs.mutation.sources import changes_of, code_hash, source_of
from proofs.mutation.subjects import Subject

HERE = Path(__file__).parent

EQUIVALENT = ("Equivalent:", "A short cut:")
"""How the reason begins why nothing could ever tell a survivor from the code; any other survivor counts."""

Outcome = dict[str, Any]
"""What became of a module's changes, as plain data."""


def explained() -> dict[str, str]:
    """Return why known survivors survive, by their lasting names."""
    with (HERE / "survivors.toml").open("rb") as file:
        return {entry["change"]: entry["reason"] for entry in tomllib.load(file)["survivor"]}


def is_equivalent(reason: str) -> bool:
    """Return whether a reason says that nothing could tell the change from the code."""
    return reason.startswith(EQUIVALENT)


def percent_killed(num_killed: int, num_changes: int, num_equivalent: int) -> float:
    """Return the percentage of changes killed, of those that are not equivalent; rounded down."""
    num_others = num_changes - num_equivalent
    return 100.0 if num_others == 0 else 10000 * num_killed // num_others / 100


def report(name: str, fates: Sequence[Fate], reasons: Mapping[str, str]) -> Outcome:
    """Return what became of a module's changes."""
    killed_by: dict[str, list[str]] = {}
    for fate in fates:
        if fate.killed:
            killed_by.setdefault(fate.by, []).append(fate.change.lasting_name)
    outcome = {
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "python": platform.python_version(),
        "z3": version("z3-solver"),
        "code": code_hash(source_of(name)),
        "num_changes": len(fates),
        "num_killed": sum(fate.killed for fate in fates),
        "survivors": {fate.change.lasting_name: "" for fate in fates if not fate.killed},
        "killed_by": dict(sorted(killed_by.items())),
    }
    return with_reasons(outcome, reasons)


def with_reasons(outcome: Outcome, reasons: Mapping[str, str]) -> Outcome:
    """Return an outcome with the reasons why its survivors survive, and the percentage that follows."""
    survivors = {name: reasons.get(name, "") for name in outcome["survivors"]}
    num_equivalent = sum(map(is_equivalent, survivors.values()))
    killed_by = outcome["killed_by"]
    kept = {key: value for key, value in outcome.items() if key not in ("survivors", "killed_by")}
    percent = percent_killed(outcome["num_killed"], outcome["num_changes"], num_equivalent)
    return {
        **kept,
        "num_equivalent": num_equivalent,
        "percent_killed": percent,
        "survivors": survivors,
        "killed_by": killed_by,
    }


def killers_in(outcome: Outcome) -> Iterator[tuple[str, str]]:
    """Yield the lasting name of each killed change with what killed it."""
    for by, names in outcome["killed_by"].items():
        yield from ((name, by) for name in names)


def tried_in(outcome: Outcome) -> set[str]:
    """Return the lasting names of the changes that were tried."""
    return {name for name, _ in killers_in(outcome)} | outcome["survivors"].keys()


def is_of_this_code(outcome: Outcome, name: str) -> bool:
    """Return whether an outcome is about the code of a module as it is, and every change of that."""
    if outcome["code"] != code_hash(source_of(name)):
        return False
    return tried_in(outcome) == {change.lasting_name for change in changes_of(name)}


def recorded(subject: Subject) -> dict[str, Outcome]:
    """Return the recorded outcomes of a subject by module."""
    path = HERE / subject.outcome
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def record(subject: Subject, outcomes: Mapping[str, Outcome]) -> None:
    """Put outcomes in the place of the last ones of their modules; modules that are no longer tried leave."""
    known = recorded(subject) | dict(outcomes)
    ordered = {name: known[name] for name in subject.modules if name in known}
    text = json.dumps(ordered, indent=1, ensure_ascii=False) + "\n"
    (HERE / subject.outcome).write_text(text, encoding="utf-8")
