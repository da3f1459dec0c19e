"""How the capacity family is proved: sizes that must be right before the first step."""

from __future__ import annotations

from schedproof.engines.fastdeploy.policy import Policy
from schedproof_spec.invariant import Consequence, Invariant
from schedproof_spec.prover.context import Context
from schedproof_spec.rules.capacity import decodes_fit_limit, dispatch_holds_a_step, message_holds_a_step
from schedproof_spec.states.domain import Configs, any_config_with_dispatch, familiar_config_with_dispatch
from schedproof_spec.states.ledger import Claim


def prove_decode_fits_budget(ctx: Context, configs: Configs, policy: Policy, given: Claim) -> None:
    """For every configuration that starts."""
    config = configs(ctx, policy)
    ctx.prove("decode_fits_budget", ctx.merged(lambda: decodes_fit_limit(config)))


DECODE_FITS_BUDGET = Invariant(
    name="decode_fits_budget",
    family="capacity",
    consequence=Consequence.STALL,
    sentence="max_num_seqs * tokens_per_seq <= max_num_batched_tokens, checked at start-up.",
    statement=decodes_fit_limit,
    origin="Before PR 7499 FastDeploy checked max_num_seqs alone, as if a decode ran one token.",
    fields=("max_num_batched_tokens", "max_num_seqs", "num_speculative_tokens"),
    proof=prove_decode_fits_budget,
    covers=frozenset({"decode_fits_budget"}),
    scope="the configuration alone",
    applies=lambda config: config.runs_decode,
    otherwise="a prefill node does not decode",
)


def prove_dispatch_capacity_covers_step(ctx: Context, configs: Configs, policy: Policy, given: Claim) -> None:
    """For every configuration that starts and dispatches."""
    config = configs(ctx, policy)
    ctx.assume(ctx.merged(lambda: config.uses_low_latency_dispatch))
    capacity = policy.dispatch_capacity(config)
    ctx.prove("dispatch_capacity_covers_step", ctx.merged(lambda: dispatch_holds_a_step(capacity, config)))


DISPATCH_CAPACITY_COVERS_STEP = Invariant(
    name="dispatch_capacity_covers_step",
    family="capacity",
    consequence=Consequence.CRASH,
    sentence=(
        "No rank dispatches more than num_max_dispatch_tokens_per_rank in a step, "
        "and the library's own limits hold."
    ),
    statement=dispatch_holds_a_step,
    origin="PR 7237: the buffer was set by hand in config.json and did not follow max_num_seqs or drafts.",
    fields=(
        "num_max_dispatch_tokens_per_rank",
        "max_num_seqs",
        "num_speculative_tokens",
        "dispatch_queue_depth",
    ),
    proof=prove_dispatch_capacity_covers_step,
    covers=frozenset({"dispatch_capacity_covers_step"}),
    scope="the configuration alone",
    configs=any_config_with_dispatch,
    familiar_configs=familiar_config_with_dispatch,
    applies=lambda config: config.uses_low_latency_dispatch,
    otherwise="no expert parallel decode",
)


def prove_message_fits(ctx: Context, configs: Configs, policy: Policy, given: Claim) -> None:
    """For every configuration that starts."""
    config = configs(ctx, policy)
    ctx.prove("message_fits", ctx.merged(lambda: message_holds_a_step(config)))


MESSAGE_FITS = Invariant(
    name="message_fits",
    family="capacity",
    consequence=Consequence.WRONG_OUTPUT,
    sentence="Batch, drafts and bytes of the output message stay inside its fixed layout.",
    statement=message_holds_a_step,
    origin="speculate_save_output (PR 7172) checks neither the batch nor the tokens of a sequence.",
    fields=("max_num_seqs", "num_speculative_tokens"),
    proof=prove_message_fits,
    covers=frozenset({"message_fits"}),
    scope="the configuration alone",
)
