"""Random small rules, decided by the prover and by trying all small numbers: the two never contradict each other.

``python -m tests.soundness.random_rules --examples 10000 --seed 7`` tries more of them than the tests do.
"""

from __future__ import annotations

import argparse
import collections
import itertools
import linecache
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.soundness.rule_writer import PRELUDE, Writer

from schedproof import Role, ServingConfig
from schedproof_spec import Status
from schedproof_spec.prover.context import Context
from schedproof_spec.prover.prove import prove
from schedproof_spec.prover.verdict import Outcome
from schedproof_spec.states.asked import supported
from schedproof_spec.states.merged import merged_on_path

LOW, HIGH = -3, 4
"""The numbers that are tried, and that the prover is asked about."""

NAMES = itertools.count()


def rule_of(source: str) -> Callable[[ServingConfig, int], Any]:
    """Return the rule of a source, which can be found as if it stood in a file."""
    filename = f"random_rule_{next(NAMES)}.py"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    names: dict[str, Any] = {"__name__": "random_rule"}
    module = type(sys)("random_rule")
    sys.modules["random_rule"] = module
    names = vars(module)
    exec(compile(source, filename, "exec", dont_inherit=True), names)
    rule: Callable[[ServingConfig, int], Any] = names["rule"]
    return rule


def proved(rule: Callable[[ServingConfig, int], Any], most: int) -> Outcome:
    """Return what the prover says of the claim that a rule gives at most so much."""

    def theorem(ctx: Context) -> None:
        config = ServingConfig(
            max_num_seqs=ctx.integer("max_num_seqs", LOW, HIGH),
            block_size=ctx.integer("block_size", LOW, HIGH),
            chunked_prefill=ctx.boolean("chunked_prefill"),
            role=ctx.member("role", Role),
        )
        value = merged_on_path(supported(rule), config, ctx.integer("n", LOW, HIGH))
        ctx.prove("at most", value <= most)

    return prove(theorem)


def tried(rule: Callable[[ServingConfig, int], Any], most: int) -> Status:
    """Return what comes out when a rule is asked about all small numbers."""
    numbers = range(LOW, HIGH + 1)
    for seqs, block, n, flag, role in itertools.product(numbers, numbers, numbers, (False, True), Role):
        config = ServingConfig(max_num_seqs=seqs, block_size=block, chunked_prefill=flag, role=role)
        try:
            if not rule(config, n) <= most:
                return Status.VIOLATED
        except Exception:
            return Status.VIOLATED
    return Status.HELD


@dataclass(frozen=True)
class Compared:
    """One rule, decided twice."""

    source: str
    most: int
    outcome: Outcome
    found: Status

    @property
    def agree(self) -> bool:
        """Whether the prover says what is so, or nothing."""
        return self.outcome.status in (self.found, Status.UNDECIDED)

    def __str__(self) -> str:
        rule = self.source[len(PRELUDE) :]
        claim = f"rule(config, n) <= {self.most}"
        return f"{claim}: proved {self.outcome.status}, {self.outcome.reason}, is {self.found}\n{rule}"


def compare(chance: random.Random, outside: float = 0.02) -> Compared:
    """Decide a random rule twice."""
    source = Writer(chance, outside).rule()
    most = chance.randint(-1, 8)
    rule = rule_of(source)
    return Compared(source, most, proved(rule, most), tried(rule, most))


def main() -> int:
    """Compare many rules, and print what came out and every contradiction."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--examples", type=int, default=1000, help="how many rules (default 1000)")
    parser.add_argument("--seed", type=int, default=0, help="where the random numbers begin (default 0)")
    parser.add_argument("--outside", type=float, default=0.02, help="how often the list is left (default 0.02)")
    options = parser.parse_args()
    counts: collections.Counter[str] = collections.Counter()
    wrong = 0
    for number in range(options.examples):
        compared = compare(random.Random(f"{options.seed}-{number}"), options.outside)
        counts[f"{compared.outcome.status} where {compared.found}"] += 1
        if not compared.agree:
            wrong += 1
            print(f"{options.seed}-{number}: {compared}")
    for words, count in sorted(counts.items()):
        print(f"{count:6} {words}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
