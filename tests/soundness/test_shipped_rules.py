"""Everything that the project itself asks on symbols keeps to the list, and reading it costs little."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from types import FunctionType

import pytest
from proofs.mutants import MUTANTS

from schedproof import POLICIES
from schedproof.engines.fastdeploy import rules, startup, versions
from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.engines.fastdeploy.startup import StartupCheck
from schedproof_spec.prover.subset.policies import RULES, policy_problem, rule_of
from schedproof_spec.prover.subset.reading import read, read_anew


def policies_in(package: object) -> Iterator[type[Policy]]:
    for found in pkgutil.iter_modules(package.__path__, package.__name__ + "."):  # type: ignore[attr-defined]
        for value in vars(importlib.import_module(found.name)).values():
            if isinstance(value, type) and issubclass(value, Policy) and value.__module__ == found.name:
                yield value


VERSIONS = {type(policy) for policy in POLICIES.values()} | set(policies_in(versions))


@pytest.mark.parametrize("kind", sorted(VERSIONS, key=lambda kind: kind.__name__), ids=lambda kind: kind.__name__)
def test_a_version_keeps_to_the_list(kind: type[Policy]) -> None:
    policy = kind()
    assert policy_problem(policy) is None
    assert {name: read(rule_of(policy, name)).refusal for name in RULES} == dict.fromkeys(RULES)
    assert [read(check.holds).refusal for check in policy.startup_checks()] == [None] * len(policy.startup_checks())


def test_every_start_up_check_keeps_to_the_list() -> None:
    checks = [value for value in vars(startup).values() if isinstance(value, StartupCheck)]
    assert len(checks) > 10
    assert [read(check.holds).refusal for check in checks] == [None] * len(checks)


NOT_OF_A_POLICY = ("output_reserve", "launch_forecast", "token_ratio")
"""Rules that no policy decides: theorems ask them of values of their own."""


def rule_functions() -> list[FunctionType]:
    modules = [
        importlib.import_module(found.name)
        for found in pkgutil.iter_modules(rules.__path__, rules.__name__ + ".")
        if not found.name.endswith(NOT_OF_A_POLICY)
    ]
    functions = [value for module in modules for value in vars(module).values() if isinstance(value, FunctionType)]
    return [function for function in functions if function.__module__.startswith(rules.__name__)]


@pytest.mark.parametrize("function", rule_functions(), ids=lambda function: function.__name__)
def test_a_rule_of_the_reference_keeps_to_the_list(function: FunctionType) -> None:
    assert read(function).refusal is None


def test_the_published_reserve_counts_in_floating_point() -> None:
    """FastDeploy's reserves are the rules outside the list: no policy reaches them, and proofs draw the results."""
    reserve = importlib.import_module(f"{rules.__name__}.output_reserve")
    refusal = read(reserve.published_reserve_after_step).refusal
    assert refusal is not None
    assert "`float` is not supported; stay with integers" in refusal
    assert read(reserve.reserve_after_step).refusal is None
    ratio = importlib.import_module(f"{rules.__name__}.token_ratio")
    assert "true division is not supported" in (read(ratio.after_preemption).refusal or "")


DERIVED = [name for name, value in vars(ServingConfig).items() if isinstance(value, property)]


@pytest.mark.parametrize("name", DERIVED)
def test_what_follows_from_a_configuration_keeps_to_the_list(name: str) -> None:
    assert read(vars(ServingConfig)[name].fget).refusal is None


MUTANTS_OF_RULES = [
    mutant
    for mutants in MUTANTS.values()
    for mutant in mutants
    if mutant.module.startswith((rules.__name__, startup.__name__, versions.__name__))
    and not mutant.module.endswith(NOT_OF_A_POLICY)
]


def test_a_changed_rule_is_read_anew_and_keeps_to_the_list() -> None:
    assert len(MUTANTS_OF_RULES) > 10
    for mutant in MUTANTS_OF_RULES:
        policy = POLICIES["reference"]
        before = {name: read(rule_of(policy, name)).content for name in RULES}
        with mutant.applied():
            during = {name: read(rule_of(policy, name)) for name in RULES}
        assert all(reading.refusal is None for reading in during.values()), mutant.name
        assert any(before[name] != during[name].content for name in RULES), mutant.name
        assert {name: read(rule_of(policy, name)).content for name in RULES} == before


PROGRAM = """
import time
from schedproof import POLICIES
from schedproof_spec.prover.subset.policies import RULES, policy_problem, rule_of
from schedproof_spec.prover.subset.reading import read

for name in ("reference", "7756"):
    begin = time.process_time()
    policy_problem(POLICIES[name])
    for rule in RULES:
        read(rule_of(POLICIES[name], rule))
    for check in POLICIES[name].startup_checks():
        read(check.holds)
    print(time.process_time() - begin)
"""


def test_reading_a_policy_takes_little_time() -> None:
    """Less than 50 ms of processor time on a machine at rest; here twice that is let pass."""
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True, timeout=60)
        seconds = [float(line) for line in done.stdout.split()]
        if max(seconds) < 0.05:
            return
    assert max(seconds) < 0.1


def test_what_was_read_is_remembered() -> None:
    rule = rule_of(POLICIES["reference"], "next_chunk")
    assert read(rule) is read(rule)
    assert read_anew(rule) is not read(rule)
    assert read_anew(rule).content == read(rule).content
