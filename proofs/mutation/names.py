"""Changes of names: another argument, attribute or keyword of the same type, and two of them exchanged.

Of all that have the type, a few are tried: first what counts the same thing, then what is nearest.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from itertools import chain, pairwise, zip_longest

from proofs.mutation.edits import Edit, with_field, with_item
from proofs.mutation.operators import CALLS
from proofs.mutation.sites import Site, quoted

MOST_ARGUMENTS = 3
MOST_ATTRIBUTES = 3
MOST_KEYWORDS = 2

COUNTED = {"budget": "token", "chunk": "token", "token": "token", "block": "block", "slot": "slot", "seq": "seq"}
"""What a number with this word in its name counts; the first such word decides."""


def counted(name: str) -> str:
    """Return what a number of this name counts; empty for anything else."""
    return next((COUNTED[word.rstrip("s")] for word in name.split("_") if word.rstrip("s") in COUNTED), "")


def other_arguments(site: Site) -> Iterator[Edit]:
    """Yield other names and attributes of the same type in the place of an argument of several."""
    node = site.node
    wanted = site.type_of(node) if is_one_of_several_arguments(site) else None
    if wanted is None:
        return
    names = [name for name, type_ in reversed(site.scope.items()) if type_ == wanted and name != ast.unparse(node)]
    attributes = attributes_of_others(site, wanted)
    kept = names[: MOST_ARGUMENTS - 1] if attributes else names
    for text in [*kept, *attributes][:MOST_ARGUMENTS]:
        yield Edit(ast.parse(text, mode="eval").body)


def is_one_of_several_arguments(site: Site) -> bool:
    """Return whether a node is a name or an attribute that a call gets beside something else."""
    call = site.around[-2] if isinstance(site.parent, ast.keyword) else site.parent
    return (
        isinstance(site.node, ast.Name | ast.Attribute)
        and isinstance(call, ast.Call)
        and site.node is not call.func
        and len(call.args) + len(call.keywords) > 1
    )


def attributes_of_others(site: Site, wanted: str) -> list[str]:
    """Return the attributes with a type of the objects in scope, but for the one of which the node is an attribute.

    First comes the first of each object: one that counts the same as the node before others, and a near object
    before a far one. Then the second of each, and so on.
    """
    last = ast.unparse(site.node).split(".")[-1]
    own = ast.unparse(site.node.value) if isinstance(site.node, ast.Attribute) else None
    by_object = []
    for name, type_ in reversed(site.scope.items()):
        found = [each for each, kind in site.declared.attributes_of(type_).items() if kind == wanted]
        if name != own and found:
            found.sort(key=lambda each: counted(each) != counted(last))
            by_object.append([f"{name}.{each}" for each in found])
    by_object.sort(key=lambda found: counted(found[0].split(".")[1]) != counted(last))
    return [text for text in chain.from_iterable(zip_longest(*by_object)) if text is not None]


def other_attributes(site: Site) -> Iterator[Edit]:
    """Yield other attributes of the same object and the same type, members of an enum included."""
    node = site.node
    if not isinstance(node, ast.Attribute) or not isinstance(node.ctx, ast.Load):
        return
    attributes = site.declared.attributes_of(site.type_of(node.value))
    if node.attr in attributes:
        alike = [name for name, type_ in attributes.items() if type_ == attributes[node.attr]]
        for name in nearest(node.attr, alike, MOST_ATTRIBUTES):
            yield with_field(node, "attr", name)


def other_keywords(site: Site) -> Iterator[Edit]:
    """Yield the call of ``replace`` with a value for another field of the same type."""
    node = site.node
    if not (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "replace" and node.args
    ):
        return
    owner = next(site.declared.classes_in(site.type_of(node.args[0])), None)
    types = site.declared.attributes.get(owner, {})
    given = {keyword.arg for keyword in node.keywords}
    for index, keyword in enumerate(node.keywords):
        alike = [
            name
            for name in site.declared.fields.get(owner, ())
            if types[name] == types.get(keyword.arg) and (name == keyword.arg or name not in given)
        ]
        for name in nearest(keyword.arg, alike, MOST_KEYWORDS) if keyword.arg in alike else ():
            changed = with_item(node.keywords, index, ast.keyword(name, keyword.value))
            yield with_field(node, "keywords", changed, old=f"{keyword.arg}=", new=f"{name}=")


def nearest(name: str, alike: Sequence[str], most: int) -> list[str]:
    """Return some others of a sequence: first what counts the same, then what is declared near."""
    position = alike.index(name)
    others = [index for index in range(len(alike)) if index != position]
    others.sort(key=lambda index: (counted(alike[index]) != counted(name), abs(index - position), index))
    return [alike[index] for index in others[:most]]


def exchanged_arguments(site: Site) -> Iterator[Edit]:
    """Yield the call with an argument and the next one of the same type exchanged."""
    node = site.node
    if not isinstance(node, ast.Call) or (isinstance(node.func, ast.Name) and node.func.id in CALLS):
        return
    positional = [index for index, each in enumerate(node.args) if not isinstance(each, ast.Starred)]
    for first, second in pairs_of_one_type(site, positional, node.args):
        changed = with_item(with_item(node.args, first, node.args[second]), second, node.args[first])
        old, new = (", ".join(quoted(items[index]) for index in (first, second)) for items in (node.args, changed))
        yield with_field(node, "args", changed, old, new)
    named = [index for index, each in enumerate(node.keywords) if each.arg is not None]
    for first, second in pairs_of_one_type(site, named, [each.value for each in node.keywords]):
        one, other = node.keywords[first], node.keywords[second]
        changed = with_item(node.keywords, first, ast.keyword(one.arg, other.value))
        changed[second] = ast.keyword(other.arg, one.value)
        yield with_field(node, "keywords", changed, f"{one.arg}=, {other.arg}=", "values exchanged")


def pairs_of_one_type(site: Site, indexes: Sequence[int], values: Sequence[ast.expr]) -> Iterator[tuple[int, int]]:
    """Yield each value's index with that of the next value of the same type, or of none that is known."""
    by_type: dict[str | None, list[int]] = {}
    for index in indexes:
        by_type.setdefault(site.type_of(values[index]), []).append(index)
    for alike in by_type.values():
        yield from pairwise(alike)
