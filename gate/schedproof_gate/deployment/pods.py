"""What the containers of a Kubernetes object run, wherever in the object they stand."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from schedproof_gate.deployment.budget import Budget
from schedproof_gate.deployment.document import Document
from schedproof_gate.deployment.given_values import GivenValues
from schedproof_gate.deployment.launch import Argument, WrittenFile
from schedproof_gate.deployment.parts import ContainerCommand
from schedproof_gate.deployment.tree import Node

REFERENCE = re.compile(r"\$(\$|\(([A-Za-z_][\w.-]*)\))", re.ASCII)
SKIPPED = frozenset({"initContainers", "status", "metadata", "ephemeralContainers"})
NAMED_PLACES = {
    "leaderTemplate": "leader",
    "workerTemplate": "worker",
    "prefill": "prefill",
    "decode": "decode",
    "worker": "worker",
    "workerSpec": "worker",
    "transformer": "transformer",
}
"""Keys that tell one group of an object's containers from another."""

SINGLE = frozenset({"mainContainer", "model"})
"""Keys of a container that stands alone."""


@dataclass(frozen=True, slots=True)
class Found:
    """A container, the mapping that has its volumes, and the keys on the way to it."""

    node: Node
    pod: Node
    path: tuple[str, ...]


def objects(document: Document) -> Iterator[Node]:
    """Yield the document's Kubernetes objects, those of lists one by one."""
    pending = list(reversed(document.roots))
    while pending:
        node = pending.pop()
        kind = kind_of(node)
        if kind.endswith("List") and node.get("items") is not None:
            pending.extend(reversed(node.members["items"].items))
        elif kind:
            yield node


def kind_of(node: Node | None) -> str:
    """Return an object's kind; empty when it has none."""
    kind = None if node is None else node.get("kind")
    return kind.value if kind is not None and isinstance(kind.value, str) else ""


def containers(node: Node) -> Iterator[Found]:
    """Yield the containers of an object, but for those that only prepare something."""
    pending: list[tuple[Node, tuple[str, ...]]] = [(node, ())]
    while pending:
        current, path = pending.pop()
        inner: list[tuple[Node, tuple[str, ...]]] = []
        for key, value in current.members.items():
            if key in SKIPPED:
                continue
            if key == "containers":
                yield from (Found(item, current, path) for item in value.items if item.members)
            elif key in SINGLE and {"command", "args", "image"} & value.members.keys():
                yield Found(value, current, path)
            elif value.members or value.items:
                inner.append((value, (*path, key)))
        inner += [(item, path) for item in current.items if item.members or item.items]
        pending.extend(reversed(inner))


def place_of(node: Node, found: Found) -> str:
    """Return how a container is named: its object, what it belongs to there, and its own name."""
    name = node.get("metadata", "name")
    parts = [kind_of(node) + (f"/{name.text.text}" if name is not None else "")]
    parts += [NAMED_PLACES[key] for key in found.path if key in NAMED_PLACES]
    if "services" in found.path[:-1]:
        parts.append(found.path[found.path.index("services") + 1])
    own = found.node.get("name")
    if own is not None:
        parts.append(f"container {own.text.text}")
    return ", ".join(dict.fromkeys(filter(None, parts)))


def commands_of(
    node: Node, document: Document, default_engine: Callable[[Found], str] = lambda found: ""
) -> Iterator[ContainerCommand]:
    """Yield what the containers of an object run."""
    for found in containers(node):
        container = found.node
        budget = Budget(document.source)
        environment = environment_of(node, found, document, budget)
        arguments = tuple(
            resolved(word, environment, document.given, budget)
            for key in ("command", "args")
            for word in words(container.get(key))
        )
        image = container.get("image")
        yield ContainerCommand(
            arguments=arguments,
            environment=environment,
            place=place_of(node, found),
            line=arguments[0].line or container.line if arguments else container.line,
            image="" if image is None else image.text.text,
            files=files_of(found, document),
            default_engine=default_engine(found),
            notes=tuple(unread_environment(found, document)),
        )


def words(node: Node | None) -> list[Argument]:
    """Return the words of a list; a string is one word."""
    if node is None or node.value is None:
        return []
    items = node.items if isinstance(node.value, list) else [node]
    return [Argument(item.text.text, item.text.first_line, (), item.text) for item in items]


def resolved(word: Argument, environment: dict[str, Argument], given: GivenValues, budget: Budget) -> Argument:
    """Return a word with its ``$(NAME)`` replaced; a name that the container does not have stays.

    Raises:
        InputError: the words expand without end.
    """
    unknown: list[str] = []

    def value(match: re.Match[str]) -> str:
        name = match.group(2)
        if name is None:
            return "$"
        known = environment.get(name)
        if known is not None and not known.unknown_variables:
            budget.count(len(known.text), word.line)
            return known.text
        text = given.get(name)
        if text is not None:
            return text
        unknown.append(f"$({name})")
        return match.group()

    if word.placed is None or "$" not in word.text:
        return word
    placed = word.placed.changed(lambda text: REFERENCE.sub(value, text))
    return Argument(placed.text, word.line, tuple(dict.fromkeys(unknown)), placed)


def environment_of(node: Node, found: Found, document: Document, budget: Budget) -> dict[str, Argument]:
    """Return a container's environment, with that of the object and of the group that it belongs to."""
    result: dict[str, Argument] = {}
    levels = [node.get("spec"), found.pod]
    if "services" in found.path[:-1]:
        levels.insert(1, node.get("spec", "services", found.path[found.path.index("services") + 1]))
    for level in levels:
        if level is not None:
            add_variables(level.get("envs"), result, document, budget)
    sources = found.node.get("envFrom")
    for source in [] if sources is None else sources.items:
        name = source.get("configMapRef", "name")
        for key, value in config_map("" if name is None else name.text.text, document).items():
            result[key] = Argument(value.text.text, value.line)
    add_variables(found.node.get("env"), result, document, budget)
    return result


def unread_environment(found: Found, document: Document) -> Iterator[str]:
    """Yield what to say of the sources of a container's environment that the file does not hold."""
    sources = found.node.get("envFrom")
    for source in [] if sources is None else sources.items:
        for key, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            name = source.get(key, "name")
            if name is not None and not (kind == "ConfigMap" and config_map(name.text.text, document)):
                yield f"{kind} {name.text.text}, which envFrom names, is not here: what it sets is not known"


def add_variables(node: Node | None, result: dict[str, Argument], document: Document, budget: Budget) -> None:
    """Add the variables of a list of names and values; one that comes from elsewhere has no known value."""
    for item in [] if node is None else node.items:
        name, value = item.get("name"), item.get("value")
        if name is None:
            continue
        key = name.text.text
        reference = item.get("valueFrom", "configMapKeyRef")
        if value is None and reference is not None:
            map_name, map_key = reference.get("name"), reference.get("key")
            if map_name is not None and map_key is not None:
                value = config_map(map_name.text.text, document).get(map_key.text.text)
        if value is None and item.get("valueFrom") is not None:
            text = document.given.get(key)
            unknown = () if text is not None else (f"${key}",)
            result[key] = Argument(f"${key}" if text is None else text, item.line, unknown)
        else:
            word = Argument("", item.line) if value is None else words(value)[0]
            result[key] = resolved(word, result, document.given, budget)


def config_map(name: str, document: Document) -> dict[str, Node]:
    """Return the entries of a ConfigMap of the same file; none when it is not there."""
    for node in objects(document):
        own = node.get("metadata", "name")
        if kind_of(node) == "ConfigMap" and own is not None and own.text.text == name:
            data = node.get("data")
            return {} if data is None else data.members
    return {}


def files_of(found: Found, document: Document) -> dict[str, WrittenFile]:
    """Return the entries of the ConfigMaps that a container mounts, by their path and by their name."""
    volumes, mounts = found.pod.get("volumes"), found.node.get("volumeMounts")
    result: dict[str, WrittenFile] = {}
    ambiguous: set[str] = set()
    for volume in [] if volumes is None else volumes.items:
        name, map_name = volume.get("name"), volume.get("configMap", "name")
        if map_name is None:
            continue
        renamed = items_of(volume)
        for key, value in config_map(map_name.text.text, document).items():
            file_name = renamed.get(key, key)
            file = WrittenFile(value.text)
            for mount in [] if mounts is None else mounts.items:
                mount_name, path = mount.get("name"), mount.get("mountPath")
                if name is None or mount_name is None or path is None or name.value != mount_name.value:
                    continue
                sub_path = mount.get("subPath")
                whole = path.text.text if sub_path is not None else f"{path.text.text.rstrip('/')}/{file_name}"
                if sub_path is None or sub_path.text.text == file_name:
                    result[whole] = file
            base = file_name.rpartition("/")[2]
            ambiguous |= {base} if base in result else set()
            result[base] = file
    return {path: file for path, file in result.items() if path not in ambiguous}


def items_of(volume: Node) -> dict[str, str]:
    """Return the names under which a volume shows the entries of its ConfigMap, where it renames them."""
    items = volume.get("configMap", "items")
    result = {}
    for item in [] if items is None else items.items:
        key, path = item.get("key"), item.get("path")
        if key is not None and path is not None:
            result[key.text.text] = path.text.text
    return result
