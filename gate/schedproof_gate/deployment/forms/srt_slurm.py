"""srt-slurm recipes: one engine, with flags of its own for prefill and for decode."""

from __future__ import annotations

from collections.abc import Iterable

from schedproof_gate.deployment.document import Document
from schedproof_gate.deployment.engines import ENGINES
from schedproof_gate.deployment.parts import Described, Form, NamedEngine, Part
from schedproof_gate.deployment.tree import Node

CONFIGS = {
    "sglang_config": "sglang",
    "vllm_config": "vllm",
    "trtllm_config": "tensorrt-llm",
    "fastdeploy_config": "fastdeploy",
}
ROLES = ("prefill", "decode", "aggregated")


def recognises(root: Node | None, document: Document) -> bool:
    """Return whether a document has an engine's configuration for roles: the newer form, or the older one."""
    if root is None:
        return False
    backend = root.get("backend")
    is_newer = backend is not None and bool(CONFIGS.keys() & backend.members.keys())
    return is_newer or any(is_older(root.get(role)) for role in ROLES)


def is_older(section: Node | None) -> bool:
    """Return whether a section has TensorRT-LLM's own configuration and the number of servers."""
    return section is not None and {"num", "config"} <= section.members.keys()


def parts(root: Node | None, document: Document) -> Iterable[Part]:
    """Yield a deployment for each role."""
    assert root is not None
    backend = root.get("backend")
    for key, engine in CONFIGS.items():
        config = None if backend is None else backend.get(key)
        if config is not None and backend is not None:
            for role in ROLES:
                args = config.get(role)
                if args is not None:
                    yield role_part(engine, role, args, backend.get(f"{role}_environment"))
    for role in ROLES:
        section = root.get(role)
        if section is not None and is_older(section):
            yield role_part("tensorrt-llm", role, section.members["config"], section.get("env"))


def role_part(engine: str, role: str, args: Node, environment: Node | None) -> Part:
    """Return the deployment of one role."""
    if engine not in ENGINES:
        return NamedEngine(engine=engine, line=args.line, place=role)
    members = {"engine": Node(engine, args.line), "args": args}
    if environment is not None:
        members["env"] = environment
    return Described(members=members, line=args.line, place=role)


FORM = Form(name="an srt-slurm recipe", recognises=recognises, parts=parts)
