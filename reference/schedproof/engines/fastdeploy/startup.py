"""What an engine checks before it starts. A message names the flags and the values that would pass."""

from collections.abc import Callable
from dataclasses import dataclass

from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.engines.fastdeploy.rules.capacity import dispatch_capacity, fits_dispatch_library
from schedproof.engines.fastdeploy.speculation import SpeculativeMethod
from schedproof.output.message_layout import MAX_DRAFT_TOKENS, MAX_MESSAGE_SEQS

MIN_MODEL_LEN = 16
MAX_MTP_DRAFTS = 5


@dataclass(frozen=True, slots=True)
class StartupCheck:
    """A condition on the configuration, and the sentence for a person whose configuration breaks it."""

    name: str
    holds: Callable[[ServingConfig], bool]
    problem: Callable[[ServingConfig], str]


def seqs_in_range(config: ServingConfig) -> bool:
    """1 <= max_num_seqs <= 256: the slots of the output message."""
    return config.max_num_seqs >= 1 and config.max_num_seqs <= MAX_MESSAGE_SEQS


def model_len_in_range(config: ServingConfig) -> bool:
    """max_model_len >= 16."""
    return config.max_model_len >= MIN_MODEL_LEN


def block_fits_budget(config: ServingConfig) -> bool:
    """A chunk of one KV block fits a step, with chunked prefill."""
    return not config.chunked_prefill or config.max_num_batched_tokens >= config.block_size


def budget_can_be_filled(config: ServingConfig) -> bool:
    """max_num_batched_tokens <= max_model_len * max_num_seqs: some step can use it all."""
    return config.max_num_batched_tokens <= config.max_model_len * config.max_num_seqs


def mtp_drafts_in_range(config: ServingConfig) -> bool:
    """1 <= num_speculative_tokens <= 5 with MTP."""
    if config.speculation is None or config.speculation.method != SpeculativeMethod.MTP:
        return True
    return config.num_speculative_tokens >= 1 and config.num_speculative_tokens <= MAX_MTP_DRAFTS


def decodes_fit_budget(config: ServingConfig) -> bool:
    """max_num_seqs * tokens_per_seq <= max_num_batched_tokens on a node that decodes."""
    return config.max_decode_tokens <= config.max_num_batched_tokens


def drafts_fit_message(config: ServingConfig) -> bool:
    """tokens_per_seq <= 6: the width of the output message."""
    return config.tokens_per_seq <= MAX_DRAFT_TOKENS


def whole_prompt_fits_budget(config: ServingConfig) -> bool:
    """max_num_batched_tokens >= max_model_len without chunked prefill."""
    return config.chunked_prefill or config.max_num_batched_tokens >= config.max_model_len


def item_fits_beside_decodes(config: ServingConfig) -> bool:
    """The longest item fits a step in which every other slot decodes, so that it never waits forever."""
    if config.max_multimodal_item_tokens == 0:
        return True
    return config.max_multimodal_item_tokens + other_decodes(config) <= config.max_num_batched_tokens


def aligned_chunk_fits_beside_decodes(config: ServingConfig) -> bool:
    """One alignment unit fits beside the other decodes in deterministic mode, so that a prompt advances."""
    if not config.deterministic:
        return True
    return config.split_kv_size + other_decodes(config) <= config.max_num_batched_tokens


def other_decodes(config: ServingConfig) -> int:
    """Return the tokens of a step in which every slot but one decodes."""
    if config.runs_decode:
        return config.max_decode_tokens - config.tokens_per_seq
    return 0


def longest_request_fits_pool(config: ServingConfig) -> bool:
    """The KV pool holds one request of max_model_len tokens, when its size is known."""
    return config.num_kv_blocks is None or config.max_blocks_per_seq <= config.num_kv_blocks


def dispatch_fits_library(config: ServingConfig) -> bool:
    """The derived dispatch capacity keeps DeepEP's limits, when expert parallelism decodes."""
    if not config.uses_low_latency_dispatch:
        return True
    return fits_dispatch_library(dispatch_capacity(config).tokens, config)


def raised(config: ServingConfig) -> str:
    """Return a remark for drafts that the engine raised above what the user wrote."""
    speculation = config.speculation
    if speculation is None or config.num_speculative_tokens == speculation.num_speculative_tokens:
        return ""
    return f" (raised from {speculation.num_speculative_tokens} by num_model_steps)"


def or_fewer_seqs(config: ServingConfig) -> str:
    """Return the alternative of fewer sequences, if one sequence fits at all."""
    fitting = config.max_num_batched_tokens // config.tokens_per_seq
    return f" or lower max_num_seqs to {fitting}" if fitting > 0 else ""


SEQS_IN_RANGE = StartupCheck(
    "seqs_in_range",
    seqs_in_range,
    lambda c: f"max_num_seqs is {c.max_num_seqs}; set it between 1 and {MAX_MESSAGE_SEQS}",
)
MODEL_LEN_IN_RANGE = StartupCheck(
    "model_len_in_range",
    model_len_in_range,
    lambda c: f"max_model_len is {c.max_model_len}; set it to at least {MIN_MODEL_LEN}",
)
BLOCK_FITS_BUDGET = StartupCheck(
    "block_fits_budget",
    block_fits_budget,
    lambda c: (
        f"max_num_batched_tokens is {c.max_num_batched_tokens}, less than block_size {c.block_size}; "
        f"raise max_num_batched_tokens to {c.block_size} or more"
    ),
)
BUDGET_CAN_BE_FILLED = StartupCheck(
    "budget_can_be_filled",
    budget_can_be_filled,
    lambda c: (
        f"max_num_batched_tokens is {c.max_num_batched_tokens}, more than max_model_len * max_num_seqs = "
        f"{c.max_model_len * c.max_num_seqs}; lower it to that or raise max_num_seqs"
    ),
)
MTP_DRAFTS_IN_RANGE = StartupCheck(
    "mtp_drafts_in_range",
    mtp_drafts_in_range,
    lambda c: (
        f"num_speculative_tokens{raised(c)} is {c.num_speculative_tokens}; MTP takes 1 to {MAX_MTP_DRAFTS}: "
        "change it in speculative_config"
    ),
)
DECODES_FIT_BUDGET = StartupCheck(
    "decodes_fit_budget",
    decodes_fit_budget,
    lambda c: (
        f"max_num_seqs * tokens_per_seq = {c.max_num_seqs} * {c.tokens_per_seq} = {c.max_decode_tokens} is more "
        f"than max_num_batched_tokens {c.max_num_batched_tokens}; raise max_num_batched_tokens to "
        f"{c.max_decode_tokens}{or_fewer_seqs(c)}"
    ),
)
DRAFTS_FIT_MESSAGE = StartupCheck(
    "drafts_fit_message",
    drafts_fit_message,
    lambda c: (
        f"num_speculative_tokens{raised(c)} is {c.num_speculative_tokens}; the output message carries "
        f"{MAX_DRAFT_TOKENS} tokens per sequence: lower it to {MAX_DRAFT_TOKENS - 1} or less"
    ),
)
WHOLE_PROMPT_FITS_BUDGET = StartupCheck(
    "whole_prompt_fits_budget",
    whole_prompt_fits_budget,
    lambda c: (
        f"max_num_batched_tokens is {c.max_num_batched_tokens}, less than max_model_len {c.max_model_len}, and "
        f"chunked prefill is off; raise max_num_batched_tokens to {c.max_model_len} or enable chunked prefill"
    ),
)
ITEM_FITS_BESIDE_DECODES = StartupCheck(
    "item_fits_beside_decodes",
    item_fits_beside_decodes,
    lambda c: (
        f"a multimodal item of {c.max_multimodal_item_tokens} tokens does not fit max_num_batched_tokens "
        f"{c.max_num_batched_tokens} while the other sequences decode; raise max_num_batched_tokens or lower "
        "max_num_seqs"
    ),
)
ALIGNED_CHUNK_FITS_BESIDE_DECODES = StartupCheck(
    "aligned_chunk_fits_beside_decodes",
    aligned_chunk_fits_beside_decodes,
    lambda c: (
        f"split_kv_size {c.split_kv_size} does not fit max_num_batched_tokens {c.max_num_batched_tokens} while "
        "the other sequences decode; raise max_num_batched_tokens or lower max_num_seqs"
    ),
)
LONGEST_REQUEST_FITS_POOL = StartupCheck(
    "longest_request_fits_pool",
    longest_request_fits_pool,
    lambda c: (
        f"a request of max_model_len {c.max_model_len} needs {c.max_blocks_per_seq} KV blocks, the pool has "
        f"{c.num_kv_blocks}; raise num_gpu_blocks_override or lower max_model_len"
    ),
)
DISPATCH_FITS_LIBRARY = StartupCheck(
    "dispatch_fits_library",
    dispatch_fits_library,
    lambda c: (
        f"{dispatch_capacity(c).tokens} dispatch tokens per rank break a limit of DeepEP (at most 1024; queue "
        f"depth {c.dispatch_queue_depth} >= 2 * (tokens + 1); {c.num_experts} experts divisible by "
        f"{c.expert_parallel_size} ranks); lower max_num_seqs or raise NVSHMEM_QP_DEPTH"
    ),
)

COMMON_CHECKS = (
    SEQS_IN_RANGE,
    MODEL_LEN_IN_RANGE,
    BLOCK_FITS_BUDGET,
    BUDGET_CAN_BE_FILLED,
    MTP_DRAFTS_IN_RANGE,
)
"""What every published version of FastDeploy checks."""
