"""One engine: FastDeploy's scheduler, and a worker and users that do what chance says."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from prompts import draw_prompt
from settings import DECODE, MIXED, PREFILL, EngineConfig, TokenRatio, Workload
from watched import environment, upstream_config, watched_class

OUTPUT = 2
MAX_IDLE_STEPS = 12
"""An engine that stands still for so long ends."""


@dataclass(slots=True)
class Job:
    """What the worker and the user know about a request, and the scheduler does not."""

    request: Any
    max_new: int
    is_done: bool = False
    has_late_tokens: bool = False
    """Whether it was preempted while the worker decoded it."""

    @property
    def id(self) -> int:
        return int(self.request.request_id)

    @property
    def num_left(self) -> int:
        return self.max_new - len(self.request.output_token_ids)


class Engine:
    """Runs a scheduler for as long as the workload says; `steps` yields a line for each."""

    def __init__(self, upstream: SimpleNamespace, config: EngineConfig, load: Workload, rng: random.Random) -> None:
        os.environ.update(environment(config))
        self.upstream, self.config, self.load, self.rng = upstream, config, load, rng
        make = watched_class(upstream)
        self.scheduler = make(config.max_num_seqs, upstream_config(config, upstream), 1, config.role)
        self.jobs: dict[str, Job] = {}
        self.in_transfer: list[str] = []
        self.events: list[list[Any]] = []
        self.num_arrived = 0

    def steps(self) -> Iterator[dict[str, Any]]:
        num_idle = 0
        self.take_requests()
        for _ in range(self.load.num_steps):
            step = self.step()
            yield step
            self.work(step)
            self.take_out_finished()
            self.acknowledge()
            self.abort()
            self.take_requests()
            num_idle = 0 if step["batch"] or self.events else num_idle + 1
            if num_idle >= MAX_IDLE_STEPS:
                return

    def step(self) -> dict[str, Any]:
        """Let the scheduler plan one step; returns its line."""
        scheduler = self.scheduler
        before = {
            "running": [self.state(one) for one in scheduler.running],
            "waiting": [self.state(one) for one in scheduler.waiting],
            "free": self.num_free_blocks,
            "to_be_rescheduled": numbers(scheduler.to_be_rescheduled_request_id_set),
            "to_be_aborted": numbers(scheduler.to_be_aborted_req_id_set),
            **self.reserve(),
        }
        events, self.events = self.events, []
        decoding = {row[0] for row in before["running"] if row[2] >= row[3]}
        sent = scheduler.schedule()
        batch = [[int(request_id), *rest] for request_id, *rest in scheduler.visits]
        assert [[int(task.request_id), task.task_type.name] for task in sent] == sent_tasks(batch)
        preempted = [row[0] for row in batch if row[1] == "preempted"]
        for number in preempted:
            self.jobs[str(number)].has_late_tokens = number in decoding
        return {
            "events": events,
            "before": before,
            "batch": batch,
            "preempted": preempted,
            "budget": scheduler.budget,
            "after": {
                "running": [int(one.request_id) for one in scheduler.running],
                "waiting": [int(one.request_id) for one in scheduler.waiting],
                "free": self.num_free_blocks,
            },
        }

    def reserve(self) -> dict[str, Any]:
        """Return what the scheduler reserves for output, as far as it has decayed."""
        if isinstance(self.config.reserve, TokenRatio):
            return {"new_token_ratio": self.scheduler.new_token_ratio}
        return {
            "reserve": self.scheduler.current_reserve_output_block_num,
            "relaxed": self.scheduler.can_relax_prefill_strategy,
        }

    @property
    def num_free_blocks(self) -> int:
        return len(self.scheduler.cache_manager.gpu_free_block_list)

    def state(self, request: Any) -> list[Any]:
        return [
            int(request.request_id),
            request.status.name.lower(),
            int(request.num_computed_tokens),
            request.need_prefill_tokens,
            request.num_total_tokens,
            len(request.block_tables),
        ]

    # The worker

    def work(self, step: dict[str, Any]) -> None:
        """Give each decode its tokens, and the first one to each prompt that the step has finished."""
        sent_to = {row[0] for row in step["batch"] if row[1] == "prefill"}
        for request in list(self.scheduler.running):
            job = self.jobs[request.request_id]
            is_decoding = request.num_computed_tokens >= request.need_prefill_tokens
            if not is_decoding or job.is_done:
                continue
            if job.id in sent_to:
                self.append(job, self.num_accepted() if self.config.role == DECODE else 1)
            elif self.config.role != PREFILL and self.has_slots(request):
                self.append(job, self.num_accepted())
        for number in step["preempted"]:
            if self.config.role == DECODE:
                del self.jobs[str(number)]

    def has_slots(self, request: Any) -> bool:
        """Return whether the worker runs a decode with the blocks that it has.

        The kernels ``update_inputs_v1`` and, with drafts, ``speculate_schedule_cache`` decide it so.
        """
        config = self.config
        position = request.num_total_tokens - 1
        if config.speculates:
            position += 2 * config.num_speculative_tokens + 2
        block = position // config.block_size
        width = -(-config.max_model_len // config.block_size) + config.enc_dec_block_num
        return block < len(request.block_tables) or (config.speculates and block >= width)

    def num_accepted(self) -> int:
        num_tokens = 1
        if self.config.speculates:
            while num_tokens <= self.config.num_speculative_tokens and self.happens(self.load.accept_rate):
                num_tokens += 1
        return num_tokens

    def append(self, job: Job, num_tokens: int) -> None:
        num_tokens = min(num_tokens, job.num_left)
        job.request.output_token_ids.extend([OUTPUT] * num_tokens)
        if job.request.status.name == "RUNNING_PREFILL":  # as ``token_processor`` does since PR 7444
            job.request.status = self.upstream.request.RequestStatus.RUNNING_DECODE
        self.events.append(["tokens", job.id, num_tokens])
        job.is_done = job.num_left == 0 or self.config.role == PREFILL

    def take_out_finished(self) -> None:
        is_prefill = self.config.role == PREFILL
        rate = self.load.transfer_rate if is_prefill else self.load.finish_rate
        self.late_tokens()
        for job in list(self.jobs.values()):
            if job.is_done and self.happens(rate):
                self.scheduler.finish_requests(job.request.request_id)
                self.events.append(["hand_over" if is_prefill else "finish", job.id])
                del self.jobs[job.request.request_id]

    def late_tokens(self) -> None:
        """Append the tokens of the step that was under way when a decode was preempted."""
        for number in numbers(self.scheduler.to_be_rescheduled_request_id_set):
            job = self.jobs[str(number)]
            if job.has_late_tokens and not job.is_done and self.happens(self.load.late_rate):
                self.append(job, self.num_accepted())
            job.has_late_tokens = False

    def acknowledge(self) -> None:
        scheduler = self.scheduler
        pending = scheduler.to_be_rescheduled_request_id_set | scheduler.to_be_aborted_req_id_set
        for number in numbers(pending):
            job = self.jobs[str(number)]
            if job.is_done or not self.happens(self.load.acknowledge_rate):
                continue
            self.events.append(["acknowledge", number])
            if job.request.request_id in scheduler.to_be_aborted_req_id_set:
                scheduler.recycle_abort_task(job.request.request_id)
                del self.jobs[job.request.request_id]
            else:
                scheduler.reschedule_preempt_task(job.request.request_id)

    # The users

    def abort(self) -> None:
        if self.jobs and self.happens(self.load.abort_rate):
            job = self.rng.choice(list(self.jobs.values()))
            self.scheduler.add_abort_req_ids(job.request.request_id)
            self.events.append(["abort", job.id])

    def take_requests(self) -> None:
        if self.config.role == MIXED:
            while len(self.scheduler.waiting) < self.load.max_waiting and self.happens(self.load.arrival_rate):
                self.arrive()
            return
        self.end_transfers()
        if len(self.in_transfer) < self.load.max_waiting and self.happens(self.load.arrival_rate):
            self.preallocate()

    def arrive(self) -> None:
        job, items = self.new_job()
        self.scheduler.add_request(job.request)
        length = job.request.prompt_token_ids_len
        self.events.append(["arrive", job.id, length, job.max_new, [list(item) for item in items]])

    def preallocate(self) -> None:
        job, _ = self.new_job()
        request = job.request
        name = "preallocate_resource_in_p" if self.config.role == PREFILL else "preallocate_resource_in_d"
        try:
            is_accepted = bool(getattr(self.scheduler, name)(request))
        except AssertionError:  # the blocks that it has checked for are fewer than those that it takes
            is_accepted = False
        self.events.append(["preallocate", job.id, request.prompt_token_ids_len, job.max_new, is_accepted])
        if is_accepted:
            self.in_transfer.append(request.request_id)
        else:
            del self.jobs[request.request_id]

    def end_transfers(self) -> None:
        """Let requests that have a slot join the batch: on a decode node with their first token."""
        for request_id in list(self.in_transfer):
            if not self.happens(self.load.transfer_rate):
                continue
            self.in_transfer.remove(request_id)
            if self.happens(self.load.transfer_failure_rate):
                self.scheduler.pre_recycle_resource(request_id)
                self.events.append(["recycle", int(request_id)])
                del self.jobs[request_id]
                continue
            if self.config.role == PREFILL:
                self.scheduler.add_request_in_p([self.jobs[request_id].request])
            else:
                self.scheduler.add_prefilled_request(self.first_token(request_id))
            self.events.append(["receive", int(request_id)])

    def first_token(self, request_id: str) -> SimpleNamespace:
        metrics = self.upstream.request.RequestMetrics()
        outputs = SimpleNamespace(token_ids=[OUTPUT], draft_token_ids=[OUTPUT, OUTPUT])
        return SimpleNamespace(request_id=request_id, outputs=outputs, num_cached_tokens=0, metrics=metrics)

    def new_job(self) -> tuple[Job, tuple[tuple[int, int], ...]]:
        load, limit = self.load, self.config.max_model_len
        self.num_arrived += 1
        longest = min(load.max_prompt, limit - 2)
        longest_short = max(1, longest // 4) if load.max_short_prompt is None else load.max_short_prompt
        length = self.rng.randint(1, longest if self.happens(0.5) else min(longest, longest_short))
        least_new = 2 if self.config.role == DECODE else 1  # a decode node gets the first with the cache
        max_new = self.rng.randint(least_new, max(2, min(load.max_output, limit - length)))
        prompt = draw_prompt(self.rng, length, self.config)
        request = self.upstream.request.Request(
            request_id=str(self.num_arrived),
            prompt_token_ids=prompt.token_ids,
            prompt_token_ids_len=length,
            multimodal_inputs=prompt.multimodal_inputs,
            sampling_params=SimpleNamespace(max_tokens=max_new),
            disaggregate_info={},
        )
        job = self.jobs[request.request_id] = Job(request, max_new)
        return job, prompt.items

    def happens(self, rate: float) -> bool:
        return self.rng.random() < rate


def numbers(request_ids: set[str]) -> list[int]:
    return sorted(map(int, request_ids))


def sent_tasks(batch: list[list[Any]]) -> list[list[Any]]:
    """Return the part of a batch that FastDeploy sends to the worker."""
    sent = [row for row in batch if row[1] in ("preempted", "abort") or (row[2] and row[1] == "prefill") or row[3]]
    return [[number, what.upper()] for number, what, _, _ in sent]
