"""Kubernetes objects: any that has containers, lists of them, and scripts in a ConfigMap."""

from collections.abc import Iterable, Iterator

from schedproof_gate.deployment.document import Document
from schedproof_gate.deployment.parts import Form, Part, ShellText
from schedproof_gate.deployment.pods import commands_of, kind_of
from schedproof_gate.deployment.tree import Node


def recognises(root: Node | None, document: Document) -> bool:
    """Return whether a document is an object with a kind."""
    return kind_of(root) != ""


def parts(root: Node | None, document: Document) -> Iterable[Part]:
    """Yield what the containers of an object run, and the scripts of a ConfigMap that no container here runs."""
    assert root is not None
    pending = [root]
    while pending:
        node = pending.pop(0)
        items = node.get("items")
        if kind_of(node).endswith("List") and items is not None:
            pending = [*(item for item in items.items if kind_of(item)), *pending]
        elif kind_of(node) == "ConfigMap":
            yield from scripts_of(node, document)
        else:
            yield from commands_of(node, document)


def scripts_of(node: Node, document: Document) -> Iterator[Part]:
    """Yield the scripts of a ConfigMap that stands alone in its file."""
    data, name = node.get("data"), node.get("metadata", "name")
    if data is None or len(document.roots) > 1:
        return
    for key, value in data.members.items():
        if key.endswith((".sh", ".bash")) or value.text.text.startswith("#!"):
            label = "ConfigMap" if name is None else f"ConfigMap/{name.text.text}"
            yield ShellText(text=value.text, place=f"{label}, {key}")


FORM = Form(name="a Kubernetes manifest", recognises=recognises, parts=parts)
