"""Dispatch and combine: the steps of every size by induction, and every routing within a bound as a whole."""

from __future__ import annotations

import pytest
from proofs.mutants import WORK_MUTANTS
from proofs.rules import check_kept, check_mutant, check_smallest

from schedproof_spec.work_registry import WORK_PARTS

RULES = [rule for rule in WORK_PARTS if rule.family == "dispatch"]

KEPT = [(rule, version) for rule in RULES for version in rule.kept_by]
BROKEN = [(rule, version) for rule in RULES for version in rule.broken_by]
MUTANTS = [(rule, mutant) for rule in RULES for mutant in WORK_MUTANTS[rule.title]]


def ids(cases):
    return [f"{rule.title}: {case.name}" for rule, case in cases]


@pytest.mark.parametrize(("rule", "version"), KEPT, ids=ids(KEPT))
def test_reference_keeps(rule, version, theorem):
    check_kept(rule, version, theorem)


@pytest.mark.parametrize(("rule", "version"), BROKEN, ids=ids(BROKEN))
def test_upstream_breaks_with_the_smallest_state(rule, version, theorem, stored):
    check_smallest(rule, version, theorem, stored)


@pytest.mark.parametrize(("rule", "mutant"), MUTANTS, ids=ids(MUTANTS))
def test_mutant_is_refuted(rule, mutant, theorem):
    check_mutant(rule, mutant, theorem)
