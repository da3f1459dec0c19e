"""What the sweeps change, and what has to notice."""

from __future__ import annotations

from dataclasses import dataclass

WITHOUT_NAMED_MUTANTS = "not test_mutant_is_refuted"
"""A named mutant edits the source on disk, which is not the one that runs here: its failure would prove nothing."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Modules that are changed, and what has to notice: the first failure decides."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]
    """The files whose tests run."""
    selected: str
    """Which of their tests run, in the words of ``pytest -k``."""
    outcome: str


SUBJECTS = {
    "rules": Subject(
        modules=(
            "engines.fastdeploy.rules.budget",
            "engines.fastdeploy.rules.chunk",
            "engines.fastdeploy.config",
            "engines.fastdeploy.speculation",
            "engines.fastdeploy.reference_policy",
            "engines.fastdeploy.rules.capacity",
            "engines.fastdeploy.rules.blocks",
            "engines.fastdeploy.ledger",
            "engines.fastdeploy.startup",
        ),
        tests=(
            "proofs/test_source_under_proof.py",
            "proofs/test_configuration.py",
            "proofs/test_rules_of_configurations.py",
            "proofs/test_rules_of_requests.py",
            "proofs/test_ledger.py",
            "proofs/test_invariants.py",
            "proofs/test_claims_about_rules.py",
            "proofs/test_claims.py",
            "proofs/test_queues.py",
        ),
        selected=WITHOUT_NAMED_MUTANTS,
        outcome="rules_result.json",
    ),
    "scheduler": Subject(
        modules=("request", "engines.fastdeploy.turns", "engines.fastdeploy.loop"),
        tests=(
            "proofs/test_source_under_proof.py",
            "proofs/test_configuration.py",
            "proofs/test_ledger.py",
            "proofs/test_rules_of_configurations.py",
            "proofs/test_rules_of_requests.py",
            "proofs/test_invariants.py",
            "proofs/test_turn_order.py",
            "proofs/test_queues.py",
            "proofs/test_plans.py",
            "proofs/test_preempted_decodes.py",
            "proofs/test_short_runs.py",
            "tests/property/test_scheduler.py",
            "tests/property/test_engine.py",
        ),
        selected=f"{WITHOUT_NAMED_MUTANTS} and not test_upstream_is_decided",
        outcome="scheduler_result.json",
    ),
    "engine": Subject(
        modules=(
            "engines.fastdeploy.rules.launch_forecast",
            "engines.fastdeploy.life.request_events",
            "engines.fastdeploy.life.places",
            "kv.free_list",
            "kv.pool",
            "kv.prefix_cache",
            "engines.fastdeploy.rules.output_reserve",
            "engines.fastdeploy.rules.token_ratio",
            "engines.fastdeploy.life.job",
            "engines.fastdeploy.rules.transfers",
            "engines.fastdeploy.life.queues",
            "engines.fastdeploy.life.reception",
            "engines.fastdeploy.life.engine",
        ),
        tests=(
            "proofs/test_source_under_proof.py",
            "proofs/test_refusals.py",
            "proofs/test_room_to_finish.py",
            "proofs/test_request_counts.py",
            "proofs/test_reserve_decays.py",
            "proofs/test_invariants.py",
            "proofs/test_short_runs.py",
            "tests/property/test_engine_pair.py",
            "tests/property/test_engine.py",
        ),
        selected=f"{WITHOUT_NAMED_MUTANTS} and not test_upstream_is_decided and not budget",
        outcome="engine_result.json",
    ),
}

SWEPT: frozenset[str] = frozenset()
"""Modules whose record is of the code as it is. The others changed after their last sweep, or their changes gained
a kind: they have no record until they are swept again, and the README says how many they are."""
