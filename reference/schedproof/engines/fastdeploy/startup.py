"""What an engine checks before it starts. A message says what goes wrong and which flags and values would pass.

The checks of the published versions are those of FastDeploy's ``FDConfig.check``, ``CacheConfig.postprocess``,
``SpeculativeConfig`` and ``EngineArgs``; each names the pull requests that brought or removed it. Pull requests
6407, 6685, 7281 and 7412 came before 7237 or within the hour, and release 2.5 has none of them (as its branch was
in the middle of April 2026), so they part the versions up to release 2.5 from 7237 and all later ones.
"""

from collections.abc import Callable
from dataclasses import dataclass

from schedproof.engines.fastdeploy.config import Role, ServingConfig, ceil_div
from schedproof.engines.fastdeploy.rules.capacity import dispatch_capacity, fits_dispatch_library, message_slots
from schedproof.engines.fastdeploy.speculation import SpeculativeMethod
from schedproof.output.message_layout import MAX_DRAFT_TOKENS, MAX_MESSAGE_SEQS

MIN_MODEL_LEN = 16
MAX_SEQS = 512
"""Most sequences since PR 6407 (February 2026)."""
MAX_DRAFTS = 5


@dataclass(frozen=True, slots=True)
class StartupCheck:
    """A condition on the configuration, and the sentence for a person whose configuration breaks it."""

    name: str
    holds: Callable[[ServingConfig], bool]
    problem: Callable[[ServingConfig], str]


def seqs_in_range(config: ServingConfig) -> bool:
    """1 <= max_num_seqs <= 256: the slots of the output message, and FastDeploy's bound before PR 6407."""
    return config.max_num_seqs >= 1 and config.max_num_seqs <= MAX_MESSAGE_SEQS


def seqs_in_wider_range(config: ServingConfig) -> bool:
    """1 <= max_num_seqs <= 512, since PR 6407."""
    return config.max_num_seqs >= 1 and config.max_num_seqs <= MAX_SEQS


def seqs_fit_message(config: ServingConfig) -> bool:
    """1 <= max_num_seqs <= the slots of the output message: 256 with speculation, 512 without."""
    return config.max_num_seqs >= 1 and config.max_num_seqs <= message_slots(config)


def model_len_in_range(config: ServingConfig) -> bool:
    """max_model_len >= 16."""
    return config.max_model_len >= MIN_MODEL_LEN


def block_fits_budget(config: ServingConfig) -> bool:
    """max_num_batched_tokens >= block_size, where the engine has ``enable_chunked_prefill`` on."""
    return not config.enables_chunked_prefill or config.max_num_batched_tokens >= config.block_size


def budget_can_be_filled(config: ServingConfig) -> bool:
    """max_num_batched_tokens <= max_model_len * max_num_seqs: some step can use it all."""
    return config.max_num_batched_tokens <= config.max_model_len * config.max_num_seqs


def pool_holds_context(config: ServingConfig) -> bool:
    """The KV pool has the whole blocks of max_model_len tokens, when its size is known (PR 4983)."""
    return config.num_kv_blocks is None or config.num_kv_blocks >= config.max_model_len // config.block_size


def pool_holds_context_and_growth(config: ServingConfig) -> bool:
    """As `pool_holds_context`, with the blocks that a decode gets at a time on top (PR 5544)."""
    return config.num_kv_blocks is None or config.num_kv_blocks >= blocks_of_context_and_growth(config)


def blocks_of_context_and_growth(config: ServingConfig) -> int:
    """Return the whole KV blocks of max_model_len tokens and those that a decode gets at a time."""
    return config.max_model_len // config.block_size + config.enc_dec_block_num


def drafts_in_range(config: ServingConfig) -> bool:
    """1 to 5 drafts and model steps, as the user wrote them, with every method but ``naive``.

    The function that says so is older, but nothing called it before PR 6685 (March 2026).
    """
    speculation = config.speculation
    if speculation is None or speculation.method == SpeculativeMethod.NONE:
        return True
    if speculation.method == SpeculativeMethod.NAIVE:
        return True
    drafts, steps = speculation.num_speculative_tokens, speculation.num_model_steps
    return drafts >= 1 and drafts <= MAX_DRAFTS and steps >= 1 and steps <= MAX_DRAFTS


def mtp_capture_size_is_even(config: ServingConfig) -> bool:
    """max_num_seqs * (num_speculative_tokens + 1) is even with MTP, CUDA graphs in use or not.

    In force from PR 4617 (October 2025) to PR 7281 (April 2026).
    """
    if config.speculation is None or config.speculation.method != SpeculativeMethod.MTP:
        return True
    return config.max_num_seqs % 2 == 0 or config.speculation.num_speculative_tokens % 2 == 1


def capture_size_is_even(config: ServingConfig) -> bool:
    """As `mtp_capture_size_is_even`, with suffix drafts too (release 2.5)."""
    if config.speculation is None or config.speculation.method != SpeculativeMethod.SUFFIX:
        return mtp_capture_size_is_even(config)
    return config.max_num_seqs % 2 == 0 or config.speculation.num_speculative_tokens % 2 == 1


def router_is_given(config: ServingConfig) -> bool:
    """A prefill or decode node with the local request scheduler has a router: PR 4891 (2025-11) to PR 7412."""
    return config.role == Role.MIXED or config.has_router


def scheduler_serves_role(config: ServingConfig) -> bool:
    """A prefill or decode node does not use the splitwise request scheduler, since PR 7412 (April 2026)."""
    return config.role == Role.MIXED or not config.has_splitwise_scheduler


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


def or_fewer_seqs(config: ServingConfig, tokens_per_seq: int) -> str:
    """Return the alternative of fewer sequences, if one sequence fits at all."""
    fitting = config.max_num_batched_tokens // tokens_per_seq
    return f" or lower max_num_seqs to {fitting}" if fitting > 0 else ""


def drafts_problem(config: ServingConfig) -> str:
    """Return which number of the speculative config is out of range, as the user wrote it."""
    assert config.speculation is not None
    drafts, steps = config.speculation.num_speculative_tokens, config.speculation.num_model_steps
    name, value = ("num_speculative_tokens", drafts)
    if 1 <= drafts <= MAX_DRAFTS:
        name, value = ("num_model_steps", steps)
    return f"{name} is {value}; set it between 1 and {MAX_DRAFTS} in speculative_config"


def capture_size_problem(config: ServingConfig) -> str:
    """Return the odd number of tokens, and the sequences that make it even."""
    assert config.speculation is not None
    tokens = config.speculation.num_speculative_tokens + 1
    return (
        f"max_num_seqs * (num_speculative_tokens + 1) = {config.max_num_seqs} * {tokens} is odd, and this version "
        f"captures graphs of an even number of tokens alone, even where CUDA graphs are off; "
        f"set max_num_seqs to {config.max_num_seqs + 1}, or an odd num_speculative_tokens"
    )


def reservation_problem(config: ServingConfig, tokens_per_seq: int) -> str:
    """Return how far a step of decodes alone is over the limit, and the values that would pass."""
    full = config.max_num_seqs * tokens_per_seq
    return (
        f"max_num_seqs * tokens_per_seq = {config.max_num_seqs} * {tokens_per_seq} = {full} is more than "
        f"max_num_batched_tokens {config.max_num_batched_tokens}; raise max_num_batched_tokens to {full}"
        f"{or_fewer_seqs(config, tokens_per_seq)}"
    )


def or_fewer_seqs_beside(config: ServingConfig, tokens: int) -> str:
    """Return the alternative of fewer sequences beside this many tokens, if they fit at all."""
    if tokens > config.max_num_batched_tokens:
        return ""
    others = (config.max_num_batched_tokens - tokens) // config.tokens_per_seq
    return f" or lower max_num_seqs to {others + 1}"


SEQS_IN_RANGE = StartupCheck(
    "seqs_in_range",
    seqs_in_range,
    lambda c: f"max_num_seqs is {c.max_num_seqs}; set it between 1 and {MAX_MESSAGE_SEQS}",
)
SEQS_IN_WIDER_RANGE = StartupCheck(
    "seqs_in_wider_range",
    seqs_in_wider_range,
    lambda c: f"max_num_seqs is {c.max_num_seqs}; set it between 1 and {MAX_SEQS}",
)
SEQS_FIT_MESSAGE = StartupCheck(
    "seqs_fit_message",
    seqs_fit_message,
    lambda c: (
        f"max_num_seqs is {c.max_num_seqs}, and the output message has slots for {message_slots(c)} sequences; "
        f"set it between 1 and {message_slots(c)}"
    ),
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
        f"{c.max_model_len} * {c.max_num_seqs}; lower max_num_batched_tokens to "
        f"{c.max_model_len * c.max_num_seqs} or raise max_num_seqs to "
        f"{ceil_div(c.max_num_batched_tokens, c.max_model_len)}"
    ),
)
POOL_HOLDS_CONTEXT = StartupCheck(
    "pool_holds_context",
    pool_holds_context,
    lambda c: (
        f"max_model_len {c.max_model_len} is {c.max_model_len // c.block_size} KV blocks of block_size "
        f"{c.block_size}, and num_gpu_blocks_override gives {c.num_kv_blocks}; raise num_gpu_blocks_override to "
        f"{c.max_model_len // c.block_size} or lower max_model_len"
    ),
)
POOL_HOLDS_CONTEXT_AND_GROWTH = StartupCheck(
    "pool_holds_context_and_growth",
    pool_holds_context_and_growth,
    lambda c: (
        f"max_model_len {c.max_model_len} is {c.max_model_len // c.block_size} KV blocks of block_size "
        f"{c.block_size}, FD_ENC_DEC_BLOCK_NUM adds {c.enc_dec_block_num}, and num_gpu_blocks_override gives "
        f"{c.num_kv_blocks}; raise num_gpu_blocks_override to {blocks_of_context_and_growth(c)} or lower "
        "max_model_len"
    ),
)
DRAFTS_IN_RANGE = StartupCheck("drafts_in_range", drafts_in_range, drafts_problem)
MTP_CAPTURE_SIZE_IS_EVEN = StartupCheck("capture_size_is_even", mtp_capture_size_is_even, capture_size_problem)
CAPTURE_SIZE_IS_EVEN = StartupCheck("capture_size_is_even", capture_size_is_even, capture_size_problem)
ROUTER_IS_GIVEN = StartupCheck(
    "router_is_given",
    router_is_given,
    lambda c: (
        f"splitwise_role is {c.role}, and this version does not start such a node with the local scheduler and "
        "without a router; set has_router to the address of the router, HOST:PORT"
    ),
)
SCHEDULER_SERVES_ROLE = StartupCheck(
    "scheduler_serves_role",
    scheduler_serves_role,
    lambda c: (
        f"splitwise_role is {c.role}, and scheduler_name splitwise serves such nodes no longer; remove "
        "scheduler_name, and give the router's address as has_router"
    ),
)
DECODES_FIT_BUDGET = StartupCheck(
    "decodes_fit_budget",
    decodes_fit_budget,
    lambda c: reservation_problem(c, c.tokens_per_seq),
)
DRAFTS_FIT_MESSAGE = StartupCheck(
    "drafts_fit_message",
    drafts_fit_message,
    lambda c: (
        f"num_speculative_tokens{raised(c)} is {c.num_speculative_tokens}; the output message carries "
        f"{MAX_DRAFT_TOKENS} tokens per sequence, and more run into those of the next: lower "
        f"{'num_model_steps' if raised(c) else 'num_speculative_tokens'} to {MAX_DRAFT_TOKENS - 1} or less"
    ),
)
WHOLE_PROMPT_FITS_BUDGET = StartupCheck(
    "whole_prompt_fits_budget",
    whole_prompt_fits_budget,
    lambda c: (
        f"max_num_batched_tokens is {c.max_num_batched_tokens}, less than max_model_len {c.max_model_len}, and "
        f"prompts are not cut into chunks, so that a long one waits forever; raise max_num_batched_tokens to "
        f"{c.max_model_len}, lower max_model_len to {c.max_num_batched_tokens}, or set FD_DISABLE_CHUNKED_PREFILL "
        "to 0"
    ),
)
ITEM_FITS_BESIDE_DECODES = StartupCheck(
    "item_fits_beside_decodes",
    item_fits_beside_decodes,
    lambda c: (
        f"a multimodal item of {c.max_multimodal_item_tokens} tokens and {other_decodes(c)} tokens of the other "
        f"sequences' decodes are more than max_num_batched_tokens {c.max_num_batched_tokens}, so that the item "
        f"can wait forever; raise max_num_batched_tokens to {c.max_multimodal_item_tokens + other_decodes(c)}"
        f"{or_fewer_seqs_beside(c, c.max_multimodal_item_tokens)}"
    ),
)
ALIGNED_CHUNK_FITS_BESIDE_DECODES = StartupCheck(
    "aligned_chunk_fits_beside_decodes",
    aligned_chunk_fits_beside_decodes,
    lambda c: (
        f"an aligned chunk of split_kv_size {c.split_kv_size} tokens and {other_decodes(c)} tokens of the other "
        f"sequences' decodes are more than max_num_batched_tokens {c.max_num_batched_tokens}, so that a prompt "
        f"can wait forever; raise max_num_batched_tokens to {c.split_kv_size + other_decodes(c)}"
        f"{or_fewer_seqs_beside(c, c.split_kv_size)}"
    ),
)
LONGEST_REQUEST_FITS_POOL = StartupCheck(
    "longest_request_fits_pool",
    longest_request_fits_pool,
    lambda c: (
        f"a request of max_model_len {c.max_model_len} needs {c.max_blocks_per_seq} KV blocks, the pool has "
        f"{c.num_kv_blocks}, so that it never ends; raise num_gpu_blocks_override to {c.max_blocks_per_seq} or "
        "lower max_model_len"
    ),
)
DISPATCH_FITS_LIBRARY = StartupCheck(
    "dispatch_fits_library",
    dispatch_fits_library,
    lambda c: (
        f"{dispatch_capacity(c).tokens} dispatch tokens per rank break a limit of DeepEP (at most 1024; queue "
        f"depth {c.dispatch_queue_depth} >= 2 * (tokens + 1); {c.num_experts} experts divisible by "
        f"{c.expert_parallel_size} ranks), which ends the process; lower max_num_seqs or raise NVSHMEM_QP_DEPTH"
    ),
)

COMMON_CHECKS = (MODEL_LEN_IN_RANGE, BLOCK_FITS_BUDGET, BUDGET_CAN_BE_FILLED)
"""What every version of FastDeploy checks."""

CHECKS_BEFORE_7237 = (
    SEQS_IN_RANGE,
    *COMMON_CHECKS,
    POOL_HOLDS_CONTEXT,
    MTP_CAPTURE_SIZE_IS_EVEN,
    ROUTER_IS_GIVEN,
)
"""What the versions before PR 7237 check besides the decodes of a step; as in release 2.4."""

CHECKS_SINCE_7237 = (
    SEQS_IN_WIDER_RANGE,
    *COMMON_CHECKS,
    POOL_HOLDS_CONTEXT_AND_GROWTH,
    DRAFTS_IN_RANGE,
    SCHEDULER_SERVES_ROLE,
)
"""What PR 7237 and all later versions check besides the decodes of a step."""
