"""Records the steps that vLLM's V1 scheduler plans. Before the engine is started, in the engine's own process:

    from record_vllm import record_steps
    from vllm.v1.core.sched.scheduler import Scheduler

    record_steps(Scheduler, "steps.jsonl")

With ``VLLM_ENABLE_V1_MULTIPROCESSING=0`` the engine runs in the process that imports it. The counts are the
scheduler's own: it decides in every step how many tokens a request runs, drafts included.
"""

from __future__ import annotations

from typing import Any

from step_file import StepFile


def record_steps(scheduler_class: Any, path: str) -> StepFile:
    """Wrap ``scheduler_class.schedule``, so that what it plans is appended to a file."""
    schedule = scheduler_class.schedule
    steps = StepFile(path, "vllm")

    def recording_schedule(scheduler: Any, *arguments: Any, **options: Any) -> Any:
        running_before = {request.request_id for request in scheduler.running}
        output = schedule(scheduler, *arguments, **options)
        steps.add(planned_step, scheduler, output, running_before)
        return output

    scheduler_class.schedule = recording_schedule
    return steps


def planned_step(scheduler: Any, output: Any, running_before: set[str]) -> dict[str, Any] | None:
    """Return what runs; None when nothing does."""
    if not output.num_scheduled_tokens:
        return None
    requests = [
        request_of(scheduler.requests[request_id], num_tokens, request_id not in running_before)
        for request_id, num_tokens in output.num_scheduled_tokens.items()
    ]
    decode_tokens = [request["num_tokens"] for request in requests if request["phase"] == "decode"]
    return {
        "num_decoding": len(decode_tokens),
        "num_decode_tokens": sum(decode_tokens),
        "num_prefill_tokens": output.total_num_scheduled_tokens - sum(decode_tokens),
        "num_slots_used": len(scheduler.running),
        "num_waiting": len(scheduler.waiting),
        "num_preempted": len(getattr(output, "preempted_req_ids", None) or ()),
        "num_free_blocks": scheduler.kv_cache_manager.block_pool.get_num_free_blocks(),
        "requests": requests,
    }


def request_of(request: Any, num_tokens: int, is_admitted: bool) -> dict[str, Any]:
    """Return a scheduled request; when ``schedule`` returns, its computed tokens count the step already.

    It decodes when nothing but its last sampled token, and drafts, are left to compute.
    """
    num_computed_tokens = request.num_computed_tokens - num_tokens
    is_decoding = num_computed_tokens >= max(request.num_prompt_tokens, request.num_tokens - 1)
    phase = "decode" if is_decoding else "admission" if is_admitted else "prefill"
    found = {"request_id": request.request_id, "phase": phase, "num_tokens": num_tokens}
    if not is_decoding:
        found |= {"num_computed_tokens": num_computed_tokens, "need_prefill_tokens": request.num_tokens}
    return found
