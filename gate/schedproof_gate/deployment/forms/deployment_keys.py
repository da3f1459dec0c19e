"""The project's own form: ``engine:`` and ``args:``."""

from collections.abc import Iterable

from schedproof_gate.deployment.document import Document
from schedproof_gate.deployment.parts import Described, Form, Part
from schedproof_gate.deployment.tree import Node


def recognises(root: Node | None, document: Document) -> bool:
    """Return whether a document has one of the two keys, and none by which other forms are known."""
    if root is None:
        return False
    members = root.members
    return bool(members.keys() & {"engine", "args"}) and not members.keys() & {"kind", "services", "backend"}


def parts(root: Node | None, document: Document) -> Iterable[Part]:
    """Return the deployment."""
    assert root is not None
    yield Described(members=root.members, line=root.line)


FORM = Form(name="a deployment file", recognises=recognises, parts=parts)
