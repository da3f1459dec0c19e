"""The budget family over time: in every step that an engine can get to, every decode is served."""

from __future__ import annotations

from typing import Any

from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.engines.fastdeploy.ledger import Grant, ask
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.request import Request
from schedproof_spec.invariants.budget import decode_is_served
from schedproof_spec.invariants.tokens import any_living_decode
from schedproof_spec.prover.context import Context
from schedproof_spec.prover.mutants import Mutant
from schedproof_spec.run_invariant import RunInvariant
from schedproof_spec.states.domain import any_config
from schedproof_spec.states.runs import RunStep


def decode_runs_in_its_blocks(request: Request, config: ServingConfig) -> bool:
    """A decode that the worker runs owns a KV slot for each token of the step."""
    return decode_is_served(request, Grant(num_tokens=config.tokens_per_seq, num_new_blocks=0), config)


def run_serves_every_decode(step: RunStep) -> bool:
    """Every live decode of the step runs in its blocks; a request whose prompt just ended is not one yet."""
    return all(
        decode_runs_in_its_blocks(step.launched[name], step.config)
        for name, request in step.before.items()
        if request.is_decoding and step.launched[name].is_decoding
    )


def prove_every_decode_served_over_time(ctx: Context, policy: Policy) -> None:
    """From any state that the events leave (`blocks_cover_tokens`), visited or not."""
    visited = ctx.one_of("visited", (True, False))
    config = any_config(ctx, policy)
    request, _ = any_living_decode(ctx, config)
    budget: Any = ctx.integer("budget")
    if visited:
        grant = ctx.merged(lambda: ask(request, budget, config, policy))
        ctx.prove("a visited decode is served", ctx.merged(lambda: decode_is_served(request, grant, config)))
    else:
        ctx.assume(ctx.merged(lambda: not policy.keeps_visiting(budget)))
        ctx.prove("an unvisited decode is served", ctx.merged(lambda: decode_runs_in_its_blocks(request, config)))


EVERY_DECODE_SERVED_OVER_TIME = RunInvariant(
    name="every_decode_served_over_time",
    family="budget",
    sentence="In every step that an engine can get to, each live decode owns a KV slot for every token it runs.",
    statement=decode_runs_in_its_blocks,
    origin="Decodes that use up the whole budget: the loop visits none of them, and their blocks run out.",
    scope="every configuration, any number of requests and steps",
    proof=prove_every_decode_served_over_time,
    reached=frozenset({"a visited decode is served"}),
    on_step=run_serves_every_decode,
    mutants=(
        Mutant(
            name="stop when the budget is used up",
            module="schedproof.engines.fastdeploy.reference_policy",
            function="ReferencePolicy.keeps_visiting",
            old="return True",
            new="return budget > 0",
        ),
        Mutant(
            name="give a decode room for the bonus token only",
            module="schedproof.engines.fastdeploy.rules.blocks",
            function="decode_blocks",
            old="request.num_total_tokens - 1 + config.tokens_per_seq",
            new="request.num_total_tokens",
        ),
    ),
)
