"""NVIDIA Dynamo: the services of a graph deployment."""

from collections.abc import Iterable

from schedproof_gate.deployment.document import Document
from schedproof_gate.deployment.parts import Form, Part
from schedproof_gate.deployment.pods import commands_of, kind_of
from schedproof_gate.deployment.tree import Node

KINDS = {"DynamoGraphDeployment", "DynamoComponentDeployment"}


def recognises(root: Node | None, document: Document) -> bool:
    """Return whether a document is an object of Dynamo's operator."""
    return kind_of(root) in KINDS


def parts(root: Node | None, document: Document) -> Iterable[Part]:
    """Yield what each service runs."""
    assert root is not None
    yield from commands_of(root, document)


FORM = Form(name="a Dynamo deployment", recognises=recognises, parts=parts)
