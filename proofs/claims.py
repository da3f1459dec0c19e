"""What people said about the engine's safety in pull requests and reviews, each made a statement and decided.

A claim that is refuted has its smallest counterexample as a golden. `says` puts the claim in our own words;
`verdict` is what the solver finds, which is not always what was claimed.
"""

from __future__ import annotations

from dataclasses import dataclass

from schedproof.engines.fastdeploy.config import Platform, Role, ServingConfig
from schedproof.engines.fastdeploy.speculation import DRAFTS_IN_TARGET_BATCH, SpeculativeMethod
from schedproof.engines.fastdeploy.startup import decodes_fit_budget
from schedproof_spec import Status
from schedproof_spec.verdicts.question import Condition

HELD, REFUTED = Status.HELD, Status.VIOLATED


@dataclass(frozen=True, slots=True, kw_only=True)
class InvariantClaim:
    """A claim that a policy keeps an invariant where a condition holds."""

    says: str
    source: str
    invariant: str
    policy: str
    where: Condition
    scope: str
    verdict: Status


def text_only(config: ServingConfig) -> bool:
    return config.max_multimodal_item_tokens == 0


def speculates_with_mtp(config: ServingConfig) -> bool:
    return config.speculation is not None and config.speculation.method == SpeculativeMethod.MTP


def has_idle_object(config: ServingConfig) -> bool:
    return config.speculation is not None and config.speculation.method == SpeculativeMethod.NONE


def has_drafts(config: ServingConfig) -> bool:
    return config.speculation is not None and DRAFTS_IN_TARGET_BATCH[config.speculation.method]


def reviewers_example(config: ServingConfig) -> bool:
    return (
        text_only(config)
        and config.max_num_batched_tokens == 2048
        and config.max_num_seqs == 256
        and speculates_with_mtp(config)
        and config.num_speculative_tokens == 5
    )


def decode_node_on_gpu(config: ServingConfig) -> bool:
    return config.role == Role.DECODE and config.platform == Platform.GPU


CLAIMS = {
    "old_code_exceeds_the_limit": InvariantClaim(
        says="before the fix, steps stay within max_num_batched_tokens",
        source="PR 7438, motivation (which says that they do not)",
        invariant="no_overshoot",
        policy="original",
        where=lambda config: text_only(config) and speculates_with_mtp(config) and decodes_fit_budget(config),
        scope="text, MTP, B >= N * t",
        verdict=REFUTED,
    ),
    "old_code_is_right_without_speculation": InvariantClaim(
        says="only speculative decoding exceeds the limit",
        source="PR 7438, title and motivation",
        invariant="no_overshoot",
        policy="original",
        where=lambda config: text_only(config) and config.speculation is None and not config.deterministic,
        scope="text, no speculation, no alignment",
        verdict=HELD,
    ),
    "floor_undoes_the_reservation": InvariantClaim(
        says="with the reservation, steps stay within the limit, whatever the floor of 512",
        source="PR 7440, review of the floor",
        invariant="no_overshoot",
        policy="7438",
        where=lambda config: text_only(config) and speculates_with_mtp(config) and decodes_fit_budget(config),
        scope="text, MTP, B >= N * t",
        verdict=REFUTED,
    ),
    "reviewers_example_is_safe": InvariantClaim(
        says="2048 tokens, 256 sequences and 6 tokens each stay within the limit",
        source="PR 7440, review of the floor (which says that they may not)",
        invariant="no_overshoot",
        policy="7438",
        where=reviewers_example,
        scope="text, B = 2048, N = 256, t = 6",
        verdict=HELD,
    ),
    "floor_is_safe_when_the_reservation_leaves_it": InvariantClaim(
        says="the floor of 512 is harmless where B - N * (k + 1) is at least 512",
        source="follows from PR 7440, review of the floor",
        invariant="no_overshoot",
        policy="7438",
        where=lambda config: (
            text_only(config)
            and config.speculation is not None
            and config.max_num_batched_tokens - config.max_num_seqs * (config.num_speculative_tokens + 1) >= 512
        ),
        scope="text, B - N * (k + 1) >= 512",
        verdict=HELD,
    ),
    "clamp_is_safe": InvariantClaim(
        says="clamping at 0 keeps the reservation, so steps stay within the limit",
        source="PR 7440, review: max(token_budget, 0)",
        invariant="no_overshoot",
        policy="7438-clamp",
        where=text_only,
        scope="text; where the budget is 0, nobody comes to decode",
        verdict=HELD,
    ),
    "clamp_is_safe_with_a_startup_check": InvariantClaim(
        says="clamping at 0 is safe together with B >= N * t at start-up",
        source="PR 7440, review: clamp, and a check of the configuration",
        invariant="no_overshoot",
        policy="7438-clamp",
        where=lambda config: text_only(config) and decodes_fit_budget(config),
        scope="text, B >= N * t",
        verdict=HELD,
    ),
    "refusing_a_negative_budget_is_safe": InvariantClaim(
        says="refusing to start with a negative budget keeps steps within the limit",
        source="PR 7440, review: assert",
        invariant="no_overshoot",
        policy="7438-assert",
        where=text_only,
        scope="text",
        verdict=HELD,
    ),
    "refusing_a_negative_budget_is_safe_with_images": InvariantClaim(
        says="refusing to start with a negative budget is enough",
        source="PR 7440, review: assert",
        invariant="no_overshoot",
        policy="7438-assert",
        where=lambda config: config.max_multimodal_item_tokens > 0,
        scope="multimodal",
        verdict=REFUTED,
    ),
    "block_floor_is_safe": InvariantClaim(
        says="a floor of max(block_size, tokens_per_seq) has a meaning and is safe",
        source="PR 7440, review of the floor",
        invariant="no_overshoot",
        policy="7438-block-floor",
        where=lambda config: text_only(config) and decodes_fit_budget(config),
        scope="text, B >= N * t",
        verdict=REFUTED,
    ),
    "block_floor_is_safe_beside_the_other_decodes": InvariantClaim(
        says="that floor is safe where it fits beside N - 1 decodes",
        source="follows from PR 7440, review of the floor",
        invariant="no_overshoot",
        policy="7438-block-floor",
        where=lambda config: (
            text_only(config)
            and has_drafts(config)
            and config.runs_decode
            and decodes_fit_budget(config)
            and config.max_decode_tokens - config.tokens_per_seq + config.block_size
            <= config.max_num_batched_tokens
        ),
        scope="text, drafts, a node that decodes, (N - 1) * t + block_size <= B",
        verdict=HELD,
    ),
    "reserving_for_every_slot_wastes_nothing": InvariantClaim(
        says="reserving for max_num_seqs sequences leaves no budget unused that prefill could use",
        source="PR 7438 and 7440, reviews (which say that it does)",
        invariant="budget_tight",
        policy="7438",
        where=lambda config: text_only(config) and speculates_with_mtp(config),
        scope="text, MTP",
        verdict=REFUTED,
    ),
    "counting_real_decodes_is_safe": InvariantClaim(
        says="counting the decodes that really run is exact: steps stay within the limit",
        source="PR 7440, review; PR 7499",
        invariant="no_overshoot",
        policy="7499",
        where=text_only,
        scope="text",
        verdict=HELD,
    ),
    "counting_real_decodes_is_tight": InvariantClaim(
        says="and no budget is left that prefill could use",
        source="PR 7440, review; PR 7499",
        invariant="budget_tight",
        policy="7499",
        where=lambda config: (
            text_only(config)
            and config.chunked_prefill
            and not config.deterministic
            and config.runs_decode
            and config.speculation is None
        ),
        scope="text in chunks, no alignment, a node that decodes, no speculation",
        verdict=HELD,
    ),
    "counting_prefilled_prompts_is_tight": InvariantClaim(
        says="the count leaves out what a prefill node has prefilled and not handed over",
        source="PR 7499, the loop that counts",
        invariant="budget_tight",
        policy="7499",
        where=lambda config: text_only(config) and not config.deterministic and not config.runs_decode,
        scope="text, no alignment, a prefill node",
        verdict=REFUTED,
    ),
    "idle_object_is_charged_nothing": InvariantClaim(
        says="`speculative_config is not None` tells whether drafts run",
        source="PR 7440, review (which says that it does not)",
        invariant="charge_follows_method",
        policy="7499",
        where=has_idle_object,
        scope="a config object whose method is None",
        verdict=REFUTED,
    ),
    "mtp_alone_must_be_charged": InvariantClaim(
        says="only MTP drafts count against the limit",
        source="PR 7623, under review",
        invariant="no_overshoot",
        policy="7623-draft",
        where=text_only,
        scope="text",
        verdict=REFUTED,
    ),
    "every_method_is_charged_enough": InvariantClaim(
        says="drafts are charged when a method is set, whichever it is",
        source="PR 7623",
        invariant="no_overshoot",
        policy="7623",
        where=text_only,
        scope="text",
        verdict=HELD,
    ),
    "mtp_is_charged_rightly": InvariantClaim(
        says="MTP drafts are charged what they run",
        source="PR 7623, under review",
        invariant="no_overshoot",
        policy="7623-draft",
        where=lambda config: text_only(config) and (config.speculation is None or speculates_with_mtp(config)),
        scope="text, MTP or no speculation",
        verdict=HELD,
    ),
    "decode_node_planned_enough_before_7756": InvariantClaim(
        says="max_num_seqs is enough for a decode node's step",
        source="PR 7756, motivation (which says that it is not)",
        invariant="chunk_capacity_covers_step",
        policy="7623",
        where=lambda config: decode_node_on_gpu(config) and speculates_with_mtp(config),
        scope="decode node on GPU, MTP",
        verdict=REFUTED,
    ),
    "decode_node_plans_enough_and_exactly": InvariantClaim(
        says="max_num_seqs * (k + 1) is enough for a decode node's step, and some step needs it all",
        source="PR 7756",
        invariant="chunk_capacity_covers_step",
        policy="7756",
        where=lambda config: decode_node_on_gpu(config) and (config.speculation is None or has_drafts(config)),
        scope="decode node on GPU, no speculative config or one with drafts",
        verdict=HELD,
    ),
    "any_method_has_drafts": InvariantClaim(
        says="`method is not None` is the right condition for k + 1",
        source="PR 7756, review",
        invariant="chunk_capacity_covers_step",
        policy="7756",
        where=lambda config: (
            decode_node_on_gpu(config) and not has_drafts(config) and config.speculation is not None
        ),
        scope="decode node on GPU, a config object without drafts",
        verdict=REFUTED,
    ),
    "xpu_plans_exactly": InvariantClaim(
        says="on XPU a decode node needs max_num_batched_tokens",
        source="PR 7756, the branch that it leaves alone",
        invariant="chunk_capacity_covers_step",
        policy="7756",
        where=lambda config: config.role == Role.DECODE and config.platform == Platform.XPU,
        scope="decode node on XPU",
        verdict=REFUTED,
    ),
}
