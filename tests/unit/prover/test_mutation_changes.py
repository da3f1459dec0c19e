"""Each kind of change gives exactly the changes that it should, and every changed source compiles."""

from __future__ import annotations

from textwrap import dedent

import pytest
from proofs.mutation.branches import dropped_operands, exchanged_sides
from proofs.mutation.declared import Declared
from proofs.mutation.generate import KINDS, changes
from proofs.mutation.names import exchanged_arguments, other_arguments, other_attributes, other_keywords
from proofs.mutation.operators import decided_branches, other_constants, other_operators
from proofs.mutation.sources import code_hash
from proofs.mutation.statements import left_out, other_jumps

DECLARED = """
    from dataclasses import dataclass, replace
    from enum import StrEnum

    class Phase(StrEnum):
        DECODE = "decode"
        PREFILL = "prefill"

    @dataclass
    class Config:
        num_seqs: int
        batched_tokens: int
        block_size: int
        name: str
        chunked: bool

        @property
        def decode_tokens(self) -> int:
            return 1

    @dataclass
    class Step:
        budget: int
        num_blocks: int
        num_tokens: int
        num_slots: int
        config: Config

        def ledger(self) -> Config: ...

    def ask(step: Step, budget: int, config: Config) -> int: ...
"""


def made(kinds, source):
    """Return what the kinds make of the last lines of a module, after checking that all of it compiles."""
    declared = dedent(DECLARED)
    text = f"{declared}\n{dedent(source)}"
    found = []
    for change in changes("m", text, kinds=kinds):
        compile(change.source, "changed", "exec")
        assert change.source != text
        if change.line > declared.count("\n"):
            found.append(change)
    assert len({change.source for change in found}) == len(found)
    return found


def edits(kind, source):
    return [change.edit for change in made((kind,), source)]


def test_operators():
    source = """
        def f(a, b):
            a += b
            return a < b and a not in (a + b, max(a, b)) and not a
    """
    conjunction = "a < b and a not in (a + b, max(a, b)) and (not a)"
    assert sorted(edits(other_operators, source)) == sorted(
        [
            "a += b -> a -= b",
            f"{conjunction} -> {conjunction.replace('and', 'or')}",
            "a < b -> a <= b",
            "a < b -> a >= b",
            "a not in (a + b, max(a, b)) -> a in (a + b, max(a, b))",
            "a + b -> a - b",
            "max(a, b) -> min(a, b)",
            "not a -> +a",
        ]
    )


def test_constants():
    assert edits(other_constants, "LIMIT = 3\nFLAG = True\nNAME = 'a'") == ["3 -> 4", "3 -> 2", "True -> False"]


def test_conditions():
    source = """
        def f(a):
            if a:
                return 1 if a else 2
            return 3
    """
    assert edits(decided_branches, source) == [
        "if a: -> if True:",
        "if a: -> if False:",
        "1 if a else 2 -> 1 if True else 2",
        "1 if a else 2 -> 1 if False else 2",
    ]


def test_statements_are_left_out():
    source = """
        def f(step: Step, seen):
            first = step.budget
            seen.append(first)
            first = 2
            for index in seen:
                first += index
                second: int = 3
                first, second = second, first
                third, first = first, second
            del seen[0]
            seen[1] = first
            step.budget = first
            assert first
            return first
    """
    assert edits(left_out, source) == [
        "seen.append(first) -> pass",
        "first = 2 -> pass",
        "first += index -> pass",
        "first, second = (second, first) -> pass",
        "del seen[0] -> pass",
        "seen[1] = first -> pass",
        "step.budget = first -> pass",
    ]


def test_a_name_of_the_other_branch_is_not_bound_before():
    source = """
        def f(a):
            if a:
                b = 1
            else:
                b = 2
            b = 3
            return b
    """
    assert edits(left_out, source) == ["b = 3 -> pass"]


def test_what_init_assigns_is_not_left_out():
    source = """
        class Box:
            def __init__(self, a):
                self.a = a
                self.fill()

            def fill(self):
                self.a = 1
    """
    assert edits(left_out, source) == ["self.fill() -> pass", "self.a = 1 -> pass"]


def test_jumps():
    source = """
        def f(items):
            for item in items:
                if item == 1:
                    continue
                if item == 2:
                    return item
                if item == 3:
                    break
                if item == 4:
                    return 4
            while items:
                if items[0]:
                    break
            if items == 5:
                return 5
            else:
                items = 6
            return items
    """
    assert edits(other_jumps, source) == [
        "continue -> break",
        "continue -> pass",
        "return item -> pass",
        "break -> continue",
        "break -> pass",
        "return 4 -> pass",
        "break -> continue",
        "return 5 -> pass",
    ]


def test_sides_are_exchanged():
    source = """
        def f(a, b):
            if a:
                b = 1 if a else 2
            elif b:
                b = 3
            if b:
                b = 4
            return b if b else b
    """
    found = made((exchanged_sides,), source)
    assert [change.edit for change in found] == [
        "if a: -> sides exchanged",
        "1 if a else 2 -> 2 if a else 1",
    ]
    assert "if a:\n        if b:\n            b = 3\n    else:\n        b = 1 if a else 2\n" in found[0].source


def test_operands_are_dropped():
    source = """
        def f(a, b, c):
            if a and b and c or a:
                return max(a, b, key=f)
            return min(a, max(b, c), 0) + max(a) + a.max(b, c)
    """
    assert edits(dropped_operands, source) == [
        "a and b and c or a -> a and b and c",
        "a and b and c or a -> a",
        "a and b and c -> a and b",
        "a and b and c -> a and c",
        "a and b and c -> b and c",
        "min(a, max(b, c), 0) -> min(a, max(b, c))",
        "min(a, max(b, c), 0) -> min(a, 0)",
        "min(a, max(b, c), 0) -> min(max(b, c), 0)",
        "max(b, c) -> b",
        "max(b, c) -> c",
    ]


def test_other_arguments_of_the_same_type():
    source = """
        def f(step: Step, config: Config, label: str):
            return ask(step, step.budget, config)
    """
    assert edits(other_arguments, source) == [
        "step.budget -> config.batched_tokens",
        "step.budget -> config.decode_tokens",
        "step.budget -> config.num_seqs",
        "config -> step.config",
    ]


def test_names_come_before_attributes_and_leave_room_for_one():
    source = """
        def f(a: int, b: int, config: Config):
            c = a + b
            d = config.num_seqs
            return g(c, limit=a)
            e = 1
    """
    assert edits(other_arguments, source) == [
        "c -> d",
        "c -> b",
        "c -> config.num_seqs",
        "a -> d",
        "a -> c",
        "a -> config.num_seqs",
    ]


def test_only_what_a_call_gets_beside_something_else_is_replaced():
    source = """
        def f(a: int, b: int):
            return g(a) + a.h(a + b, 1)
    """
    assert edits(other_arguments, source) == []


def test_types_are_followed():
    source = """
        def f(steps: list[Step], by_name: dict[str, Step], pair: tuple[Config, int] | None):
            config, count = pair
            last = steps[-1]
            for step in steps:
                named = by_name["a"]
                g(step.ledger(), named, 0)
            return [h(each, 0) for each in (step.num_slots for step in steps)]
    """
    assert edits(other_arguments, source) == [
        "named -> step",
        "named -> last",
        "each -> count",
        "each -> named.budget",
        "each -> step.budget",
    ]


def test_arguments_are_exchanged():
    source = """
        def f(a: int, b: int, c: str, config: Config):
            g(a, c, b, config.num_seqs, config)
            Step(budget=a, num_blocks=b, num_tokens=a, num_slots=1, config=config)
            unknown(f, lambda: a, known_nowhere)
            return max(a, b)
    """
    assert edits(exchanged_arguments, source) == [
        "a, b -> b, a",
        "b, config.num_seqs -> config.num_seqs, b",
        "budget=, num_blocks= -> values exchanged",
        "num_blocks=, num_tokens= -> values exchanged",
        "num_tokens=, num_slots= -> values exchanged",
        "f, known_nowhere -> known_nowhere, f",
    ]


def test_other_attributes_of_the_same_type():
    source = """
        def f(step: Step):
            step.budget = step.config.batched_tokens
            g(step.config, step.num_slots, step.ledger)
            return Phase.DECODE, step.config.name, step.ledger().block_size
    """
    assert edits(other_attributes, source) == [
        "step.config.batched_tokens -> step.config.decode_tokens",
        "step.config.batched_tokens -> step.config.num_seqs",
        "step.config.batched_tokens -> step.config.block_size",
        "step.num_slots -> step.num_tokens",
        "step.num_slots -> step.num_blocks",
        "step.num_slots -> step.budget",
        "Phase.DECODE -> Phase.PREFILL",
        "step.ledger().block_size -> step.ledger().batched_tokens",
        "step.ledger().block_size -> step.ledger().decode_tokens",
        "step.ledger().block_size -> step.ledger().num_seqs",
    ]


def test_an_attribute_of_a_union_is_one_of_all_its_classes():
    source = """
        Either = Config | Step

        def f(either: Either, one: Step | None):
            return either.block_size, one.num_slots
    """
    assert edits(other_attributes, source) == [
        "one.num_slots -> one.num_tokens",
        "one.num_slots -> one.num_blocks",
        "one.num_slots -> one.budget",
    ]


def test_other_keywords_of_replace():
    source = """
        def f(step: Step):
            return replace(step, budget=1, num_blocks=2, config=step.config)
    """
    assert edits(other_keywords, source) == [
        "budget= -> num_tokens=",
        "budget= -> num_slots=",
        "num_blocks= -> num_tokens=",
        "num_blocks= -> num_slots=",
    ]


def test_annotations_docstrings_and_what_is_for_a_type_checker_stay():
    source = '''
        from typing import TYPE_CHECKING

        if TYPE_CHECKING:
            from m import a

            LIMIT = 1

        class Box:
            """A box of 3."""

            size: "tuple[Phase.DECODE, 1]"
            """Its size."""

            def fill(self, a: "1" = None) -> "2":
                """Fill it with 3."""
                b: "list[4]" = a
                return b
    '''
    assert made(KINDS, source) == []


def test_changes_with_the_same_words_have_different_names():
    source = """
        class Box:
            def f(self, a):
                if a: return 0
                return 0
    """
    found = made((other_constants,), source)
    assert [change.lasting_name for change in found] == [
        "m: Box.f: return 0 -> 1",
        "m: Box.f: return 0 -> -1",
        "m: Box.f: return 0 -> 1 (2)",
        "m: Box.f: return 0 -> -1 (2)",
    ]
    assert len({change.name for change in found}) == 4


def test_two_ways_to_the_same_text_are_one_change_and_the_same_text_is_none():
    source = """
        def f(a, b):
            return max(a, a) or g(b, b)
    """
    found = made((dropped_operands, exchanged_arguments, exchanged_sides), source)
    assert [change.new for change in found] == ["max(a, a)", "g(b, b)", "a"]


def test_only_the_function_around_a_change_is_written_anew():
    source = '''
        class Box:  # of wood
            def f(self):
                """Return
                   this."""
                return 1

            def g(self):  # unchanged
                return None
    '''
    change = made((other_constants,), source)[0]
    text = dedent(DECLARED) + "\n" + dedent(source)
    assert change.source == text.replace("return 1\n\n    def g", "return 2\n\n    def g")


@pytest.mark.parametrize(
    ("source", "same"),
    [
        ('"""Else."""\ndef f(a):\n    "Doc."\n    # why\n    return (a +\n            1)\n', True),
        ("def f(a):\n    return a + 2\n", False),
        ("def f(a):\n    return a - 1\n", False),
        ("def f(a):\n    return 1 + a\n", False),
        ("def g(a):\n    return a + 1\n", False),
    ],
)
def test_a_hash_stands_for_the_code_alone(source, same):
    assert (code_hash(source) == code_hash("def f(a):\n    return a + 1\n")) is same


def test_the_later_of_two_sources_counts():
    declared = Declared.read(["class A:\n    x: int", "class A:\n    x: str"])
    assert declared.attributes_of("A") == {"x": "str"}
