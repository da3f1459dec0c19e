"""Writes docs/subset.md, the page of what a rule may be made of; a test fails when the page is not current.

python -m proofs.subset_page
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from schedproof_spec.prover.subset.language import (
    ATTRIBUTES,
    FUNCTIONS,
    INSTEAD,
    LIST_METHODS,
    LOGGING,
    OPERATORS,
    REFUSED,
    SYNTAX,
)

PAGE = Path(__file__).parents[1] / "docs" / "subset.md"

HEAD = """# What a rule may be made of

The prover runs your rule, and every function that it can call, on symbolic integers. So that a proof is about
Python's own meaning, all of their source is read first, and everything in it has to be on this list. Anything
else leaves the verdict undecided, with file, line and what to write instead. `python -m proofs.subset_page`
writes this page from [the list itself](../spec/schedproof_spec/prover/subset/language.py).

Read are the rule, and whatever is mentioned in what is read: functions, methods, properties, `super()`,
lambdas, partials, decorated functions, tables of functions, objects with the operators of their classes,
constants of classes and modules, variables of enclosing functions. The source has to be what runs: a function
made by `exec`, or a file that was changed after it was imported, is refused.

## Supported

Integers (of any size, negative ones too), truth values, None, enums, text that is written out; tuples and lists
of known length; named tuples, frozen dataclasses, and objects of plain classes whose attributes nobody assigns
to.

"""

MEANING = """
`//` and `%` round down, as in Python. `&`, `|`, `^`, shifts and powers have a constant on their right. A number
counts as a truth value and the other way round. A function under `functools.cache` or `lru_cache` is called
anew each time. Logging has no effect and writes nothing during a proof.

**True division.** `a / b` stands only inside `math.ceil` or `math.floor`. Python divides in floating point:
below 2**53 the result is exact, and is proved; where either number can be larger, the verdict is undecided. `a
// b`, and `-(-a // b)` to round up, are exact for all numbers.

**Loops** run over tuples, lists, enums, ranges. An unknown number as the length
of a `range` is refused; so is one as an index.
"""

WHOLE = """
## Refused of a policy as a whole

- a public method or property that overrides nothing: its name is probably misspelt, and the nearest name is
  suggested (the name of a helper begins with `_`);
- an override with other parameters, other names of parameters or another order than the rule has;
- an override of `problems`, which nothing proves: refuse configurations in `startup_checks`;
- a rule that is set on the object, or is anything but a plain method;
- state between calls: assigning to an attribute, to a place of a list or table that was not made in the
  function itself, `global`, `nonlocal`, defaults that can be changed, cached properties;
- `request_id` for anything but asking whether two are equal;
- a request's items one by one, or their number: theorems draw one or two of any number. Whether there are any may
  be asked, and schedproof's own `next_chunk`;
- classes with `__getattr__` and the like, with a metaclass, or that make a number or text of their own, and
  `__bool__`, `__len__`, `__int__` and `__index__`, of which Python needs a plain number;
- annotations inside a rule that are more than a name, unless the module imports `annotations` from `__future__`;
- operators and the like that are anything but plain methods, and fields of a dataclass that are properties;
- an enum whose members hold a list, a float or an object: it could change, or is no number;
- NumPy numbers, which wrap around: write `int(...)` where they are defined;
- what a function under `functools.cache` is given, unless it is a number, None, text, a plain enum, or what the
  rule itself was given: it could take two values for one;
- fields that no theorem draws: `has_router`, `has_splitwise_scheduler`, `enable_chunked_prefill`, `num_kv_blocks`
  of a configuration, `max_output_tokens` of a request.

## Refused of a step loop as a whole

A [loop of one's own](loops.md) is read in the same way, all of its methods at once, and besides:

- a public method that is no part of a loop, and a method with other parameters than it is asked with;
- a method or `limits_type` that is set on the object;
- a ledger, or limits, of a class that is no frozen dataclass, that makes or compares itself in its own way, or
  with a field that is no int, bool or enum;
- what a function under `functools.cache` is given, if it is a request, a ledger or limits.

## What is remembered

A verdict is remembered by the content of the rules behind it: their code and that of all that they call, and
every constant, attribute, closure and global by its value. Two objects of one class with different numbers are
two policies. What has no content that can be compared is not remembered, nor are verdicts on loops.
"""


def page() -> str:
    """Return the page."""
    parts = [HEAD, "| syntax | |\n|:--|:--|\n"]
    parts += [f"| `{kind.__name__}` | {in_cell(words)} |\n" for kind, words in SYNTAX.items()]
    parts += [f"\nOperators: {listed(OPERATORS.values())}.\n"]
    parts += [f"\nFunctions: {listed(FUNCTIONS.values())}, exceptions, and your own.\n"]
    parts += [f"\nAttributes: fields and methods of what is given, {listed(sorted(ATTRIBUTES))}.\n"]
    parts += [f"\nOf a list that the function has made: {listed(LIST_METHODS)}; of a logger: {listed(LOGGING)}.\n"]
    parts += [MEANING]
    parts += ["\n## Refused by name\n\n| what | write instead |\n|:--|:--|\n"]
    parts += [f"| {words} | {in_cell(instead)} |\n" for words, instead in dict(REFUSED.values()).items()]
    parts += [f"| `{function.__name__}` | {in_cell(instead)} |\n" for function, instead in INSTEAD.items()]
    return "".join([*parts, WHOLE])


def listed(names: Iterable[str]) -> str:
    """Return names in a row."""
    return ", ".join(f"`{name}`" for name in names)


def in_cell(words: str) -> str:
    """Return words that may stand in a table."""
    return words.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
