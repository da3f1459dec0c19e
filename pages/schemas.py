"""Writes docs/reference/report.md and docs/reference/deployment-file.md from the JSON schemas that `schema` prints.

python -m pages.schemas
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from schedproof_gate.schema.deployment_schema import deployment_schema
from schedproof_gate.schema.report_schema import report_schema

FOLDER = Path(__file__).parents[1] / "docs" / "reference"
MAX_SHOWN = 8
NUM_EXAMPLES = 3
"""How many values of an enumeration are written out where it has more than `MAX_SHOWN`."""

REPORT_HEAD = """# The report as JSON

`--format json` of `check`, `audit`, `replay` and `prove` prints one object. `schedproof schema report` prints its
JSON schema, and `python -m pages.schemas` writes this page from it. The same input gives the same bytes.

A path with `[]` is that of each member of a list. *May be missing* means that the key is left out when there is
nothing to say.

"""
DEPLOYMENT_HEAD = """# The deployment file

A deployment in schedproof's own form, as YAML, TOML or JSON: the engine, its flags, and what else is known.
`schedproof schema deployment` prints the JSON schema, which editors can use, and `python -m pages.schemas` writes
this page from it. [Deployments that are read](../deployments.md) has every other form.

"""


def pages() -> dict[Path, str]:
    """Return each page by its path."""
    return {
        FOLDER / "report.md": REPORT_HEAD + table(report_schema()),
        FOLDER / "deployment-file.md": DEPLOYMENT_HEAD + table(deployment_schema()),
    }


def table(schema: dict[str, Any]) -> str:
    """Return a table of every key that a document can have."""
    rows = "".join(f"| `{path}` | {kind} | {words} |\n" for path, kind, words in keys_of(schema))
    return f"| key | holds | |\n|:--|:--|:--|\n{rows}"


def keys_of(schema: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield each key below a schema: its path, its type, and what is said of it."""
    for name, each in schema.get("properties", {}).items():
        words = [each.get("description", "")]
        if name not in schema.get("required", ()):
            words.append("*may be missing*")
        path = f"{prefix}{name}"
        yield path, kind_of(each), ", ".join(filter(None, words))
        yield from keys_of(each, f"{path}.")
        yield from keys_of(each.get("items", {}), f"{path}[].")


def kind_of(schema: dict[str, Any]) -> str:
    """Return what values a schema takes."""
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        values = [f"`{value}`" for value in dict.fromkeys(map(str_of, schema["enum"]))]
        if len(values) > MAX_SHOWN:
            values = [*values[:NUM_EXAMPLES], f"and {len(values) - NUM_EXAMPLES} more"]
        return ", ".join(values)
    if "oneOf" in schema:
        return " or ".join(map(kind_of, schema["oneOf"]))
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    kind = " or ".join(kinds)
    if kinds == ["array"]:
        items = schema["items"]
        kind = "list of " + (kind_of(items) if "properties" not in items else "objects")
    return kind + (f" ({schema['format']})" if "format" in schema else "")


def str_of(value: object) -> str:
    """Return a value of an enumeration as JSON's reader would name it; 7756 and "7756" are one name."""
    return "null" if value is None else str(value)


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
