"""The smoke suite, `pytest -m smoke`: a test or two of every room, chosen so that a broken room is noticed."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parent

SMOKE = {
    "reference: the engine runs": (
        "tests/unit/reference/test_engine_serving.py::test_prefill_gets_what_the_decodes_leave",
        "tests/end_to_end/test_pages_run.py::test_the_code_of_a_page_prints_what_the_page_says[docs/engine.md]",
    ),
    "reference: recorded steps of FastDeploy's own scheduler": (
        "tests/recorded/test_fastdeploy_steps.py::test_each_step_is_planned_as_fastdeploy_planned_it[text]",
        "tests/recorded/test_fastdeploy_steps.py::test_each_step_is_planned_as_fastdeploy_planned_it[7444/text]",
    ),
    "reference: what a step sends and dispatches": (
        "tests/unit/test_save_output.py::test_a_reader_gets_what_was_accepted",
        "tests/unit/test_dispatch.py::test_every_routed_token_arrives_once_or_is_reported_dropped",
        "tests/unit/test_dispatch.py::test_quantised_values_are_near_and_their_scale_is_exact",
    ),
    "spec: a theorem holds, and refutes a mutant": (
        "proofs/test_invariants.py::test_reference_keeps[no_overshoot]",
        "proofs/test_mutants.py::test_mutant_is_refuted[no_overshoot: forget the bonus token]",
    ),
    "spec: a run is found from an empty engine": (
        "tests/unit/prover/test_find_run.py::"
        "test_the_run_that_is_found_starts_empty_and_breaks_the_rule_in_its_last_step",
    ),
    "spec: what is shipped is what is decided": (
        "tests/unit/prover/test_stored_verdicts.py::"
        "test_a_stored_answer_is_what_deciding_gives[original-charge_follows_method]",
        "proofs/test_readme.py::test_readme_shows_what_the_solver_finds",
    ),
    "spec: what the prover does not know is refused": (
        "tests/soundness/test_refused_syntax.py::test_the_line_is_that_of_the_construct",
    ),
    "kernels: equal to their references, and proved": (
        "tests/differential/test_save_output_kernel.py::test_kernel_equals_reference",
        "tests/differential/test_dispatch_kernels.py::test_capacity_is_filled_to_the_last_row_and_no_further[1]",
        "proofs/test_output_kernels.py::test_accesses_in_bounds_and_one_writer[pack_save_output]",
    ),
    "gate: check, end to end": (
        "tests/end_to_end/test_command.py::test_a_good_deployment_exits_with_0",
        "tests/golden/test_reports.py::test_a_report_is_the_golden_one[examples/expert-parallel.json-text]",
    ),
    "gate: every form of file and of report": (
        "tests/unit/gate/forms/test_page.py::test_an_example_is_the_decode_node",
        "tests/unit/gate/test_report.py::test_an_empty_report_has_every_form",
        "tests/unit/gate/test_report.py::test_every_form_says_how_grave_a_violation_is",
    ),
    "gate: audit and replay": (
        "tests/golden/test_audits.py::test_an_audit_is_the_golden_one[vllm.log-text]",
        "tests/golden/test_audits.py::test_an_audit_is_the_golden_one[steps-original.jsonl-text]",
        "tests/golden/test_replays.py::test_a_replay_is_the_golden_one[refused-requests-text]",
    ),
    "gate: explain, and what is accepted": (
        "tests/end_to_end/test_every_id_is_explained.py::test_an_id_is_explained[startup]",
        "tests/end_to_end/test_every_id_is_explained.py::test_an_id_is_explained[progress]",
        "tests/unit/gate/accept/test_accepted_findings.py::"
        "test_it_does_not_count_up_to_its_last_day_and_counts_again_after_it",
    ),
    "gate: init": ("tests/unit/gate/init/test_init.py::test_nothing_is_overwritten",),
    "docs: what is generated is current": (
        "tests/unit/pages/test_generated_pages.py::test_the_page_of_commands_is_current",
        "proofs/test_rules_page.py::test_the_page_of_rules_is_current",
    ),
}
"""Tests by the room that they look into; a name without brackets stands for all cases of that test."""

FILES = {ROOT / test.partition("::")[0] for tests in SMOKE.values() for test in tests}


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the files without a smoke test where nothing else is asked for."""
    is_test = collection_path.name.startswith("test_") and collection_path.suffix == ".py"
    return True if config.option.markexpr == "smoke" and is_test and collection_path not in FILES else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests of the suite.

    Raises:
        UsageError: a file was collected as a whole, and a test of the suite is not in it.
    """
    found: dict[str, list[pytest.Item]] = {}
    for item in items:
        for name in {item.nodeid, item.nodeid.partition("[")[0]}:
            found.setdefault(name, []).append(item)
    tests = [test for tests in SMOKE.values() for test in tests]
    for test in tests:
        for item in found.get(test, ()):
            item.add_marker(pytest.mark.smoke)
    if not any("::" in argument for argument in config.args):
        files = {item.path for item in items}
        gone = [test for test in tests if ROOT / test.partition("::")[0] in files and test not in found]
        if gone:
            raise pytest.UsageError(f"conftest.py: the smoke suite names what is not there: {', '.join(gone)}")
