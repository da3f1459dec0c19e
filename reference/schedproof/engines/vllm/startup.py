"""What vLLM checks before it starts, what it only warns of, and what is not modelled.

Source: ``SchedulerConfig`` with its field bounds and ``verify_max_model_len`` (vllm/config/scheduler.py),
``VllmConfig._set_max_num_scheduled_tokens`` (vllm/config/vllm.py), ``SpeculativeConfig``
(vllm/config/speculative.py) and ``compute_mm_encoder_budget`` (vllm/v1/core/encoder_cache_manager.py) of 0.33.
A message says what goes wrong and which values would pass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from schedproof.engines.vllm import service
from schedproof.engines.vllm.config import ServingConfig, ceil_div


@dataclass(frozen=True, slots=True)
class StartupCheck:
    """A condition on the configuration, and the sentence for a person whose configuration breaks it."""

    name: str
    holds: Callable[[ServingConfig], bool]
    problem: Callable[[ServingConfig], str]


class InvalidConfigError(ValueError):
    """A configuration with which vLLM does not start, or which is not modelled; the message is one sentence."""


def sizes_are_positive(config: ServingConfig) -> bool:
    """Every limit that is given is at least 1, and the threshold at least 0."""
    return smallest_wrong_size(config) is None


def smallest_wrong_size(config: ServingConfig) -> str | None:
    """Return the first field that is too small; None when there is none."""
    for name in ("max_num_seqs", "max_num_batched_tokens", "max_num_scheduled_tokens", "max_num_active_seqs"):
        value = getattr(config, name)
        if value is not None and value < 1:
            return name
    for name in ("max_model_len", "block_size"):
        if getattr(config, name) < 1:
            return name
    return "long_prefill_token_threshold" if config.long_prefill_token_threshold < 0 else None


def wrong_size_problem(config: ServingConfig) -> str:
    """Return which field is too small, and what it may be."""
    name = smallest_wrong_size(config)
    assert name is not None
    least = 0 if name == "long_prefill_token_threshold" else 1
    return f"{name} is {getattr(config, name)}; set it to at least {least}"


def whole_prompt_fits_budget(config: ServingConfig) -> bool:
    """max_num_batched_tokens >= max_model_len without chunked prefill."""
    return config.enable_chunked_prefill or config.max_num_batched_tokens >= config.max_model_len


def seqs_fit_budget(config: ServingConfig) -> bool:
    """max_num_batched_tokens >= max_num_seqs, drafts left aside."""
    return config.max_num_batched_tokens >= config.max_num_seqs


def active_seqs_fit(config: ServingConfig) -> bool:
    """max_num_active_seqs <= max_num_seqs."""
    return config.max_num_active_seqs is None or config.max_num_active_seqs <= config.max_num_seqs


def threshold_fits_context(config: ServingConfig) -> bool:
    """long_prefill_token_threshold <= max_model_len."""
    return config.long_prefill_token_threshold <= config.max_model_len


def drafts_are_positive(config: ServingConfig) -> bool:
    """num_speculative_tokens >= 1 where there is speculation."""
    return config.speculation is None or config.num_speculative_tokens >= 1


def lookahead_fits(config: ServingConfig) -> bool:
    """max_num_batched_tokens > the drafter's KV slots of one request, where there is speculation."""
    return config.speculation is None or config.max_num_batched_tokens > config.lookahead_tokens


def item_fits_budget(config: ServingConfig) -> bool:
    """max_num_batched_tokens >= the longest item with disable_chunked_mm_input."""
    return not config.disable_chunked_mm_input or config.max_multimodal_item_tokens <= config.max_num_batched_tokens


def budget_can_be_filled(config: ServingConfig) -> bool:
    """max_num_batched_tokens <= max_num_seqs * max_model_len: some step can use it all."""
    return config.max_num_batched_tokens <= config.max_num_seqs * config.max_model_len


def budget_is_large(config: ServingConfig) -> bool:
    """A step may run at least 8192 tokens, where there is speculation."""
    return config.speculation is None or config.token_limit >= LARGE_BUDGET


LARGE_BUDGET = 8192


def drafting_pass_fits(config: ServingConfig) -> bool:
    """The rows of the drafter's own pass fit max_num_batched_tokens for all requests that may run."""
    asked = config.max_num_seqs if config.max_num_active_seqs is None else config.max_num_active_seqs
    return config.active_limit >= asked


REFUSALS = (
    StartupCheck("sizes_are_positive", sizes_are_positive, wrong_size_problem),
    StartupCheck(
        "whole_prompt_fits_budget",
        whole_prompt_fits_budget,
        lambda c: (
            f"max_num_batched_tokens is {c.max_num_batched_tokens}, less than max_model_len {c.max_model_len}, and "
            f"prompts are not cut into chunks; raise max_num_batched_tokens to {c.max_model_len}, lower "
            f"max_model_len to {c.max_num_batched_tokens}, or turn enable_chunked_prefill on"
        ),
    ),
    StartupCheck(
        "seqs_fit_budget",
        seqs_fit_budget,
        lambda c: (
            f"max_num_seqs is {c.max_num_seqs}, more than max_num_batched_tokens {c.max_num_batched_tokens}; lower "
            f"max_num_seqs to {c.max_num_batched_tokens} or raise max_num_batched_tokens to {c.max_num_seqs}"
        ),
    ),
    StartupCheck(
        "active_seqs_fit",
        active_seqs_fit,
        lambda c: (
            f"max_num_active_seqs is {c.max_num_active_seqs}, more than max_num_seqs {c.max_num_seqs}; set it to "
            f"{c.max_num_seqs} or less"
        ),
    ),
    StartupCheck(
        "threshold_fits_context",
        threshold_fits_context,
        lambda c: (
            f"long_prefill_token_threshold is {c.long_prefill_token_threshold}, more than max_model_len "
            f"{c.max_model_len}; set it to {c.max_model_len} or less"
        ),
    ),
    StartupCheck(
        "drafts_are_positive",
        drafts_are_positive,
        lambda c: (
            f"num_speculative_tokens is {c.num_speculative_tokens}; set it to at least 1, or leave "
            "speculative_config out"
        ),
    ),
    StartupCheck(
        "item_fits_budget",
        item_fits_budget,
        lambda c: (
            f"an item has up to {c.max_multimodal_item_tokens} tokens, more than max_num_batched_tokens "
            f"{c.max_num_batched_tokens}, and disable_chunked_mm_input keeps it whole; raise "
            f"max_num_batched_tokens to {c.max_multimodal_item_tokens}, or turn disable_chunked_mm_input off"
        ),
    ),
    StartupCheck(
        "lookahead_fits",
        lookahead_fits,
        lambda c: (
            f"the drafter writes {c.lookahead_tokens} tokens ahead, and max_num_batched_tokens is "
            f"{c.max_num_batched_tokens}; raise max_num_batched_tokens to {c.lookahead_tokens + 1} or lower "
            "num_speculative_tokens"
        ),
    ),
)
"""With any of these vLLM does not start."""

WARNINGS = (
    StartupCheck(
        "budget_can_be_filled",
        budget_can_be_filled,
        lambda c: (
            f"max_num_batched_tokens is {c.max_num_batched_tokens}, more than max_num_seqs * max_model_len = "
            f"{c.max_num_seqs} * {c.max_model_len}; lower it to {c.max_num_seqs * c.max_model_len} or raise "
            f"max_num_seqs to {ceil_div(c.max_num_batched_tokens, c.max_model_len)}"
        ),
    ),
    StartupCheck(
        "budget_is_large",
        budget_is_large,
        lambda c: (
            f"a step runs at most {c.token_limit} tokens, and with speculation vLLM advises {LARGE_BUDGET}; raise "
            "max_num_batched_tokens or lower num_speculative_tokens"
        ),
    ),
    StartupCheck(
        "drafting_pass_fits",
        drafting_pass_fits,
        lambda c: (
            f"the drafter's own pass takes {c.lookahead_tokens} of max_num_batched_tokens "
            f"{c.max_num_batched_tokens} for each request, so that vLLM lowers max_num_active_seqs to "
            f"{c.active_limit}"
        ),
    ),
)
"""With these vLLM starts, and writes a line to its log."""

NOT_MODELLED = (
    StartupCheck(
        "prefix_caching_is_off",
        lambda c: not c.enable_prefix_caching,
        lambda c: "the engine over many steps shares no blocks; set enable_prefix_caching to false",
    ),
    StartupCheck(
        "prefills_in_every_step",
        lambda c: c.prefill_schedule_interval == 1,
        lambda c: (
            f"prefill_schedule_interval {c.prefill_schedule_interval} is not modelled; set it to 1, which lets "
            "every step prefill"
        ),
    ),
    StartupCheck(
        "has_one_pipeline_stage",
        lambda c: c.pipeline_parallel_size == 1,
        lambda c: f"pipeline_parallel_size {c.pipeline_parallel_size} is not modelled; set it to 1",
    ),
)
"""What vLLM can do, and this model of it cannot."""


def last_problem(config: ServingConfig) -> str:
    """Return for how many requests there is too little budget, and the values with which all are served."""
    return (
        f"with {config.active_limit} running requests the last can find no budget, in every step until one before "
        f"it ends; raise max_num_batched_tokens to {service.rows_to_serve(config, config.active_limit)}"
        f"{token_limit_to_raise(config)}, or lower max_num_active_seqs to {service.most_served(config)}"
    )


def prompts_problem(config: ServingConfig) -> str:
    """Return that prompts with items can take all of a step, and the threshold that prevents it."""
    problem = (
        "an item can end a chunk while there is budget left, so that several prompts with items run ahead of a "
        "decode and leave it nothing; "
    )
    threshold = service.highest_threshold(config, config.active_limit)
    if threshold >= config.tokens_per_seq:
        adaptive = " and its adaptive form off" if config.long_prefill_token_threshold_adaptive else ""
        return (
            f"{problem}set long_prefill_token_threshold between {config.tokens_per_seq} and {threshold}{adaptive}"
        )
    bounded = replace(config, long_prefill_token_threshold=config.tokens_per_seq)
    return (
        f"{problem}set long_prefill_token_threshold to {config.tokens_per_seq}, and then: {last_problem(bounded)}"
    )


UNCHECKED = (
    StartupCheck(
        "every_decode_is_served",
        service.serves_every_decode,
        lambda c: prompts_problem(c) if service.lets_prompts_take_all(c) else last_problem(c),
    ),
    StartupCheck(
        "threshold_leaves_drafts_whole",
        lambda c: c.long_prefill_token_threshold == 0 or c.long_prefill_token_threshold >= c.tokens_per_seq,
        lambda c: (
            f"long_prefill_token_threshold is {c.long_prefill_token_threshold}, less than the {c.tokens_per_seq} "
            "tokens of a decode with its drafts: a request that starts with one token beside decodes ends the "
            f"engine by an assertion; set it to 0 or to at least {c.tokens_per_seq}"
        ),
    ),
    StartupCheck(
        "chunk_reaches_past_lookahead",
        lambda c: most_tokens_of_a_chunk(c) >= c.prefill_lookahead_tokens,
        lambda c: (
            f"the drafter reads {c.prefill_lookahead_tokens} prompt tokens ahead, and a request gets at most "
            f"{most_tokens_of_a_chunk(c)} in a step, so that a longer prompt never ends; raise "
            f"{'max_num_scheduled_tokens' if c.token_limit < c.prefill_lookahead_tokens else 'the threshold'} "
            f"to at least {c.prefill_lookahead_tokens}"
        ),
    ),
    StartupCheck(
        "longest_request_fits_pool",
        lambda c: blocks_of_longest_request(c) <= c.num_usable_blocks,
        lambda c: (
            f"a request of max_model_len {c.max_model_len} needs {blocks_of_longest_request(c)} KV blocks, and "
            f"num_gpu_blocks {c.num_gpu_blocks} leaves {c.num_usable_blocks}, so that it never ends; raise "
            f"num_gpu_blocks to {blocks_of_longest_request(c) + 1} or lower max_model_len"
        ),
    ),
)
"""What the scheduler relies on, and does not check itself."""


def token_limit_to_raise(config: ServingConfig) -> str:
    """Return what else has to grow so that every decode is served; empty where the scheduler's tokens follow."""
    needed = service.tokens_to_serve(config, config.active_limit)
    if config.max_num_scheduled_tokens is None or config.max_num_scheduled_tokens >= needed:
        return ""
    return f" and max_num_scheduled_tokens to {needed}"


def most_tokens_of_a_chunk(config: ServingConfig) -> int:
    """Return the most tokens that a request beside others gets in a step."""
    threshold = config.long_prefill_token_threshold
    return config.token_limit if threshold == 0 else min(config.token_limit, threshold)


def blocks_of_longest_request(config: ServingConfig) -> int:
    """Return the KV blocks that a request of max_model_len tokens can need."""
    return ceil_div(config.max_model_len, config.block_size)


def refuse_at_startup(config: ServingConfig) -> None:
    """Raise InvalidConfigError for the first check that fails of what vLLM refuses or what is not modelled."""
    for check in (*REFUSALS, *NOT_MODELLED):
        if not check.holds(config):
            raise InvalidConfigError(check.problem(config))
