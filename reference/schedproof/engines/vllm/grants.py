"""What one request is granted: how many tokens, how many of them drafts, and which KV blocks that takes.

Source: the two loops of ``Scheduler.schedule`` and ``Scheduler._reserve_prefill_lookahead``
(vllm/v1/core/sched/scheduler.py), ``KVCacheManager.allocate_slots`` (vllm/v1/core/kv_cache_manager.py).
"""

from __future__ import annotations

from schedproof.engines.vllm.config import ServingConfig, ceil_div
from schedproof.engines.vllm.ledger import Grant, Ledger
from schedproof.engines.vllm.request import Request


def has_budget(ledger: Ledger, config: ServingConfig) -> bool:
    """Return whether another request could get a token and its draft slots."""
    return ledger.token_budget > 0 and ledger.input_budget > config.draft_slots


def tokens_at_most(ledger: Ledger, config: ServingConfig) -> int:
    """Return what both budgets have for one request."""
    return min(ledger.token_budget, ledger.input_budget - config.draft_slots)


def is_sure_to_end(request: Request) -> bool:
    """Return whether the steps under way reach its most tokens, even if all their drafts are rejected."""
    if request.num_placeholders == 0:
        return False
    sure = request.num_computed_tokens + 2 - request.num_placeholders
    return sure >= request.num_prompt_tokens + request.max_output_tokens


def running_grant(request: Request, num_tokens: int, config: ServingConfig) -> Grant:
    """Return the grant of a running request that runs this many tokens."""
    num_known = request.num_tokens + request.num_placeholders
    num_drafts = max(request.num_computed_tokens + num_tokens - num_known, 0)
    num_new_blocks = new_blocks(request, num_tokens, config)
    return Grant(num_tokens=num_tokens, num_new_blocks=num_new_blocks, num_drafts=num_drafts)


def running_tokens(request: Request, ledger: Ledger, config: ServingConfig) -> int:
    """Return how many tokens a running request gets: all that is known and not computed, and drafts, as they fit.

    What does not fit is cut: a chunk, the drafts of a decode, all of them at worst. Items and what the drafter
    reads ahead may cut it further.
    """
    num_wanted = request.num_tokens + request.num_drafts + request.num_placeholders - request.num_computed_tokens
    num_wanted = within_threshold(num_wanted, ledger)
    num_left_in_context = config.max_model_len - request.num_computed_tokens - 1
    return min(num_wanted, tokens_at_most(ledger, config), num_left_in_context)


def pads_admission(request: Request, ledger: Ledger, config: ServingConfig) -> bool:
    """Return whether a waiting request with one token to compute runs placeholders of drafts beside it.

    It does in a step of decodes alone, so that all sequences of the step have the same length.
    """
    if config.num_speculative_tokens == 0 or request.num_tokens - request.num_computed_tokens != 1:
        return False
    if ledger.has_prefill or (ledger.num_scheduled == ledger.num_admitted and request.num_computed_tokens == 0):
        return False
    return request.num_computed_tokens + config.tokens_per_seq + 1 <= config.max_model_len


def admission_tokens(request: Request, ledger: Ledger, config: ServingConfig) -> int | None:
    """Return how many tokens a waiting request gets; None when it has to wait, and all behind it.

    Items and what the drafter reads ahead may cut it further.
    """
    num_wanted = request.num_tokens - request.num_computed_tokens
    if pads_admission(request, ledger, config):
        num_wanted = config.tokens_per_seq
        if num_wanted > tokens_at_most(ledger, config):
            return None
    num_wanted = within_threshold(num_wanted, ledger)
    if not config.enable_chunked_prefill and num_wanted > tokens_at_most(ledger, config):
        return None
    return min(num_wanted, tokens_at_most(ledger, config))


def admission_grant(request: Request, num_tokens: int, ledger: Ledger, config: ServingConfig) -> Grant:
    """Return the grant of a waiting request that runs this many tokens."""
    num_drafts = config.num_speculative_tokens if pads_admission(request, ledger, config) else 0
    num_new_blocks = new_blocks(request, num_tokens, config)
    return Grant(num_tokens=num_tokens, num_new_blocks=num_new_blocks, num_drafts=num_drafts)


def within_threshold(num_wanted: int, ledger: Ledger) -> int:
    """Return what is left of a wish under the bound on long prefills; decodes meet it too."""
    if ledger.long_prefill_threshold > 0:
        return min(num_wanted, ledger.long_prefill_threshold)
    return num_wanted


def outside_lookahead(request: Request, num_tokens: int, config: ServingConfig) -> int:
    """Return a chunk that ends with its prompt, or leaves enough of it for the drafter to read."""
    num_left = request.num_tokens - request.num_computed_tokens - num_tokens
    if num_left > 0 and num_left < config.prefill_lookahead_tokens:
        return max(num_tokens - (config.prefill_lookahead_tokens - num_left), 0)
    return num_tokens


def new_blocks(request: Request, num_tokens: int, config: ServingConfig) -> int:
    """Return the KV blocks that a request lacks for this many tokens and the drafter's slots behind them."""
    num_slots = request.num_computed_tokens + num_tokens + config.lookahead_tokens
    num_needed = ceil_div(min(num_slots, config.max_model_len), config.block_size)
    return max(num_needed - request.num_blocks, 0)


def blocks_of_all_tokens(request: Request, config: ServingConfig) -> int:
    """Return the KV blocks that a waiting request lacks for all its known tokens."""
    num_needed = ceil_div(min(request.num_tokens, config.max_model_len), config.block_size)
    return max(num_needed - request.num_blocks, 0)
