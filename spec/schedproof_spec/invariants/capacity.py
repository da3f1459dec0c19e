"""The capacity family: sizes that must be right before the first step."""

from __future__ import annotations

from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.engines.fastdeploy.rules.capacity import DispatchCapacity, fits_dispatch_library
from schedproof.output.message_layout import (
    MAX_DRAFT_TOKENS,
    MAX_MESSAGE_SEQS,
    MAX_QUEUE_MESSAGE_BYTES,
    MESSAGE_BYTES,
)
from schedproof_spec.invariant import Invariant, always
from schedproof_spec.prover.context import Context
from schedproof_spec.prover.mutants import Mutant
from schedproof_spec.states.domain import (
    Configs,
    any_config,
    any_config_with_dispatch,
    familiar_config_with_dispatch,
)
from schedproof_spec.states.ledger import Claim


def decodes_fit_limit(config: ServingConfig) -> bool:
    """A step in which every slot decodes is within the limit."""
    return config.max_decode_tokens <= config.max_num_batched_tokens


def prove_decode_fits_budget(ctx: Context, configs: Configs, policy: Policy, given: Claim) -> None:
    """For every configuration that starts."""
    config = configs(ctx, policy)
    ctx.prove("decode_fits_budget", ctx.merged(lambda: decodes_fit_limit(config)))


DECODE_FITS_BUDGET = Invariant(
    name="decode_fits_budget",
    family="capacity",
    sentence="max_num_seqs * tokens_per_seq <= max_num_batched_tokens, checked at start-up.",
    statement=decodes_fit_limit,
    origin="Before PR 7499 FastDeploy checked max_num_seqs alone, as if a decode ran one token.",
    fields=("max_num_batched_tokens", "max_num_seqs", "num_speculative_tokens"),
    mutants=(
        Mutant(
            name="check the sequences without their drafts",
            module="schedproof.engines.fastdeploy.startup",
            function="decodes_fit_budget",
            old="config.max_decode_tokens",
            new="config.max_num_seqs",
        ),
        Mutant(
            name="compare the wrong way round",
            module="schedproof.engines.fastdeploy.startup",
            function="decodes_fit_budget",
            old="config.max_decode_tokens <=",
            new="config.max_decode_tokens >=",
        ),
    ),
    proof=prove_decode_fits_budget,
    configs=any_config,
    applies=lambda config: config.runs_decode,
    otherwise="a prefill node does not decode",
)


def dispatch_holds(num_tokens: int, capacity: DispatchCapacity) -> bool:
    """The buffer holds what a rank dispatches in a step."""
    return num_tokens <= capacity.tokens


def dispatch_holds_a_step(capacity: DispatchCapacity, config: ServingConfig) -> bool:
    """The buffer holds a step in which every slot decodes, and the library accepts its size."""
    return dispatch_holds(config.max_decode_tokens, capacity) and fits_dispatch_library(capacity.tokens, config)


def prove_dispatch_capacity_covers_step(ctx: Context, configs: Configs, policy: Policy, given: Claim) -> None:
    """For every configuration that starts and dispatches."""
    config = configs(ctx, policy)
    ctx.assume(ctx.merged(lambda: config.uses_low_latency_dispatch))
    capacity = policy.dispatch_capacity(config)
    ctx.prove("dispatch_capacity_covers_step", ctx.merged(lambda: dispatch_holds_a_step(capacity, config)))


DISPATCH_CAPACITY_COVERS_STEP = Invariant(
    name="dispatch_capacity_covers_step",
    family="capacity",
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
    mutants=(
        Mutant(
            name="round the capacity down",
            module="schedproof.engines.fastdeploy.rules.capacity",
            function="dispatch_capacity",
            old="ceil_div(config.max_decode_tokens, DISPATCH_ALIGNMENT)",
            new="(config.max_decode_tokens // DISPATCH_ALIGNMENT)",
        ),
        Mutant(
            name="check the library's limits on every node but those that dispatch",
            module="schedproof.engines.fastdeploy.startup",
            function="dispatch_fits_library",
            old="if not config.uses_low_latency_dispatch",
            new="if config.uses_low_latency_dispatch",
        ),
    ),
    proof=prove_dispatch_capacity_covers_step,
    configs=any_config_with_dispatch,
    familiar_configs=familiar_config_with_dispatch,
    applies=lambda config: config.uses_low_latency_dispatch,
    otherwise="no expert parallel decode",
)


def message_holds_a_step(config: ServingConfig) -> bool:
    """A batch fits the message's slots, a sequence's tokens fit a slot, and the message fits the queue."""
    return (
        config.max_num_seqs <= MAX_MESSAGE_SEQS
        and config.tokens_per_seq <= MAX_DRAFT_TOKENS
        and MESSAGE_BYTES <= MAX_QUEUE_MESSAGE_BYTES
    )


def prove_message_fits(ctx: Context, configs: Configs, policy: Policy, given: Claim) -> None:
    """For every configuration that starts."""
    config = configs(ctx, policy)
    ctx.prove("message_fits", ctx.merged(lambda: message_holds_a_step(config)))


MESSAGE_FITS = Invariant(
    name="message_fits",
    family="capacity",
    sentence="Batch, drafts and bytes of the output message stay inside its fixed layout.",
    statement=message_holds_a_step,
    origin="speculate_save_output (PR 7172) checks neither the batch nor the tokens of a sequence.",
    fields=("max_num_seqs", "num_speculative_tokens"),
    mutants=(
        Mutant(
            name="accept one draft too many",
            module="schedproof.engines.fastdeploy.startup",
            function="drafts_fit_message",
            old="<= MAX_DRAFT_TOKENS",
            new="<= MAX_DRAFT_TOKENS + 1",
        ),
        Mutant(
            name="accept any number of sequences",
            module="schedproof.engines.fastdeploy.startup",
            function="seqs_in_range",
            old="config.max_num_seqs <= MAX_MESSAGE_SEQS",
            new="config.max_num_seqs >= 1",
        ),
    ),
    proof=prove_message_fits,
    configs=any_config,
    applies=always,
    otherwise="",
)
