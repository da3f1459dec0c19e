"""An engine's own config file: its flags, and what a deployment file may say beside them."""

from collections.abc import Iterable

from schedproof_gate.deployment.described import KEYS
from schedproof_gate.deployment.document import Document
from schedproof_gate.deployment.engines import ENGINES
from schedproof_gate.deployment.flags import flags_of_mapping
from schedproof_gate.deployment.parts import Described, Form, Part
from schedproof_gate.deployment.tree import Node
from schedproof_gate.errors import InputError

BESIDE = frozenset(KEYS) - {"engine", "args"}
"""What may stand beside the flags, as it does in a deployment file."""


def recognises(root: Node | None, document: Document) -> bool:
    """Return whether a document has a data syntax at all."""
    return root is not None


def parts(root: Node | None, document: Document) -> Iterable[Part]:
    """Return the deployment.

    Raises:
        InputError: no mapping, or none whose keys are an engine's flags.
    """
    assert root is not None
    source = document.source
    if not isinstance(root.value, dict):
        raise InputError(
            "the file is not a mapping", source=source, line=root.line, advice="give `engine:` and `args:`"
        )
    for engine in ENGINES.values():
        flags = flags_of_mapping(root.value, engine, source)
        if flags or any(key.replace("-", "_") in engine.flags for key in root.value):
            own = {key: node for key, node in root.value.items() if key in BESIDE and key not in engine.flags}
            rest = {key: node for key, node in root.value.items() if key not in own}
            members = {"engine": Node(engine.name, root.line), "args": Node(rest, root.line), **own}
            yield Described(members=members, line=root.line)
            return
    raise InputError(
        "no key is a flag of a known engine",
        source=source,
        line=root.line,
        advice=f"give `engine:` ({', '.join(ENGINES)}) and `args:`",
    )


FORM = Form(name="an engine's own config file", recognises=recognises, parts=parts, sure=False)
