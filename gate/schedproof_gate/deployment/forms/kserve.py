"""KServe: inference services, serving runtimes, and services for language models, which run vLLM by default."""

from collections.abc import Iterable

from schedproof_gate.deployment.document import Document
from schedproof_gate.deployment.parts import Form, NamedEngine, Part
from schedproof_gate.deployment.pods import commands_of, containers, kind_of, place_of
from schedproof_gate.deployment.tree import Node

LANGUAGE_MODEL = "LLMInferenceService"
KINDS = {"InferenceService", "ServingRuntime", "ClusterServingRuntime", LANGUAGE_MODEL}
RUNTIMES = {"sglang": "sglang", "vllm": "vllm", "trt": "tensorrt-llm"}


def recognises(root: Node | None, document: Document) -> bool:
    """Return whether a document is an object of KServe."""
    return kind_of(root) in KINDS


def parts(root: Node | None, document: Document) -> Iterable[Part]:
    """Yield what the containers run."""
    assert root is not None
    engine = ""
    if kind_of(root) == LANGUAGE_MODEL:
        named = root.get("spec", "runtime")
        runtime = "" if named is None else named.text.text
        engine = next((name for word, name in RUNTIMES.items() if word in runtime), "vllm")
        has_command = any(found.node.get("command") is not None for found in containers(root))
        if not has_command:
            for found in containers(root):
                yield NamedEngine(engine=engine, line=found.node.line, place=place_of(root, found))
            return
    yield from commands_of(root, document)


FORM = Form(name="a KServe object", recognises=recognises, parts=parts)
