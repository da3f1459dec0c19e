"""Searches for the smallest numbers that refute a rule about configurations."""

from __future__ import annotations

from schedproof_spec.prover.context import RecordingContext
from schedproof_spec.prover.prove import failures_in, search
from schedproof_spec.prover.verdict import Outcome
from schedproof_spec.states.ledger import Claim
from schedproof_spec.states.merged import MergedPolicy
from schedproof_spec.verdicts.question import Question
from schedproof_spec.verdicts.witness import ConfigWitness, plain_config


def find_numbers(
    question: Question, policy: MergedPolicy, given: Claim
) -> tuple[list[Outcome], ConfigWitness | None]:
    """Search domain by domain; return what became of each search, and the numbers of the last."""
    searches, proof = [], question.invariant.proof
    for configs in question.searched_configs:
        found = search(lambda ctx, configs=configs: proof(ctx, configs, policy, given))  # type: ignore[misc]
        searches.append(found)
        if found.values is None:
            continue
        drawn_by_config, whole = RecordingContext(found.values), RecordingContext(found.values)
        config = configs(drawn_by_config, policy)
        failures_in(lambda ctx, configs=configs: proof(ctx, configs, policy, given), whole)  # type: ignore[misc]
        numbers = {name: found.values[name] for name in whole.drawn if name not in drawn_by_config.drawn}
        return searches, ConfigWitness(config=plain_config(config), numbers=numbers)
    return searches, None
