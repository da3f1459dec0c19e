"""A shell script, or a launch command alone."""

from collections.abc import Iterable

from schedproof_gate.deployment.document import Document
from schedproof_gate.deployment.parts import Form, Part, ShellText
from schedproof_gate.deployment.placed_text import PlacedText
from schedproof_gate.deployment.tree import Node


def recognises(root: Node | None, document: Document) -> bool:
    """Return whether nothing else is known about the text."""
    return root is None


def parts(root: Node | None, document: Document) -> Iterable[Part]:
    """Return the script."""
    yield ShellText(text=PlacedText.of(document.text))


FORM = Form(name="a launch script", recognises=recognises, parts=parts)
