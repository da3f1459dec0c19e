"""Records the steps that FastDeploy's V1 scheduler plans. Before the engine is started, in the same process:

    from fastdeploy.engine.sched.resource_manager_v1 import ResourceManagerV1
    from record_fastdeploy import record_steps

    record_steps(ResourceManagerV1, "steps.jsonl", tokens_per_seq=4)

The scheduler does not see what the worker runs: a running decode is recorded with ``tokens_per_seq`` tokens, which
the worker runs for it in every step: num_speculative_tokens + 1 with drafts, 1 without.
"""

from __future__ import annotations

from typing import Any

from step_file import StepFile

HELD_SLOTS = ("to_be_rescheduled_request_id_set", "to_be_aborted_req_id_set")


def record_steps(manager_class: Any, path: str, tokens_per_seq: int) -> StepFile:
    """Wrap ``manager_class.schedule``, so that what it plans is appended to a file."""
    schedule = manager_class.schedule
    steps = StepFile(path, "fastdeploy")

    def recording_schedule(manager: Any) -> Any:
        running_before = {request.request_id for request in manager.running}
        planned = schedule(manager)
        tasks = planned[0] if isinstance(planned, tuple) else planned
        steps.add(planned_step, manager, list(tasks), running_before, tokens_per_seq)
        return planned

    manager_class.schedule = recording_schedule
    return steps


def planned_step(
    manager: Any, tasks: list[Any], running_before: set[str], tokens_per_seq: int
) -> dict[str, Any] | None:
    """Return what runs; None when nothing does. A prefill node does not decode, a decode node does not prefill."""
    role = manager.config.scheduler_config.splitwise_role
    chunks = (
        [] if role == "decode" else [chunk_of(t, running_before) for t in tasks if t.task_type.name == "PREFILL"]
    )
    prefilling = {chunk["request_id"] for chunk in chunks}
    decodes = [
        {
            "request_id": request.request_id,
            "phase": "decode",
            "num_tokens": tokens_per_seq,
            "num_total_tokens": request.num_total_tokens,
            "num_blocks": len(request.block_tables),
        }
        for request in manager.running
        if role != "prefill"
        and request.request_id not in prefilling
        and request.num_computed_tokens >= request.need_prefill_tokens
    ]
    if not chunks and not decodes:
        return None
    return {
        "num_decoding": len(decodes),
        "num_decode_tokens": len(decodes) * tokens_per_seq,
        "num_prefill_tokens": sum(chunk["num_tokens"] for chunk in chunks),
        "num_slots_used": len(manager.running) + sum(len(getattr(manager, name, ())) for name in HELD_SLOTS),
        "num_waiting": len(manager.waiting),
        "num_preempted": sum(task.task_type.name == "PREEMPTED" for task in tasks),
        "num_free_blocks": manager.available_block_num(),
        "requests": decodes + chunks,
    }


def chunk_of(task: Any, running_before: set[str]) -> dict[str, Any]:
    """Return the chunk of a prefill task, which is the request itself."""
    return {
        "request_id": task.request_id,
        "phase": "prefill" if task.request_id in running_before else "admission",
        "num_tokens": task.prefill_end_index - task.prefill_start_index,
        "num_computed_tokens": task.prefill_start_index,
        "need_prefill_tokens": task.need_prefill_tokens,
        "num_blocks": len(task.block_tables),
    }
