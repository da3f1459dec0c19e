"""Docker Compose: a command or an entrypoint of a service, as a list or a string, with ``${NAME:-default}``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from schedproof_gate.deployment.budget import Budget
from schedproof_gate.deployment.document import Document
from schedproof_gate.deployment.given_values import GivenValues
from schedproof_gate.deployment.launch import Argument, WrittenFile
from schedproof_gate.deployment.nearby import nearby_file
from schedproof_gate.deployment.parts import ContainerCommand, Form, Part
from schedproof_gate.deployment.placed_text import PlacedText
from schedproof_gate.deployment.text_file import MAX_FILE_BYTES
from schedproof_gate.deployment.tree import Node
from schedproof_gate.deployment.words import split_words
from schedproof_gate.errors import InputError

VARIABLE = re.compile(
    r"\$(?:(?P<escaped>\$)|(?P<plain>[A-Za-z_]\w*)|\{(?P<name>[A-Za-z_]\w*)(?:(?P<how>:?[-?+])(?P<other>[^{}]*))?\})",
    re.ASCII,
)
SETTING = re.compile(r"\s*(?:export\s+)?([A-Za-z_]\w*)=(.*)", re.ASCII)
MAX_EXTENDS = 8
KEYS = {"image", "command", "entrypoint", "build", "environment", "extends"}


def recognises(root: Node | None, document: Document) -> bool:
    """Return whether a document has services that are containers."""
    services = None if root is None else root.get("services")
    if services is None or root is None or "kind" in root.members:
        return False
    return any(KEYS & service.members.keys() for service in services.members.values())


def parts(root: Node | None, document: Document) -> Iterable[Part]:
    """Yield what each service runs."""
    assert root is not None
    services = root.members["services"].members
    variables = Variables(document)
    for name, service in services.items():
        yield container(name, with_bases(service, services, document), variables, document)


class Variables:
    """What Compose puts in place of ``${NAME}``: the person's value, else that of ``.env``, else the default."""

    def __init__(self, document: Document) -> None:
        self.given: GivenValues = document.given
        self.budget = Budget(document.source)
        self.file = settings_of(document, ".env") or {}

    def interpolated(self, placed: PlacedText) -> tuple[PlacedText, tuple[str, ...]]:
        """Return text with its variables replaced, and those that are not known as they are written."""
        unknown: list[str] = []

        def value(match: re.Match[str]) -> str:
            if match["escaped"]:
                return "$"
            name = match["plain"] or match["name"]
            known = self.given.get(name)
            known = self.file.get(name) if known is None else known
            how, other = match["how"] or "", match["other"] or ""
            if how.endswith("-") and (known is None or (how == ":-" and not known)):
                return other
            if how.endswith("+"):
                known = other if known else known
            if known is not None:
                self.budget.count(len(known), placed.first_line)
                return known
            unknown.append(f"${name}")
            return f"${name}"

        return placed.changed(lambda text: VARIABLE.sub(value, text)), tuple(dict.fromkeys(unknown))

    def argument(self, node: Node) -> Argument:
        """Return a scalar as a word."""
        text, unknown = self.interpolated(node.text)
        return Argument(text.text, text.first_line if node.placed else node.line, unknown, text)


def settings_of(document: Document, name: str) -> dict[str, str] | None:
    """Return the settings of a file beside the document; None when it cannot be read."""
    path = document.base / name
    try:
        if not path.is_file() or path.stat().st_size > MAX_FILE_BYTES:
            return None
        text = path.read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError):
        return None
    found = {}
    for line in text.splitlines():
        match = SETTING.match(line)
        if match is not None:
            found[match.group(1)] = match.group(2).strip().strip("\"'")
    return found


def with_bases(service: Node, services: Mapping[str, Node], document: Document) -> list[Node]:
    """Return a service behind those that it extends.

    Raises:
        InputError: it extends one of another file, one that is not there, or too many.
    """
    chain = [service]
    while (extends := chain[0].get("extends")) is not None:
        name = extends.get("service") if extends.members else extends
        base = None if name is None or extends.get("file") is not None else services.get(str(name.value))
        if base is None or len(chain) > MAX_EXTENDS:
            problem = "a service of another file is not followed" if base is None else "services extend each other"
            raise InputError(
                problem,
                source=document.source,
                line=extends.line,
                key="extends",
                advice="give the output of `docker compose config`",
            )
        chain.insert(0, base)
    return chain


def container(name: str, chain: list[Node], variables: Variables, document: Document) -> ContainerCommand:
    """Return what a service runs, with those that it extends: its entrypoint and then its command."""
    service = Node({key: node for each in chain for key, node in each.members.items()}, chain[-1].line)
    arguments: tuple[Argument, ...] = ()
    for key in ("entrypoint", "command"):
        arguments += words(service.get(key), variables, document)
    image = service.get("image")
    return ContainerCommand(
        arguments=arguments,
        environment=environment(chain, variables, document),
        place=f"service {name}",
        line=arguments[0].line or service.line if arguments else service.line,
        image="" if image is None else variables.argument(image).text,
        files=mounted(service, document),
        notes=tuple(
            f"{file.text.text}, which env_file names, is not here: what it sets is not known"
            for file in environment_files(chain)
            if settings_of(document, file.text.text) is None
        ),
    )


def words(node: Node | None, variables: Variables, document: Document) -> tuple[Argument, ...]:
    """Return the words of a list, or of a string that Compose splits without a shell."""
    if node is None or node.value is None:
        return ()
    if node.items:
        return tuple(variables.argument(item) for item in node.items)
    text, unknown = variables.interpolated(node.text)
    return split_words(text, document.source, unknown)


def environment(chain: list[Node], variables: Variables, document: Document) -> dict[str, Argument]:
    """Return a service's environment, over that of the files that it names."""
    found: dict[str, Argument] = {}
    for file in environment_files(chain):
        for name, text in (settings_of(document, file.text.text) or {}).items():
            found[name] = Argument(text, file.line)
    for service in chain:
        found |= settings_in(service.get("environment"), variables)
    return found


def environment_files(chain: list[Node]) -> list[Node]:
    """Return the paths of the files that a service takes variables from."""
    named = [files for service in chain if (files := service.get("env_file")) is not None]
    return [file.get("path") or file for files in named for file in files.items or [files]]


def settings_in(node: Node | None, variables: Variables) -> dict[str, Argument]:
    """Return the variables of a mapping, or of a list of ``NAME=value``."""
    found: dict[str, Argument] = {}
    if node is None:
        return found
    for name, value in node.members.items():
        found[name] = variables.argument(value) if value.value is not None else passed_on(name, value, variables)
    for item in node.items:
        word = variables.argument(item)
        name, equals, text = word.text.partition("=")
        found[name] = (
            Argument(text, word.line, word.unknown_variables) if equals else passed_on(name, item, variables)
        )
    return found


def passed_on(name: str, node: Node, variables: Variables) -> Argument:
    """Return a variable that comes from the shell of whoever starts Compose."""
    text, unknown = variables.interpolated(PlacedText.of(f"${{{name}}}", node.line))
    return Argument(text.text, node.line, unknown)


def mounted(service: Node, document: Document) -> dict[str, WrittenFile]:
    """Return the small text files beside the document that are mounted into a container, by their place in it."""
    found: dict[str, WrittenFile] = {}
    volumes = service.get("volumes")
    for volume in [] if volumes is None else volumes.items:
        if volume.members:
            outside, inside = volume.get("source"), volume.get("target")
            pair = [node.text.text for node in (outside, inside) if node is not None]
        else:
            pair = volume.text.text.split(":")[:2]
        if len(pair) != 2 or not pair[0].startswith("."):
            continue
        file = nearby_file(document.base, pair[0])
        if file is not None:
            found[pair[1]] = found[PurePosixPath(pair[1]).name] = file
    return found


FORM = Form(name="a Compose file", recognises=recognises, parts=parts)
