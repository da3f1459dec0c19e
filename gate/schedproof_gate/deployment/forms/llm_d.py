"""llm-d: a ModelService, or the values of its Helm chart, with containers for prefill and for decode."""

from collections.abc import Iterable

from schedproof_gate.deployment.document import Document
from schedproof_gate.deployment.parts import Form, NamedEngine, Part
from schedproof_gate.deployment.pods import commands_of, containers, kind_of, place_of
from schedproof_gate.deployment.tree import Node

PRESETS = {"vllmServe": "vllm", "imageDefault": "vllm"}
"""What `modelCommand` starts."""


def recognises(root: Node | None, document: Document) -> bool:
    """Return whether a document is a ModelService, or values of the chart that makes one."""
    if root is None:
        return False
    is_values = root.get("modelArtifacts") is not None and bool({"prefill", "decode"} & root.members.keys())
    return kind_of(root) == "ModelService" or is_values


def parts(root: Node | None, document: Document) -> Iterable[Part]:
    """Yield what the containers run; a preset of the chart names the engine."""
    assert root is not None
    commands = list(commands_of(root, document))
    for found, command in zip(containers(root), commands, strict=True):
        preset = found.node.get("modelCommand")
        name = "" if preset is None else preset.text.text
        if name in PRESETS:
            yield NamedEngine(engine=PRESETS[name], line=found.node.line, place=place_of(root, found))
        else:
            yield command


FORM = Form(name="an llm-d model service", recognises=recognises, parts=parts)
