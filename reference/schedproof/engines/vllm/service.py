"""When every decode gets a token in every step, which vLLM does not check.

Running requests are visited in order of admission, each takes what it wants while there is budget, and the list is
never rotated: whoever is last when the budget ends gets nothing, in each step anew, until a request before it ends.

Without a bound on long prefills at most one running request is in the middle of its prompt, and it is the last: a
prompt is cut only where a budget ends, so that nobody is admitted behind it in the same step, and in later steps
nobody is admitted while the budgets end at it. All others want at most one decode with its drafts. (A drafter with
several MTP modules can cut a chunk earlier, but then leaves no more of the prompt than k tokens.) With the bound T
several requests can be in the middle of their prompts, each of which takes up to T, so that T counts where it is
larger than a decode.

An item of a multimodal prompt can end a chunk while there is budget left. Then several prompts are cut without any
bound, and one of them can take all of a step: only the bound T helps.
"""

from __future__ import annotations

from schedproof.engines.vllm.config import ServingConfig
from schedproof.engines.vllm.turns import long_prefill_threshold


def most_tokens_of_one(config: ServingConfig, num_running: int) -> int:
    """Return the most tokens that a request takes which is not the last of so many."""
    threshold = long_prefill_threshold(config, num_running)
    if lets_prompts_take_all(config) and num_running > 1:
        return config.token_limit
    return max(config.tokens_per_seq, threshold)


def lets_prompts_take_all(config: ServingConfig) -> bool:
    """Return whether several prompts can be in their middle, without a bound on what each of them takes."""
    return config.max_multimodal_item_tokens > 0 and config.long_prefill_token_threshold == 0


def highest_threshold(config: ServingConfig, num_running: int) -> int:
    """Return the highest bound T with which so many running decodes all get a token; it may be too low to set."""
    if num_running == 1:
        return config.max_model_len
    others = num_running - 1
    by_rows = (config.max_num_batched_tokens - 1 - config.draft_slots) // others - config.draft_slots
    return min(by_rows, (config.token_limit - 1) // others, config.max_model_len)


def tokens_to_serve(config: ServingConfig, num_running: int) -> int:
    """Return the tokens of a step in which the last of so many requests gets one, whatever the others want."""
    return (num_running - 1) * most_tokens_of_one(config, num_running) + 1


def rows_to_serve(config: ServingConfig, num_running: int) -> int:
    """Return the rows of the input of such a step: its tokens, and the draft slots of all."""
    return tokens_to_serve(config, num_running) + num_running * config.draft_slots


def serves(config: ServingConfig, num_running: int) -> bool:
    """Return whether each of so many running decodes gets a token in every step."""
    fits_tokens = tokens_to_serve(config, num_running) <= config.token_limit
    return fits_tokens and rows_to_serve(config, num_running) <= config.max_num_batched_tokens


def serves_every_decode(config: ServingConfig) -> bool:
    """Return whether every running decode gets a token in every step, however many requests run."""
    if not config.long_prefill_token_threshold_adaptive:
        return serves(config, config.active_limit)
    return all(serves(config, num_running) for num_running in range(1, config.active_limit + 1))


def most_served(config: ServingConfig) -> int:
    """Return how many requests may run so that every decode gets a token in every step; at least 1.

    It is the number to which ``max_num_active_seqs`` can be lowered.
    """
    num_running = 1
    while num_running < config.active_limit and serves(config, num_running + 1):
        num_running += 1
    return num_running


def keeps_all_drafts(config: ServingConfig) -> bool:
    """Return whether a step of decodes alone runs all their drafts, however many requests run."""
    tokens = config.active_limit * config.tokens_per_seq
    rows = tokens + config.active_limit * config.draft_slots
    return tokens <= config.token_limit and rows <= config.max_num_batched_tokens
