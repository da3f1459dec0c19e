"""YAML without tags: documents, anchors that are finished before they are used, and merge keys.

Reads the parser's events with a stack of its own, so that depth is bounded and every value has its line. An alias
counts as all that it stands for. Plain scalars mean what they mean to PyYAML's safe loader, which FastDeploy uses.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import yaml
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

from schedproof_gate.deployment.placed_text import PlacedText
from schedproof_gate.deployment.tree import Node, Scalar, check_count, check_depth, check_number, duplicate_key
from schedproof_gate.errors import InputError, shown

MERGE = "<<"
PREFIX = "tag:yaml.org,2002:"


@dataclass(slots=True)
class Open:
    """A mapping or list whose end has not been read."""

    node: Node
    anchor: str | None = None
    first_count: int = 0
    pending_key: str | None = None
    pending_line: int = 0
    key_lines: dict[str, int] = field(default_factory=dict)
    merged: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class Anchored:
    """A value that aliases may stand for, and how many values it has."""

    node: Node
    count: int


def read_yaml(text: str | PlacedText, source: str) -> Node:
    """Return the only document; of text inside another file, with the lines of that file.

    Raises:
        InputError: not YAML, a feature that is not accepted, a key twice in one mapping, or over a limit.
    """
    documents = read_documents(text, source)
    if len(documents) > 1:
        line = documents[1].line
        raise InputError("a second document", source=source, line=line, advice="give one deployment a file")
    return documents[0]


def read_documents(text: str | PlacedText, source: str) -> tuple[Node, ...]:
    """Return the documents that hold anything.

    Raises:
        InputError: as for `read_yaml`, but for a second document.
    """
    lines: list[int] = []
    if isinstance(text, PlacedText):
        lines, text = text.line_numbers, text.text
    reader = YamlReader(text, source, lines)
    for event in events(text, source, lines):
        reader.take(event)
    documents = tuple(root for root in reader.roots if root.value is not None)
    if not documents:
        raise InputError("the file has no content", source=source, advice="give a deployment or a launch command")
    return documents


class YamlReader:
    """Makes nodes of the parser's events."""

    def __init__(self, text: str, source: str, lines: list[int]) -> None:
        self.text = text
        self.source = source
        self.lines = lines
        self.roots: list[Node] = []
        self.stack: list[Open] = []
        self.anchors: dict[str, Anchored] = {}
        self.count = 0

    def take(self, event: yaml.Event) -> None:
        """Take in one event."""
        line = line_of(0 if event.start_mark is None else event.start_mark.line, self.lines)
        if isinstance(event, yaml.DocumentStartEvent):
            self.anchors.clear()
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self.close(self.stack.pop())
        elif isinstance(event, yaml.NodeEvent):
            refuse_tag(event, self.source, line)
            top = self.stack[-1] if self.stack else None
            if top is not None and isinstance(top.node.value, dict) and top.pending_key is None:
                remember_key(top, event, self.source, line)
            else:
                self.node(event, line)

    def node(self, event: yaml.NodeEvent, line: int) -> None:
        """Take in a value.

        Raises:
            InputError: over a limit, an alias of nothing, or a merge of what is no mapping.
        """
        top = self.stack[-1] if self.stack else None
        place = top.pending_line if top is not None and top.pending_key is not None else line
        if isinstance(event, yaml.AliasEvent):
            anchored = self.anchors.get(event.anchor or "")
            if anchored is None:
                raise InputError(
                    f"the alias *{shown(event.anchor or '')} has no finished anchor",
                    source=self.source,
                    line=line,
                    advice="write the value out",
                )
            self.count += anchored.count
            node = replace(anchored.node, line=place)
        else:
            self.count += 1
            node = Node(empty_value(event, self.source, line), place, self.placed(event, place, line))
        check_count(self.count, self.source, line)
        if top is None:
            self.roots.append(node)
        elif top.pending_key == MERGE:
            self.merge(top, node, line)
        else:
            attach(top, node)
        if isinstance(event, yaml.CollectionStartEvent):
            self.stack.append(Open(node, event.anchor, self.count))
            check_depth(len(self.stack), self.source, line)
        elif isinstance(event, yaml.ScalarEvent) and event.anchor:
            self.anchors[event.anchor] = Anchored(node, 1)

    def merge(self, mapping: Open, node: Node, line: int) -> None:
        """Note a mapping, or a list of them, whose members fill in.

        Raises:
            InputError: anything else.
        """
        if not isinstance(node.value, dict | list):
            raise InputError(
                "the merge key << has no mapping", source=self.source, line=line, advice="write the keys out"
            )
        mapping.merged.append(node)
        mapping.pending_key = None

    def close(self, ended: Open) -> None:
        """Finish a mapping or list."""
        for merged in ended.merged:
            for node in merged.items or [merged]:
                for key, value in node.members.items():
                    ended.node.members.setdefault(key, value)
        if ended.anchor:
            self.anchors[ended.anchor] = Anchored(ended.node, self.count - ended.first_count + 1)

    def placed(self, event: yaml.NodeEvent, place: int, line: int) -> PlacedText | None:
        """Return the lines of a text that is not all on the line of its key."""
        start, end = event.start_mark, event.end_mark
        if not isinstance(event, yaml.ScalarEvent) or start is None or end is None:
            return None
        if end.line == start.line and line == place:
            return None
        raw = self.text[start.index : end.index]
        if event.style in ("|", ">"):
            _, _, raw = raw.partition("\n")
            line += 1
        return PlacedText.aligned(event.value, raw, line)


def line_of(number: int, lines: list[int]) -> int:
    """Return the line of the parser's line, which counts from 0; `lines` are the file's, where they are others."""
    return lines[min(number, len(lines) - 1)] if lines else number + 1


def events(text: str, source: str, lines: list[int]) -> Iterator[yaml.Event]:
    """Yield the parser's events, its errors as ours."""
    try:
        yield from yaml.parse(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = None if error.problem_mark is None else line_of(error.problem_mark.line, lines)
        raise InputError(
            f"not valid YAML: {shown(error.problem or 'unreadable')}",
            source=source,
            line=line,
            advice="correct the YAML",
        ) from None
    except (yaml.YAMLError, ValueError) as error:
        reason = shown(str(error).splitlines()[0])
        raise InputError(f"not valid YAML: {reason}", source=source, advice="correct the YAML") from None


def refuse_tag(event: yaml.NodeEvent, source: str, line: int) -> None:
    """Refuse what can make a document mean more than it shows.

    Raises:
        InputError: a tag.
    """
    tag = getattr(event, "tag", None)
    if tag is not None:
        feature = f"the tag {shown(tag)}"
        raise InputError(f"{feature} is not accepted", source=source, line=line, advice="write the value out")


def remember_key(mapping: Open, event: yaml.NodeEvent, source: str, line: int) -> None:
    """Note the key that the next event belongs to.

    Raises:
        InputError: the key is not text, or is given twice.
    """
    if not isinstance(event, yaml.ScalarEvent):
        raise InputError("a key is not plain text", source=source, line=line, advice="write `name: value`")
    key = event.value
    if key in mapping.key_lines:
        raise duplicate_key(key, source, line, mapping.key_lines[key])
    mapping.key_lines[key] = mapping.pending_line = line
    mapping.pending_key = key


def attach(parent: Open, node: Node) -> None:
    """Put a node where its parent waits for it."""
    if isinstance(parent.node.value, dict):
        assert parent.pending_key is not None
        parent.node.value[parent.pending_key] = node
        parent.pending_key = None
    else:
        assert isinstance(parent.node.value, list)
        parent.node.value.append(node)


def empty_value(event: yaml.NodeEvent, source: str, line: int) -> Scalar | list[Node] | dict[str, Node]:
    """Return a scalar's value, or an empty collection to be filled."""
    if isinstance(event, yaml.MappingStartEvent):
        return {}
    if isinstance(event, yaml.SequenceStartEvent):
        return []
    assert isinstance(event, yaml.ScalarEvent)
    return scalar(event, source, line)


def scalar(event: yaml.ScalarEvent, source: str, line: int) -> Scalar:
    """Return what a scalar means: text when quoted, else what its form says."""
    tag: str = Resolver().resolve(yaml.ScalarNode, event.value, event.implicit)  # type: ignore[no-untyped-call]
    node = yaml.ScalarNode(tag, event.value)
    constructor = SafeConstructor()
    kind = tag.removeprefix(PREFIX)
    if kind in ("int", "float"):
        check_number(len(event.value), source, line)
    try:
        if kind == "null":
            return None
        if kind == "bool":
            return bool(constructor.construct_yaml_bool(node))
        if kind == "int":
            return int(constructor.construct_yaml_int(node))
        if kind == "float":
            return float(constructor.construct_yaml_float(node))
    except ValueError:
        return str(event.value)
    return str(event.value)
