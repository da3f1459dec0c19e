"""What a check reports of the prover's verdicts; the verdicts are tested with the proofs."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from schedproof import NEWEST, POLICIES, REFERENCE, ServingConfig
from schedproof_gate.check import changes, checking
from schedproof_gate.check.changes import advice_on
from schedproof_gate.check.checking import notes_on_runs
from schedproof_gate.check.shown_witness import consequence_of, found_text
from schedproof_gate.deployment.deployment import Deployment
from schedproof_gate.deployment.deployment_file import read_deployments
from schedproof_gate.deployment.engines import ASSUMED
from schedproof_gate.report.report import Result, Subject
from schedproof_spec import INVARIANTS, ConfigWitness, Consequence, RunWitness, Status, Verdict, decide

OVERSHOOT = INVARIANTS["no_overshoot"]
SMALL = {"max_num_seqs": 4, "max_num_batched_tokens": 64, "max_model_len": 128}
DRAFTS = {"speculative_config": {"method": "mtp", "num_speculative_tokens": 5}}


def deployed(folder: Path, policy: str | None, **args: object) -> Deployment:
    path = folder / "deployment.json"
    document = {"engine": "fastdeploy", "args": SMALL | args} | ({"policy": policy} if policy else {})
    path.write_text(json.dumps(document))
    (deployment,) = read_deployments(path)
    return deployment


def by_name(subject: Subject) -> dict[str, Result]:
    return {result.invariant: result for result in subject.results}


@pytest.mark.parametrize("role", ["mixed", "prefill", "decode"])
def test_every_invariant_is_decided_or_does_not_apply(tmp_path: Path, role: str) -> None:
    subject = checking.check(deployed(tmp_path, "reference", splitwise_role=role))
    skipped = [each.invariant for each in subject.not_applicable]
    assert subject.results[0].invariant == "startup"
    assert sorted([*by_name(subject), *skipped]) == sorted(["startup", *INVARIANTS])
    assert {result.status for result in subject.results} == {Status.HELD}
    assert all(each.reason for each in subject.not_applicable)


def test_a_violation_has_its_consequence_its_run_and_the_command_that_replays_it(tmp_path: Path) -> None:
    subject = checking.check(deployed(tmp_path, "original", **DRAFTS))
    result = by_name(subject)["no_overshoot"]
    assert (result.status, result.consequence) == (Status.VIOLATED, Consequence.CRASH)
    assert result.run[-1].endswith("no_overshoot is broken")
    assert result.state == ()
    assert result.message.startswith("a run of ")
    assert result.replay.startswith("schedproof explain no_overshoot --policy original --state ")
    charge = by_name(subject)["charge_follows_method"]
    assert (charge.state[0], charge.run) == ("num_decoding is 0", ())
    note = "num_gpu_blocks_override is not given: runs are shown with a pool that has KV blocks for every slot"
    assert subject.notes.count(note) == 1


def test_a_pool_that_is_given_needs_no_note(tmp_path: Path) -> None:
    given = deployed(tmp_path, "original", num_gpu_blocks_override=64)
    run = verdict(witness=decide(OVERSHOOT, POLICIES["original"]).witness)
    assert notes_on_runs([run], given) == ()
    assert len(notes_on_runs([run, run], deployed(tmp_path, "original"))) == 1
    assert notes_on_runs([verdict(witness=None)], deployed(tmp_path, "original")) == ()


def test_a_refused_start_is_all_there_is(tmp_path: Path) -> None:
    subject = checking.check(deployed(tmp_path, "reference", max_num_batched_tokens=20, **DRAFTS))
    (result,) = subject.results
    assert (result.invariant, result.status, result.consequence) == ("startup", Status.VIOLATED, None)
    assert subject.not_applicable == ()


def test_without_a_policy_the_newest_is_assumed_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = decide(INVARIANTS["message_fits"], REFERENCE)
    monkeypatch.setattr(
        checking, "decide", lambda invariant, policy, config: replace(held, invariant=invariant.name)
    )
    subject = checking.check(deployed(tmp_path, None))
    assert subject.policy == NEWEST.name
    assert subject.notes[0] == ASSUMED


def verdict(message: str = "", **fields: object) -> Verdict:
    found = decide(INVARIANTS["message_fits"], REFERENCE)
    return replace(found, status=Status.VIOLATED, message=message, **fields)  # type: ignore[arg-type]


def test_what_was_found_is_said_in_a_sentence() -> None:
    run = decide(OVERSHOOT, POLICIES["original"]).witness
    assert isinstance(run, RunWitness)
    num_requests = sum(arrival.times for arrival in run.arrivals)
    assert f"a run of {run.num_steps} step" in found_text(verdict(witness=run))
    assert f"with {num_requests} request" in found_text(verdict(witness=run))
    numbers = ConfigWitness(config=run.config, numbers={"num_decoding": 3})
    assert found_text(verdict("message_fits", witness=numbers)) == ""
    assert found_text(verdict("a claim", witness=numbers)) == "a claim"
    assert found_text(verdict("claim", witness=ConfigWitness(config=run.config, note="a note"))) == "a note"
    assert found_text(verdict("solver limit")) == "solver limit"


def test_a_bound_that_no_step_attains_costs_memory_and_crashes_nothing() -> None:
    invariant = INVARIANTS["chunk_capacity_covers_step"]
    unattained = ConfigWitness(config=ServingConfig(), note="no step reaches what the engine plans for")
    assert consequence_of(verdict(witness=unattained), invariant) is Consequence.COST
    assert consequence_of(verdict(witness=replace(unattained, note="")), invariant) is Consequence.CRASH
    assert consequence_of(verdict(), invariant) is Consequence.CRASH


def test_advice_names_what_the_reference_keeps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "reference_keeps", lambda name, config: name != "b")
    a, b, c = (
        Result(invariant=name, sentence="", status=Status.VIOLATED, scope="", file="f") for name in ("a", "b", "c")
    )
    config = ServingConfig()
    monkeypatch.setattr(type(REFERENCE), "problems", lambda self, config: [])
    assert advice_on([replace(a, status=Status.HELD)], config) == ""
    assert advice_on([a, b, c], config) == (
        "No single flag makes everything hold. The reference policy keeps a and c with the same flags: it is the "
        "engine's rule that has to change."
    )
    assert advice_on([b], config) == "No single flag makes everything hold."
    monkeypatch.setattr(type(REFERENCE), "problems", lambda self, config: ["does not start"])
    assert advice_on([a], config) == "No single flag makes everything hold."
