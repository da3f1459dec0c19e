"""Forms that are known and not read, each with what to give in its place."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from schedproof_gate.deployment.document import Document
from schedproof_gate.deployment.parts import Form, Part
from schedproof_gate.deployment.pods import kind_of
from schedproof_gate.deployment.tree import Node
from schedproof_gate.errors import InputError


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A form by its name, and the way to one that is read."""

    name: str
    advice: str


KINDS = {
    "Kustomization": Unsupported("a Kustomization", "give the output of `kustomize build`"),
    "HelmRelease": Unsupported("a Flux HelmRelease", "give the output of `helm template`"),
    "Application": Unsupported("an Argo CD Application", "give the manifests that it deploys"),
    "RayService": Unsupported("a RayService", "write the engine's launch command into a script"),
    "RayCluster": Unsupported("a RayCluster", "write the engine's launch command into a script"),
}
HELM = Unsupported("a template of a Helm chart", "give the output of `helm template`")
HELM_ACTION = re.compile(r"\{\{-?\s*(\.Values|\.Release|\.Chart|include|if|range|with|toYaml|define|end)\b")
WORKFLOW = Unsupported("a GitHub workflow", "write the engine's launch command into a script")
PLAYBOOK = Unsupported("an Ansible playbook", "write the engine's launch command into a script")
UNIT = Unsupported("a systemd unit", "write the command behind ExecStart into a script")
NOTEBOOK = Unsupported("a Jupyter notebook", "write the engine's launch command into a script")
TERRAFORM = Unsupported("a Terraform or Nomad file", "write the engine's launch command into a script")


def unsupported(root: Node | None, document: Document) -> Unsupported | None:
    """Return the form of a document that is known and not read."""
    if root is None:
        return unsupported_text(document.text, document.name)
    members = root.members
    if kind_of(root) in KINDS:
        return KINDS[kind_of(root)]
    if kind_of(root) and HELM_ACTION.search(document.text):
        return HELM
    if "jobs" in members and ("on" in members or "true" in members):
        return WORKFLOW
    if {"cells", "nbformat"} <= members.keys():
        return NOTEBOOK
    if root.items and all({"hosts", "tasks"} <= item.members.keys() for item in root.items):
        return PLAYBOOK
    return None


def unsupported_text(text: str, name: str) -> Unsupported | None:
    """Return the form of a text that has no data syntax, or that could not be parsed."""
    if HELM_ACTION.search(text):
        return HELM
    if re.search(r"^ExecStart=", text, re.MULTILINE):
        return UNIT
    return TERRAFORM if name.endswith((".tf", ".hcl", ".nomad")) else None


def recognises(root: Node | None, document: Document) -> bool:
    """Return whether a document has such a form."""
    return unsupported(root, document) is not None


def parts(root: Node | None, document: Document) -> Iterable[Part]:
    """Say which form it is.

    Raises:
        InputError: always.
    """
    form = unsupported(root, document)
    assert form is not None
    line = None if root is None else root.line
    raise InputError(f"{form.name} is not read", source=document.source, line=line, advice=form.advice)


FORM = Form(name="a known form that is not read", recognises=recognises, parts=parts)
