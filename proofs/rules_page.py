"""Writes docs/rules.md, the page of rules; a test fails when the page is not current.

python -m proofs.rules_page
"""

from __future__ import annotations

import inspect
from pathlib import Path

from proofs.mutants import MUTANTS

from schedproof_gate.rules_by_id import ReportedRule, rules_by_id
from schedproof_spec import INVARIANTS, WORK_RULES, Consequence, Invariant, WorkRule

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "rules.md"

HEAD = """# The rules

Each rule that an engine must keep: what it says, the predicate as it is proved, the failure behind it, and what
happens to people when it breaks. `python -m proofs.rules_page` writes this page from the entries themselves.

"""


def page() -> str:
    """Return the page: invariants by consequence, rules of the work on tensors, and what else a report names."""
    parts = [HEAD, "| rule | when it breaks | says |\n|:--|:--|:--|\n"]
    parts += [
        f"| [`{each.name}`](#{each.name}) | {each.consequence.value} | {each.sentence} |\n"
        for consequence in Consequence
        for each in INVARIANTS.values()
        if each.consequence is consequence
    ]
    parts += [
        f"| [`{name}`](#{name}) | wrong output | {rules[0].sentence} |\n" for name, rules in WORK_RULES.items()
    ]
    others = [rule for name, rule in rules_by_id().items() if name not in INVARIANTS and name not in WORK_RULES]
    parts += [f"| [`{each.id}`](#{each.id}) | {when_broken(each)} | {sentence_of(each)} |\n" for each in others]
    parts += [section_of(each) for each in INVARIANTS.values()]
    parts += [section_of_work(name, rules) for name, rules in WORK_RULES.items()]
    parts += [section_of_other(each) for each in others]
    return "".join(parts)


def section_of(invariant: Invariant) -> str:
    """Return the section of one invariant."""
    changes = "\n".join(f"- {mutant.name}" for mutant in MUTANTS[invariant.name])
    return (
        f"\n## {invariant.name}\n\n{invariant.sentence}\n\n"
        f"When it breaks: **{invariant.consequence.value}**. {invariant.origin}\n\n"
        f"```python\n{invariant.formula}\n```\n\n"
        f"Proved for every configuration that starts, {invariant.scope}: {link_to(invariant.proof)}. "
        f"Changes of the code that the proof refutes:\n\n{changes}\n"
    )


def section_of_work(name: str, rules: tuple[WorkRule, ...]) -> str:
    """Return the section of a rule of the work on tensors, with each of its parts."""
    parts = [f"\n## {name}\n"]
    for rule in rules:
        broken = ", ".join(f"{version.name} ({version.source})" for version in rule.broken_by)
        parts.append(
            f"\n{rule.sentence} {rule.origin}\n\n```python\n{rule.formula}\n```\n\n"
            f"Proved for {rule.scope}: {link_to(rule.theorem)}. Broken by: {broken}.\n"
        )
    return "".join(parts)


def section_of_other(rule: ReportedRule) -> str:
    """Return the section of an id that no theorem stands behind."""
    return (
        f"\n## {rule.id}\n\n{sentence_of(rule)}\n\nWhen it breaks: **{when_broken(rule)}**. "
        f"{rule.origin[0].upper()}{rule.origin[1:]}.\n"
    )


def sentence_of(rule: ReportedRule) -> str:
    """Return a rule's sentence, with a capital and a full stop."""
    return f"{rule.sentence[0].upper()}{rule.sentence[1:].removesuffix('.')}."


def when_broken(rule: ReportedRule) -> str:
    """Return what a violation does; of a rule without a consequence, that nothing is started or checked."""
    return "nothing runs" if rule.consequence is None else rule.consequence.value


def link_to(function: object) -> str:
    """Return a link to the source of a proof."""
    while hasattr(function, "func"):
        function = function.func
    assert callable(function)
    path = Path("spec", *inspect.getmodule(function).__name__.split(".")).with_suffix(".py")
    name = getattr(function, "__name__", "the proof")
    return f"[{name if name.isidentifier() else 'the proof'}](../{path.as_posix()})"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
