"""TensorRT-LLM's file for context and generation servers."""

from collections.abc import Iterable

from schedproof_gate.deployment.document import Document
from schedproof_gate.deployment.parts import Form, NamedEngine, Part
from schedproof_gate.deployment.tree import Node

SERVERS = ("context_servers", "generation_servers")


def recognises(root: Node | None, document: Document) -> bool:
    """Return whether a document has servers of either kind."""
    return root is not None and any(root.get(key) is not None for key in SERVERS)


def parts(root: Node | None, document: Document) -> Iterable[Part]:
    """Yield the servers of each kind."""
    assert root is not None
    for key in SERVERS:
        servers = root.get(key)
        if servers is not None:
            yield NamedEngine(engine="tensorrt-llm", line=servers.line, place=key)


FORM = Form(name="a TensorRT-LLM server file", recognises=recognises, parts=parts)
