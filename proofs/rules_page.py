"""Writes docs/rules.md, the page of rules; a test fails when the page is not current.

python -m proofs.rules_page
"""

from __future__ import annotations

import inspect
from pathlib import Path

from proofs.mutants import MUTANTS

from schedproof_spec import INVARIANTS, WORK_RULES, Consequence, Invariant, WorkRule

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "rules.md"

HEAD = """# The rules

Each rule that an engine must keep: what it says, the predicate as it is proved, the failure behind it, and what
happens to people when it breaks. `python -m proofs.rules_page` writes this page from the entries themselves.

"""


def page() -> str:
    """Return the page: the invariants by consequence, then the rules of the work on tensors."""
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
    parts += [section_of(each) for each in INVARIANTS.values()]
    parts += [section_of_work(name, rules) for name, rules in WORK_RULES.items()]
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
