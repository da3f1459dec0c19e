"""Writes random small rules, in and around the list of what is supported."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

PRELUDE = """
import functools
import math
from dataclasses import dataclass, replace
from enum import Enum, IntEnum
from typing import NamedTuple

from schedproof import Role

TABLE = {Role.MIXED: 1, Role.PREFILL: -2, Role.DECODE: 3}
STEPS = (1, 2, 4)
NESTED = ((1, -1), (2, 3))


class Weight(IntEnum):
    LIGHT = 1
    HEAVY = 3


class Share(Enum):
    ALL = 1
    HALF = 2

    def of(self, value):
        return value // self.value


class Pair(NamedTuple):
    first: int
    second: int

    @property
    def total(self):
        return self.first + self.second


@dataclass(frozen=True)
class Span:
    start: int
    end: int = 2

    def __lt__(self, other):
        return self.start < other

    def __add__(self, other):
        return self.end - self.start + other


SPAN = Span(1, 3)


def helper(value, by=1):
    if value > by:
        return value - by
    return by


@functools.cache
def remembered(value):
    return value * 2


three_less = functools.partial(helper, by=3)
FUNCTIONS = (helper, three_less, abs)


def rule(config, n):
"""


class Writer:
    """Writes one rule."""

    def __init__(self, chance: random.Random, outside: float) -> None:
        self.chance = chance
        self.outside = outside
        """How often something is written that may not be on the list."""
        self.names = ["n"]
        self.bound: list[str] = []

    def rule(self) -> str:
        """Return the rule's source."""
        lines = self.block(2, self.chance.randint(0, 3))
        return PRELUDE + "".join(f"    {line}\n" for line in [*lines, f"return {self.number(3)}"])

    def one(self, makers: Sequence[Callable[[], str]]) -> str:
        return self.chance.choice(list(makers))()

    # Statements

    def block(self, depth: int, length: int) -> list[str]:
        return [line for _ in range(length) for line in self.statement(depth)]

    def inner(self, depth: int) -> list[str]:
        kept = list(self.names)
        lines = self.block(depth - 1, self.chance.randint(1, 2))
        self.names = kept
        return ["    " + line for line in lines]

    def statement(self, depth: int) -> list[str]:
        kinds = [self.assign, self.augment, self.returns, self.asserts, self.unpack, self.listed]
        if depth > 0:
            kinds += [self.branch, self.loop, self.match_role, self.match_number, self.match_pair, self.define]
        if self.chance.random() < self.outside:
            kinds = [self.tries, self.counts_up]
        kind = self.chance.choice(kinds)
        return kind(depth)

    def assign(self, depth: int) -> list[str]:
        value = self.number(2)
        name = self.chance.choice(["x", "y", "z"])
        self.names = [*self.names, name]
        return [f"{name} = {value}"]

    def augment(self, depth: int) -> list[str]:
        own = [name for name in self.names if name != "n"]
        if not own:
            return self.assign(depth)
        return [f"{self.chance.choice(own)} {self.chance.choice(['+', '-', '*', '//', '%'])}= {self.number(1)}"]

    def returns(self, depth: int) -> list[str]:
        if self.chance.random() < 0.3:
            self.names = [*self.names, "w"]
            return [f"if (w := {self.number(2)}) > {self.number(1)}:", f"    return {self.number(1)}"]
        return [f"if {self.truth(2)}:", f"    return {self.number(2)}"]

    def asserts(self, depth: int) -> list[str]:
        if self.chance.random() < 0.7:
            return self.returns(depth)
        if self.chance.random() < 0.5:
            return [f"assert {self.truth(2)}, f'{{n}} is {{config.block_size}}'"]
        return [f"if {self.truth(2)}:", "    raise ValueError(f'{n} of {config.role}')"]

    def unpack(self, depth: int) -> list[str]:
        value = (
            f"({self.number(1)}, {self.number(1)})"
            if self.chance.random() < 0.5
            else f"divmod({self.number(1)}, 2)"
        )
        self.names = [*self.names, "x", "y"]
        return [f"x, y = {value}"]

    def listed(self, depth: int) -> list[str]:
        lines = [f"parts = [{self.number(1)}]", f"parts.append({self.number(1)})"]
        if self.chance.random() < 0.5:
            lines.append(f"if {self.truth(1)}: parts[0] = {self.number(1)}")
        self.names = [*self.names, "z"]
        read = self.chance.choice(["sum(parts)", "max(parts)", "len(parts)", "sorted(parts)[0]", "parts[-1]"])
        return [*lines, f"z = {read}"]

    def branch(self, depth: int) -> list[str]:
        lines = [f"if {self.truth(2)}:", *self.inner(depth)]
        if self.chance.random() < 0.5:
            lines += [f"elif {self.truth(1)}:", *self.inner(depth)]
        return [*lines, "else:", *self.inner(depth)] if self.chance.random() < 0.5 else lines

    def loop(self, depth: int) -> list[str]:
        name = f"i{depth}"
        source = self.chance.choice(["STEPS", "range(3)", f"(n, {self.number(1)})", "range(2, 0, -1)"])
        kept = list(self.names)
        self.names = [*self.names, name]
        lines = self.inner(depth)
        jump = self.chance.choice(["break", "continue", "pass"])
        lines += [f"    if {self.truth(1)}:", f"        {jump}", *self.inner(depth)]
        self.names = kept
        start = [f"total = {self.number(0)}", f"for {name} in {source}:", *lines, f"    total += {name}"]
        self.names = [*self.names, "total"]
        return start

    def match_role(self, depth: int) -> list[str]:
        lines = ["match config.role:", "    case Role.MIXED:"]
        lines += ["    " + line for line in self.inner(depth)]
        lines += [f"    case Role.PREFILL | Role.DECODE if {self.truth(1)}:"]
        lines += ["    " + line for line in self.inner(depth)]
        return lines

    def match_number(self, depth: int) -> list[str]:
        lines = [f"match {self.number(1)}:", f"    case {self.chance.randint(-2, 3)}:"]
        lines += ["    " + line for line in self.inner(depth)]
        lines += ["    case 1 | 2 as few if few < 2:", *["    " + line for line in self.inner(depth)]]
        return [*lines, "    case _:", *["    " + line for line in self.inner(depth)]]

    def match_pair(self, depth: int) -> list[str]:
        lines = [f"match ({self.number(1)}, config.role):", "    case (0, Role.MIXED):"]
        lines += ["    " + line for line in self.inner(depth)]
        lines += ["    case (some, _):", f"        x = some - {self.number(0)}"]
        self.names = [*self.names, "x"]
        return lines

    def define(self, depth: int) -> list[str]:
        kept = list(self.names)
        self.names = [*self.names, "value"]
        body = self.number(1)
        self.names = [*kept, "y"]
        return ["def inner(value):", f"    return {body}", f"y = inner({self.number(1)})"]

    def tries(self, depth: int) -> list[str]:
        return ["try:", f"    x = {self.number(1)}", "except Exception:", "    x = 9"]

    def counts_up(self, depth: int) -> list[str]:
        return ["while n < 0:", "    n += 1"]

    # Numbers

    def number(self, depth: int) -> str:
        leaves = [self.constant, self.name, self.field]
        if depth == 0:
            return self.one(leaves)
        if self.chance.random() < self.outside:
            return self.odd_number(depth)
        return self.one([*leaves, *[lambda: self.operation(depth)] * 5, *[lambda: self.called(depth)] * 4])

    def constant(self) -> str:
        return str(self.chance.randint(-3, 5))

    def name(self) -> str:
        return self.chance.choice(self.names) if self.chance.random() < 0.6 else self.chance.choice(self.names[:1])

    def field(self) -> str:
        fields = (
            "config.max_num_seqs",
            "config.block_size",
            "SPAN.end",
            "Weight.HEAVY",
            "NESTED[1][0]",
            "STEPS[-1]",
        )
        return self.chance.choice(fields)

    def operation(self, depth: int) -> str:
        a, b, c = self.number(depth - 1), self.number(depth - 1), self.truth(depth - 1)
        small = self.chance.randint(0, 6)
        return self.chance.choice(
            [
                f"({a} + {b})",
                f"({a} - {b})",
                f"({a} * {b})",
                f"({a} // {b})",
                f"({a} % {b})",
                f"-(-{a} // {b})",
                f"(-{a})",
                f"(~{a})",
                f"({a} & {small})",
                f"({a} & -{small})",
                f"({a} | {small})",
                f"({a} ^ {small - 3})",
                f"({a} << {small % 3})",
                f"({a} >> {small % 3})",
                f"({a} ** {small % 3})",
                f"({a} if {c} else {b})",
                f"({a} and {b})",
                f"({a} or {b})",
                f"({c} + {a})",
                f"({c} * {a})",
                f"({c} - {c})",
            ]
        )

    def called(self, depth: int) -> str:
        a, b, c = self.number(depth - 1), self.number(depth - 1), self.truth(depth - 1)
        kept = list(self.names)
        self.names = [*self.names, "v"]
        inside, condition = self.number(depth - 1), self.truth(depth - 1)
        self.names = kept
        return self.chance.choice(
            [
                f"min({a}, {b})",
                f"max({a}, {b}, 0)",
                f"abs({a})",
                f"int({c})",
                f"sum(({a}, {b}))",
                f"sum({inside} for v in ({a}, {b}) if {condition})",
                f"len([v for v in STEPS if {condition}])",
                f"max([v for v in STEPS if {condition}], default={a})",
                f"min(({a}, {b}), key=lambda v: {inside})",
                f"divmod({a}, {b})[{self.chance.randint(0, 1)}]",
                f"sorted(({a}, {b}, 1))[{self.chance.randint(0, 2)}]",
                f"sorted(({a}, {b}), key=lambda v: -v, reverse={c})[0]",
                f"TABLE[config.role] + {a}",
                f"helper({a})",
                f"helper({a}, by={b})",
                f"three_less({a})",
                f"FUNCTIONS[{self.chance.randint(0, 2)}]({a})",
                f"remembered({a})",
                f"(lambda v: {inside})({a})",
                f"Pair({a}, {b}).total",
                f"Pair({a}, {b})._replace(first=1).first",
                f"replace(SPAN, start={a}).start",
                f"(Span({a}, {b}) + 1)",
                f"(1 if Span({a}, {b}) < 2 else 2)",
                f"Share.HALF.of({a})",
                f"(Weight.HEAVY if {c} else Weight.LIGHT).value",
                f"functools.reduce(max, ({a}, {b}))",
                f"math.ceil({a} / {b})",
                f"math.floor({a} / {self.chance.randint(1, 4)})",
                f"replace(config, block_size={a}).block_size",
                f"({a}, {b})[{c}]",
                f"[{a}, *({b}, 1)][-1]",
                f"sum(map(helper, ({a}, {b})))",
                f"sum(i * v for i, v in enumerate(({a}, {b})))",
                f"sum(x * v for x, v in zip(STEPS, ({a}, {b})))",
            ]
        )

    def odd_number(self, depth: int) -> str:
        a, b = self.number(depth - 1), self.number(depth - 1)
        return self.chance.choice(
            [
                f"(1 if isinstance({a}, int) else 2)",
                "(1 if f'{config.role}' == 'mixed' else 2)",
                f"(1 if ({self.truth(depth - 1)}) is True else 2)",
                f"len(str({a}))",
                f"({a}).bit_length()",
                f"({a}).real",
                f"{{1: 2}}.get({a}, 3)",
                f"int({a})",
                f"int({a} * 0.5)",
                f"len(range({a}))",
                f"({a} & {b})",
                f"({a} << {b})",
                f"round({a})",
                f"hash({a}) % 3",
                f"(2 ** {a})",
                "getattr(config, 'block_size')",
                f"(1 if ({a}, {b}) == sorted(({a}, {b})) else 2)",
                f"(1 if {a} in {{1, 2}} else 2)",
                f"({a}).__class__({b})",
                f"len({{{a}: 1, {b}: 2}})",
                f"[1, 2, 3][{a}]",
                "(1 if config.role < 'n' else 2)",
                "len(config.role)",
                f"len([1] * {a})",
            ]
        )

    # Truth

    def truth(self, depth: int) -> str:
        """Return a condition."""
        return f"({self.bare_truth(depth)})"

    def bare_truth(self, depth: int) -> str:
        if depth <= 0:
            return self.chance.choice(
                ["config.chunked_prefill", "config.role == Role.MIXED", "config.role is Role.DECODE", "n", "n > 1"]
            )
        a, b, c, d = (self.number(depth - 1), self.number(depth - 1), self.truth(depth - 1), self.truth(depth - 1))
        return self.chance.choice(
            [
                f"{a} < {b}",
                f"{a} <= {b} < {self.chance.randint(0, 4)}",
                f"{a} == {b}",
                f"{a} != {b}",
                f"({c} and {d})",
                f"({c} or {d})",
                f"(not {c})",
                f"bool({a})",
                f"({a} in (1, {b}))",
                f"({a} not in STEPS)",
                f"({a} in range(3))",
                "config.role in (Role.MIXED, Role.DECODE)",
                "config.role is not Role.PREFILL",
                "config.role.value == 'prefill'",
                "config.role == 'decode'",
                "config.speculation is None",
                f"any(({c}, {d}))",
                f"all(v > {a} for v in STEPS)",
                f"(config.chunked_prefill & ({a} > {b}))",
                f"(config.chunked_prefill ^ ({a} > {b}))",
                f"(({a}, {b}) == (1, 2))",
                f"(({a}, {b}) < (2, 1))",
                f"(config.chunked_prefill == {c})",
                f"({c}) < ({d})",
                f"({a})",
            ]
        )
