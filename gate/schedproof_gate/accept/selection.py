"""Which invariants are asked for: the names, families and consequences of ``--select`` and ``--ignore``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from schedproof_gate.accept.entries import nearest
from schedproof_gate.errors import COMMAND_LINE, InputError, quoted
from schedproof_gate.report.counting import LEVELS
from schedproof_gate.report.report import STARTUP, NotApplicable, Subject
from schedproof_gate.rules_by_id import DEPLOYMENT_RULES

NOT_SELECTED = "not asked for with --select"
IGNORED = "left out with --ignore"


@dataclass(frozen=True, slots=True)
class Selection:
    """The rules that a report is to speak of. The engine's own start-up is always looked at."""

    selected: frozenset[str] | None = None
    """None for all of them."""
    ignored: frozenset[str] = frozenset()

    def why_not(self, name: str) -> str | None:
        """Return why a rule is left out; None when it is asked for."""
        if name == STARTUP:
            return None
        if self.selected is not None and name not in self.selected:
            return NOT_SELECTED
        return IGNORED if name in self.ignored else None

    def left_out(self, names: Iterable[str]) -> tuple[NotApplicable, ...]:
        """Return those of the rules that are left out."""
        reasons = ((name, self.why_not(name)) for name in names)
        return tuple(NotApplicable(invariant=name, reason=why) for name, why in reasons if why is not None)

    def applied_to(self, subject: Subject) -> Subject:
        """Return a subject with the results that are asked for; the others are listed as not checked."""
        kept = tuple(result for result in subject.results if self.why_not(result.invariant) is None)
        left_out = self.left_out(result.invariant for result in subject.results)
        return replace(subject, results=kept, not_checked=(*subject.not_checked, *left_out))


EVERYTHING = Selection()


def selection_of(select: Iterable[str], ignore: Iterable[str]) -> Selection:
    """Return the selection of ``--select`` and ``--ignore``, whose words may hold several names with commas.

    Raises:
        InputError: a name that is no invariant, family or consequence, or nothing is left to check.
    """
    selected, ignored = named(select, "--select"), named(ignore, "--ignore")
    if STARTUP in ignored:
        raise InputError(
            "the engine's start-up cannot be left out",
            source=COMMAND_LINE,
            key="--ignore",
            advice="accept the finding instead, with a reason",
        )
    chosen = selected or frozenset(DEPLOYMENT_RULES)
    if not chosen - ignored:
        raise InputError(
            "nothing is left to check", source=COMMAND_LINE, key="--ignore", advice="select something else"
        )
    return Selection(selected or None, ignored)


def named(words: Iterable[str], option: str) -> frozenset[str]:
    """Return the rules that an option names.

    Raises:
        InputError: a name that is no invariant, family or consequence.
    """
    found: set[str] = set()
    for name in (part.strip() for word in words for part in word.split(",")):
        rules = members().get(name)
        if rules is None:
            raise InputError(
                f"unknown invariant, family or consequence {quoted(name)}",
                source=COMMAND_LINE,
                key=option,
                advice=nearest(name, list(members())),
            )
        found |= rules
    return frozenset(found)


def members() -> dict[str, set[str]]:
    """Return the rules behind every name that a selection may have."""
    levels = {consequence: level for level, consequence in LEVELS.items()}
    found: dict[str, set[str]] = {}
    for rule in DEPLOYMENT_RULES.values():
        names = [rule.id, rule.family]
        names += [] if rule.consequence is None else [levels[rule.consequence]]
        for name in names:
            found.setdefault(name, set()).add(rule.id)
    return found
