"""YAML, TOML and JSON files become the same tree, with a line for every key, under the same limits."""

from collections.abc import Callable

import pytest
import yaml

from schedproof_gate.deployment.json_text import read_json
from schedproof_gate.deployment.placed_text import LineIndex
from schedproof_gate.deployment.toml_file import read_toml
from schedproof_gate.deployment.tree import MAX_DEPTH, MAX_ITEMS, Node
from schedproof_gate.deployment.yaml_file import read_documents, read_yaml
from schedproof_gate.errors import InputError

Reader = Callable[[str, str], Node]

YAML = """\
engine: fastdeploy
args:
  max_num_seqs: 8
  speculative_config:
    method: mtp
    list: [1, two, 3.5]
"""
TOML = """\
engine = "fastdeploy"

[args]
max_num_seqs = 8
[args.speculative_config]
method = "mtp"
list = [1, "two", 3.5]
"""
JSON = """\
{"engine": "fastdeploy",
 "args": {
   "max_num_seqs": 8,
   "speculative_config": {"method": "mtp",
     "list": [1, "two", 3.5]}}}
"""


def plain(node: Node) -> object:
    if isinstance(node.value, dict):
        return {key: plain(value) for key, value in node.value.items()}
    if isinstance(node.value, list):
        return [plain(value) for value in node.value]
    return node.value


def lines(node: Node, path: str = "") -> dict[str, int]:
    found: dict[str, int] = {}
    if isinstance(node.value, dict):
        for key, value in node.value.items():
            found[f"{path}{key}"] = value.line
            found |= lines(value, f"{path}{key}.")
    return found


def refused(reader: Reader, text: str) -> InputError:
    with pytest.raises(InputError) as caught:
        reader(text, "file")
    return caught.value


@pytest.mark.parametrize(("reader", "text"), [(read_yaml, YAML), (read_toml, TOML), (read_json, JSON)])
def test_the_three_formats_mean_the_same(reader: Reader, text: str) -> None:
    assert plain(reader(text, "file")) == {
        "engine": "fastdeploy",
        "args": {"max_num_seqs": 8, "speculative_config": {"method": "mtp", "list": [1, "two", 3.5]}},
    }


@pytest.mark.parametrize(
    ("reader", "text", "expected"),
    [
        (read_yaml, YAML, [1, 2, 3, 4, 5, 6]),
        (read_toml, TOML, [1, 3, 4, 5, 6, 7]),
        (read_json, JSON, [1, 2, 3, 4, 4, 5]),
    ],
)
def test_every_key_knows_its_line(reader: Reader, text: str, expected: list[int]) -> None:
    names = ["engine", "args", "args.max_num_seqs", "args.speculative_config"]
    names += ["args.speculative_config.method", "args.speculative_config.list"]
    assert lines(reader(text, "file")) == dict(zip(names, expected, strict=True))


@pytest.mark.parametrize(
    ("reader", "text", "line"),
    [
        (read_yaml, "a: 1\nb: 2\na: 3\n", 3),
        (read_yaml, "x:\n  a: 1\n  a: 3\n", 3),
        (read_json, '{"a": 1,\n "b": 2,\n "a": 3}', 3),
        (read_toml, "a = 1\nb = 2\na = 3\n", 3),
    ],
)
def test_a_key_given_twice_is_refused_at_the_second(reader: Reader, text: str, line: int) -> None:
    assert refused(reader, text).line == line


def test_the_same_key_in_two_mappings_is_fine() -> None:
    assert plain(read_yaml("a: {x: 1}\nb: {x: 2}\n", "file")) == {"a": {"x": 1}, "b": {"x": 2}}
    assert plain(read_json('{"a": {"x": 1}, "b": {"x": 2}}', "file")) == {"a": {"x": 1}, "b": {"x": 2}}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: *anchor\n", "the alias *anchor has no finished anchor"),
        ("a: &anchor [*anchor]\n", "the alias *anchor has no finished anchor"),
        ("a: &anchor 1\n---\nb: *anchor\n", "the alias *anchor has no finished anchor"),
        ("a: !!python/object/apply:os.system [x]\n", "the tag tag:yaml.org,2002:python/object/apply:os.system"),
        ("a: !secret 1\n", "the tag !secret is not accepted"),
        ("<<: 1\n", "the merge key << has no mapping"),
        ("a: 1\n---\nb: 2\n", "a second document"),
        ("? [a]\n: 1\n", "a key is not plain text"),
        ("a: b: c\n", "not valid YAML: mapping values are not allowed here"),
        ("a: \x07\n", "not valid YAML: unacceptable character"),
        ("# nothing\n", "the file has no content"),
        ("a: " + "9" * 60 + "\n", "a number of 60 characters"),
    ],
)
def test_yaml_is_refused_with_its_reason(text: str, problem: str) -> None:
    assert refused(read_yaml, text).problem.startswith(problem)


def test_yaml_scalars_mean_what_they_mean_to_the_engine() -> None:
    text = "a: 010\nb: 1_000\nc: yes\nd: '8'\ne: ~\nf: 0x10\ng: 2024-01-01\nh: 1:30\ni: .inf\n"
    assert plain(read_yaml(text, "file")) == {
        "a": 8,
        "b": 1000,
        "c": True,
        "d": "8",
        "e": None,
        "f": 16,
        "g": "2024-01-01",
        "h": 90,
        "i": float("inf"),
    }


@pytest.mark.parametrize(
    ("text", "problem", "line"),
    [
        ('{"a": 1,\n}', "not valid JSON: Illegal trailing comma before end of object", 1),
        ('{"a":\n NaN}', "not valid JSON: NaN is not a JSON number", 1),
        ("[1, 2", "not valid JSON: Expecting ',' delimiter", 1),
    ],
)
def test_json_is_refused_with_its_reason(text: str, problem: str, line: int) -> None:
    error = refused(read_json, text)
    if "trailing comma" in problem:
        assert error.problem.startswith("not valid JSON: ")
    else:
        assert error.problem.startswith(problem)
        assert error.line == line


@pytest.mark.parametrize("digits", ["9" * 41, "-" + "9" * 5000])
@pytest.mark.parametrize(
    ("reader", "text"),
    [(read_yaml, "a: 1\nb: {}\n"), (read_json, '{{"a": 1,\n"b": {}}}'), (read_toml, "a = 1\nb = {}\n")],
)
def test_a_number_that_nobody_configures_is_refused_in_our_own_words(
    reader: Reader, text: str, digits: str
) -> None:
    error = refused(reader, text.format(digits))
    assert (error.problem, error.advice) == (f"a number of {len(digits)} characters", "give a smaller number")
    assert error.line == 2


@pytest.mark.parametrize("reader", [read_json, read_toml])
def test_digits_in_a_text_are_no_number(reader: Reader) -> None:
    text = '{"a": "%s"}' if reader is read_json else 'a = "%s"'
    assert reader(text % ("9" * 5000), "file").get("a") is not None


def test_a_toml_error_has_its_line() -> None:
    error = refused(read_toml, "a = 1\nb = = 2\n")
    assert (error.problem, error.line) == ("not valid TOML: Invalid value", 2)


def nested(reader: Reader, depth: int) -> str:
    if reader is read_toml:
        return "a = " + "[" * depth + "]" * depth
    return "[" * depth + "]" * depth


@pytest.mark.parametrize("reader", [read_yaml, read_json, read_toml])
def test_the_depth_limit_is_exact(reader: Reader) -> None:
    reader(nested(reader, MAX_DEPTH), "file")
    assert refused(reader, nested(reader, MAX_DEPTH + 1)).problem == f"more than {MAX_DEPTH} levels of nesting"


@pytest.mark.parametrize("reader", [read_yaml, read_json, read_toml])
def test_too_many_items_are_refused(reader: Reader) -> None:
    items = "[" + "1, " * MAX_ITEMS + "1]"
    text = f"a = {items}" if reader is read_toml else items
    assert refused(reader, text).problem == f"more than {MAX_ITEMS} keys and values"


LARGE = 1 << 20


@pytest.mark.parametrize(
    ("reader", "text"),
    [
        (read_json, '"' + '\\"' * (LARGE // 2)),
        (read_json, "[" * LARGE),
        (read_json, '{"a":' * (LARGE // 5)),
        (read_json, "a" * LARGE),
        (read_toml, "a" * LARGE),
        (read_toml, "a" + ".a" * (LARGE // 2) + " = 1"),
        (read_toml, "a = " + "{a = " * (LARGE // 5)),
        (read_toml, "a = '''" + "'\"" * (LARGE // 2)),
        (read_toml, 'a = """' + "\\" * LARGE),
        (read_toml, "a " * (LARGE // 2)),
        (read_yaml, "[" * LARGE),
        (read_yaml, "- " * (LARGE // 2)),
        (read_yaml, "a: " + "b" * LARGE),
        (read_yaml, "a: {b: " * (LARGE // 8)),
        (read_yaml, "? " * (LARGE // 2)),
        (read_yaml, "#\n" * (LARGE // 2)),
        (read_yaml, "x\n" * (LARGE // 2)),
    ],
    ids=lambda value: value[:12] if isinstance(value, str) else value.__name__,
)
def test_hostile_files_are_answered(reader: Reader, text: str) -> None:
    try:
        reader(text, "file")
    except InputError as error:
        assert len(str(error)) < 500


def test_anchors_and_merge_keys_mean_what_they_mean_to_yaml() -> None:
    text = "base: &base {a: 1, b: [x]}\nmore: &more {b: 2, c: 3}\nd:\n  <<: [*base, *more]\n  a: 4\n"
    text += "e: *base\nf: &n 5\ng: *n\n"
    assert plain(read_yaml(text, "file")) == yaml.safe_load(text)


def test_an_alias_has_the_line_of_its_own_key_and_what_is_in_it_the_line_of_the_anchor() -> None:
    found = lines(read_yaml("a: &a\n  x: 1\nb: *a\nc:\n  <<: *a\n", "file"))
    assert found == {"a": 1, "a.x": 2, "b": 3, "b.x": 2, "c": 4, "c.x": 2}


def test_aliases_count_as_what_they_stand_for() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))
    assert refused(read_yaml, bomb).problem == f"more than {MAX_ITEMS} keys and values"


def test_documents_are_read_one_by_one() -> None:
    found = read_documents("---\n---\na: 1\n---\nb: 2\n...\n", "file")
    assert [(plain(node), node.line) for node in found] == [({"a": 1}, 3), ({"b": 2}, 5)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("k: |\n  a\n\n  b c\n", [("a\n", 2), ("\nb", 4), (" c\n", 4)]),
        ("k: >-\n  a\n  b\n\n  c\n", [("a", 2), (" b", 3), ("\nc", 5)]),
        ("k:\n  a\n  b\n", [("a", 2), (" b", 3)]),
        ("k: 'a\n  b'\n", [("a", 1), (" b", 2)]),
        ("k: >\n  a\n  a\n  b\n", [("a", 2), (" b", 4)]),
        ("k:\n  - |\n    a\n    b\n", [("a\n", 3), ("b\n", 4)]),
    ],
)
def test_every_word_of_a_long_text_knows_its_line(text: str, expected: list[tuple[str, int]]) -> None:
    node = read_yaml(text, "file").members["k"]
    node = node.items[0] if node.items else node
    assert node.text.text == node.value
    index = LineIndex(node.text)
    for word, line in expected:
        assert index.at(node.text.text.index(word.strip())) == line
