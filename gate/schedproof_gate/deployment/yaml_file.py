"""YAML without what a deployment does not need: one document, no anchors, no tags, no merge keys.

Reads the parser's events with a stack of its own, so that depth is bounded and every value has its line. Plain
scalars mean what they mean to PyYAML's safe loader, which FastDeploy uses.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

from schedproof_gate.deployment.tree import Node, Scalar, check_count, check_depth, duplicate_key
from schedproof_gate.errors import InputError, shown

MAX_NUMBER_CHARACTERS = 40
PREFIX = "tag:yaml.org,2002:"


@dataclass(slots=True)
class Open:
    """A mapping or list whose end has not been read."""

    node: Node
    pending_key: str | None = None
    pending_line: int = 0
    key_lines: dict[str, int] = field(default_factory=dict)


def read_yaml(text: str, source: str) -> Node:
    """Return the document.

    Raises:
        InputError: not YAML, a feature that is not accepted, a key twice in one mapping, or over a limit.
    """
    root: Node | None = None
    stack: list[Open] = []
    count = 0
    for event in events(text, source):
        line = line_of(event)
        if isinstance(event, yaml.DocumentStartEvent) and root is not None:
            raise InputError("a second document", source=source, line=line, advice="give one deployment a file")
        if isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            stack.pop()
            continue
        if not isinstance(event, yaml.NodeEvent):
            continue
        refuse_features(event, source, line)
        if stack and isinstance(stack[-1].node.value, dict) and stack[-1].pending_key is None:
            remember_key(stack[-1], event, source, line)
            continue
        count += 1
        check_count(count, source, line)
        node = Node(empty_value(event, source, line), stack[-1].pending_line if is_value(stack) else line)
        if stack:
            attach(stack[-1], node)
        else:
            root = node
        if isinstance(event, yaml.CollectionStartEvent):
            stack.append(Open(node))
            check_depth(len(stack), source, line)
    if root is None:
        raise InputError("the file has no content", source=source, advice="give a deployment or a launch command")
    return root


def line_of(event: yaml.Event) -> int:
    """Return the line that an event starts on; the parser marks all of them."""
    return 1 if event.start_mark is None else event.start_mark.line + 1


def events(text: str, source: str) -> Iterator[yaml.Event]:
    """Yield the parser's events, its errors as ours."""
    try:
        yield from yaml.parse(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = None if error.problem_mark is None else error.problem_mark.line + 1
        raise InputError(
            f"not valid YAML: {shown(error.problem or 'unreadable')}",
            source=source,
            line=line,
            advice="correct the YAML",
        ) from None
    except (yaml.YAMLError, ValueError) as error:
        reason = shown(str(error).splitlines()[0])
        raise InputError(f"not valid YAML: {reason}", source=source, advice="correct the YAML") from None


def refuse_features(event: yaml.NodeEvent, source: str, line: int) -> None:
    """Refuse what can make a document mean more than it shows.

    Raises:
        InputError: an alias, an anchor or a tag.
    """
    anchor = shown(event.anchor or "")
    tag = getattr(event, "tag", None)
    if isinstance(event, yaml.AliasEvent):
        feature = f"the alias *{anchor}"
    elif anchor:
        feature = f"the anchor &{anchor}"
    elif tag is not None:
        feature = f"the tag {shown(tag)}"
    else:
        return
    raise InputError(f"{feature} is not accepted", source=source, line=line, advice="write the value out")


def remember_key(mapping: Open, event: yaml.NodeEvent, source: str, line: int) -> None:
    """Note the key that the next event belongs to.

    Raises:
        InputError: the key is not text, or is given twice.
    """
    if not isinstance(event, yaml.ScalarEvent):
        raise InputError("a key is not plain text", source=source, line=line, advice="write `name: value`")
    key = event.value
    if key == "<<" and event.implicit[0]:
        raise InputError("the merge key << is not accepted", source=source, line=line, advice="write the keys out")
    if key in mapping.key_lines:
        raise duplicate_key(key, source, line, mapping.key_lines[key])
    mapping.key_lines[key] = mapping.pending_line = line
    mapping.pending_key = key


def is_value(stack: list[Open]) -> bool:
    """Return whether the next node is the value of a mapping's key."""
    return bool(stack) and stack[-1].pending_key is not None


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
    if kind in ("int", "float") and len(event.value) > MAX_NUMBER_CHARACTERS:
        raise InputError(
            f"a number of {len(event.value)} characters", source=source, line=line, advice="give a smaller number"
        )
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
