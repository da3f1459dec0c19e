"""A shell script, or a launch command alone."""

import re
from collections.abc import Iterable
from itertools import islice

from schedproof_gate.deployment.document import Document
from schedproof_gate.deployment.nearby import nearby_file
from schedproof_gate.deployment.parts import Form, Part, ShellText
from schedproof_gate.deployment.placed_text import PlacedText
from schedproof_gate.deployment.tree import Node

SCRIPT_NAME = re.compile(r"(?<![\w-])[\w-]*+\.(?:sh|bash|env)\b", re.ASCII)
MAX_NAMES = 64


def recognises(root: Node | None, document: Document) -> bool:
    """Return whether nothing else is known about the text."""
    return root is None


def parts(root: Node | None, document: Document) -> Iterable[Part]:
    """Return the script, with those beside it that it names."""
    names = dict.fromkeys(match.group() for match in islice(SCRIPT_NAME.finditer(document.text), MAX_NAMES))
    found = {name: nearby_file(document.base, name) for name in names if name != document.name}
    files = {name: file for name, file in found.items() if file is not None}
    yield ShellText(text=PlacedText.of(document.text), files=files)


FORM = Form(name="a launch script", recognises=recognises, parts=parts)
