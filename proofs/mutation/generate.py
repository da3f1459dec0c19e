"""Every small change of a module: see the kinds in `operators`, `statements`, `branches` and `names`."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import takewhile

from proofs.mutation.branches import dropped_operands, exchanged_sides
from proofs.mutation.declared import Declared
from proofs.mutation.edits import Edit
from proofs.mutation.names import exchanged_arguments, other_arguments, other_attributes, other_keywords
from proofs.mutation.operators import decided_branches, other_constants, other_operators
from proofs.mutation.sites import Site, quoted, sites_in
from proofs.mutation.statements import left_out, other_jumps

Kind = Callable[[Site], Iterator[Edit]]

OWNER = "class _:"

KINDS: tuple[Kind, ...] = (
    other_operators,
    other_constants,
    decided_branches,
    left_out,
    other_jumps,
    exchanged_sides,
    dropped_operands,
    other_arguments,
    exchanged_arguments,
    other_attributes,
    other_keywords,
)


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one module: where it is, what was there, and what is there now."""

    module: str
    line: int
    column: int
    place: str
    """The statement around the change, with the class and function around that."""
    old: str
    new: str
    source: str
    """The whole module with the change."""
    nth: int = 1
    """Which of the module's changes it is that have the same words."""

    @property
    def edit(self) -> str:
        """Return what changes, wherever it stands."""
        return f"{self.old} -> {self.new}"

    @property
    def name(self) -> str:
        """Return a name that no other change has, and that says where to look."""
        return f"{self.module}:{self.line}:{self.column}: {self.edit}{self.ordinal}"

    @property
    def lasting_name(self) -> str:
        """Return a name that no other change has, and that stays when lines move."""
        changed = self.place if self.place.endswith(self.old) else f"{self.place}: {self.old}"
        return f"{self.module}: {changed} -> {self.new}{self.ordinal}"

    @property
    def ordinal(self) -> str:
        """Return what tells the change from others with the same words; nothing for the first of them."""
        return f" ({self.nth})" if self.nth > 1 else ""


def changes(
    module: str, source: str, declared: Declared | None = None, kinds: tuple[Kind, ...] = KINDS
) -> Iterator[Change]:
    """Yield every change of a module's source; each gives a text of its own.

    ``declared`` is what the module and those from which it imports declare; without it, the module alone counts.
    """
    tree = ast.parse(source)
    num_alike: Counter[tuple[str, str, str]] = Counter()
    texts: dict[ast.stmt, set[str]] = {}
    for site in sites_in(tree, Declared.read([source]) if declared is None else declared):
        for edit in (edit for kind in kinds for edit in kind(site)):
            if site.unit not in texts:
                texts[site.unit] = {text_of(site.unit, site)}
            seen = texts[site.unit]
            text = changed_unit(site, edit.node)
            if text in seen:
                continue
            seen.add(text)
            old, new = edit.old or code_of(site.node), edit.new or code_of(edit.node)
            num_alike[site.place, old, new] += 1
            yield Change(
                module=module,
                line=site.node.lineno,
                column=site.node.col_offset,
                place=site.place,
                old=old,
                new=new,
                source=with_unit(source, site.unit, text),
                nth=num_alike[site.place, old, new],
            )


def code_of(node: ast.AST) -> str:
    """Return the code of an expression, or what is quoted of a statement."""
    return quoted(node) if isinstance(node, ast.stmt) else ast.unparse(node)


def changed_unit(site: Site, node: ast.AST) -> str:
    """Return the text of a site's unit with another node in the place of its node."""
    if site.node is site.unit:
        return text_of(node, site)
    for name, value in ast.iter_fields(site.parent):
        held = value if isinstance(value, list) else [value]
        if any(each is site.node for each in held):
            changed = [node if each is site.node else each for each in held]
            setattr(site.parent, name, changed if isinstance(value, list) else node)
            text = text_of(site.unit, site)
            setattr(site.parent, name, value)
            return text
    raise ValueError(f"{site.place}: the node is not where it should be")


def text_of(unit: ast.AST, site: Site) -> str:
    """Return the text of what stands in the place of a site's unit, indented as its classes are."""
    around = takewhile(lambda each: each is not site.unit, site.around)
    num_classes = sum(isinstance(each, ast.ClassDef) for each in around)
    for _ in range(num_classes):
        owner = ast.parse(f"{OWNER} pass").body[0]
        owner.body = [unit]
        unit = owner
    return ast.unparse(unit).split(OWNER, num_classes)[-1].strip("\n")


def with_unit(source: str, unit: ast.stmt, text: str) -> str:
    """Return a source with another text for one of its units."""
    lines = source.splitlines(keepends=True)
    first = min(node.lineno for node in (unit, *getattr(unit, "decorator_list", ())))
    return "".join([*lines[: first - 1], text, "\n", *lines[unit.end_lineno :]])
