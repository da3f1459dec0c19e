"""What each event does to one request of vLLM, between two calls of the scheduler.

Source: ``Scheduler._update_after_schedule``, ``_preempt_request``, ``update_from_output``,
``_update_request_with_output`` and ``update_draft_token_ids`` (vllm/v1/core/sched/scheduler.py),
``AsyncScheduler._update_after_schedule`` (vllm/v1/core/sched/async_scheduler.py), ``check_stop``
(vllm/v1/core/sched/utils.py).
"""

from __future__ import annotations

from dataclasses import replace

from schedproof.engines.vllm.config import ServingConfig
from schedproof.engines.vllm.ledger import Grant
from schedproof.engines.vllm.request import Request


def after_launch(request: Request, grant: Grant, config: ServingConfig) -> Request:
    """Return a request once a step runs its grant; its tokens count as computed before the results are in.

    With async scheduling a request that yields tokens is given placeholders for them, and for the next drafts.
    """
    num_computed = request.num_computed_tokens + grant.num_tokens
    launched = replace(
        request,
        num_computed_tokens=num_computed,
        num_drafts=0,
        num_blocks=request.num_blocks + grant.num_new_blocks,
        is_prefill_chunk=num_computed < request.num_tokens + request.num_placeholders,
        num_tokens_under_way=request.num_tokens_under_way + grant.num_tokens,
    )
    if launched.is_prefill_chunk or not config.async_scheduling:
        return launched
    return replace(
        launched,
        num_placeholders=request.num_placeholders + 1 + grant.num_drafts,
        num_drafts=config.num_speculative_tokens,
    )


def after_preemption(request: Request) -> Request:
    """Return a request that has lost its blocks; what is under way for it is stale, and still yields its tokens."""
    return replace(
        request,
        num_computed_tokens=0,
        num_drafts=0,
        num_placeholders=0,
        num_blocks=0,
        num_stale_tokens=request.num_tokens_under_way,
    )


def after_results(
    request: Request, grant: Grant, num_accepted: int | None, config: ServingConfig
) -> tuple[Request, int]:
    """Return a request once the results of a step are in, and how many tokens it gained.

    ``num_accepted`` is the number of accepted drafts; None when the step was a chunk of a prompt, which yields no
    token. Rejected drafts are computed no more. Tokens behind the end of the request are dropped.
    """
    is_stale = request.num_stale_tokens > 0
    request = replace(
        request,
        num_tokens_under_way=request.num_tokens_under_way - grant.num_tokens,
        num_stale_tokens=request.num_stale_tokens - grant.num_tokens if is_stale else 0,
    )
    if num_accepted is None:
        return request, 0
    num_sampled = num_accepted + 1
    num_gained = min(num_sampled, num_left(request, config))
    if is_stale:
        return replace(request, num_tokens=request.num_tokens + num_gained), num_gained
    num_rejected = grant.num_drafts - num_accepted
    num_placeholders = request.num_placeholders
    if num_placeholders > 0:
        num_placeholders = num_placeholders - num_rejected
    if num_placeholders > 0:
        num_placeholders = num_placeholders - num_sampled
    num_computed = request.num_computed_tokens - num_rejected - (num_sampled - num_gained)
    gained = replace(
        request,
        num_tokens=request.num_tokens + num_gained,
        num_computed_tokens=num_computed,
        num_placeholders=num_placeholders,
    )
    return gained, num_gained


def num_left(request: Request, config: ServingConfig) -> int:
    """Return how many tokens a request may still gain; at least one, since vLLM looks after it has appended one."""
    most = min(config.max_model_len, request.num_prompt_tokens + request.max_output_tokens)
    return max(most - request.num_tokens, 1)


def after_drafting(request: Request, num_drafts: int) -> Request:
    """Return a request with drafts for its next step; in the middle of its prompt it has none."""
    return replace(request, num_drafts=0 if request.is_prefill_chunk else num_drafts)
