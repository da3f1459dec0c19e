"""One vLLM engine under random load: arrivals, steps and what the worker finds, all from one generator of chance.

What is written of each step is told in the README beside this file.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import upstream
from settings import EngineConfig, Workload

TOKEN = 7
STANDSTILL = 12
"""Steps without a token and without an arrival after which the recording of an engine ends."""


@dataclass(slots=True)
class UnderWay:
    """A step whose results are not in."""

    output: Any
    yields: dict[str, bool]
    """Whether the request's tokens reach the end of what is known, so that the worker samples."""
    admitted: set[str]
    """Those whose drafts are placeholders."""


class Engine:
    """vLLM's scheduler with a faked worker and faked users."""

    def __init__(self, loaded: SimpleNamespace, config: EngineConfig, load: Workload, rng: random.Random) -> None:
        self.loaded, self.config, self.load, self.rng = loaded, config, load, rng
        self.scheduler = upstream.scheduler_of(loaded, config)
        self.pool = self.scheduler.kv_cache_manager.block_pool
        self.tables = self.scheduler.kv_cache_manager.coordinator.single_type_managers[0].req_to_blocks
        self.under_way: deque[UnderWay] = deque()
        self.num_arrived = 0
        self.hasher = None
        if config.enable_prefix_caching:
            ahead = self.scheduler.num_hash_lookahead_tokens
            self.hasher = loaded.hasher(config.block_size, num_hash_lookahead_tokens=ahead)
        self.events: list[list[Any]] = []

    def steps(self) -> Iterator[dict[str, Any]]:
        """Yield every step; an engine that stands still ends early."""
        num_idle = 0
        for _ in range(self.load.num_steps):
            self.let_users_act()
            before = self.snapshot()
            held = {one.request_id: self.num_blocks(one) for one in self.everybody()}
            waiting = {one.request_id for one in self.scheduler.waiting}
            output = self.scheduler.watched_schedule(self.loaded.schedule_code)
            scheduled = output.num_scheduled_tokens
            requests = self.scheduler.requests
            yield {
                "events": self.events,
                "before": before | self.prefix_cache(),
                "batch": [
                    [int(name), tokens, len(output.scheduled_spec_decode_tokens.get(name, ())),
                     self.num_blocks(requests[name]) - held[name],
                     *output.scheduled_encoder_inputs.get(name, ())]
                    for name, tokens in scheduled.items()
                ],
                "preempted": [int(name) for name in self.scheduler.preempted],
                "budgets": self.scheduler.budgets,
                "after": {
                    "running": [int(one.request_id) for one in self.scheduler.running],
                    "waiting": [int(one.request_id) for one in self.scheduler.waiting],
                    "free": self.pool.get_num_free_blocks(),
                    **self.encoder_cache(),
                },
            }  # fmt: skip
            arrived = any(event[0] == "arrive" for event in self.events)
            num_idle = 0 if scheduled or arrived or self.under_way else num_idle + 1
            self.events = []
            if num_idle >= STANDSTILL:
                return
            yields = {name: not requests[name].is_prefill_chunk for name in scheduled}
            self.under_way.append(UnderWay(output=output, yields=yields, admitted=waiting & set(scheduled)))
            most = self.load.most_under_way if self.config.async_scheduling else 0
            while len(self.under_way) > most or (self.under_way and self.rng.random() < self.load.early_rate):
                self.complete()

    def everybody(self) -> list[Any]:
        return [*self.scheduler.running, *self.scheduler.waiting]

    def num_blocks(self, request: Any) -> int:
        return len(self.tables.get(request.request_id, ()))

    def snapshot(self) -> dict[str, Any]:
        """Return what the scheduler is about to find."""
        return {
            "running": [self.fields_of(one) for one in self.scheduler.running],
            "waiting": [self.fields_of(one) for one in self.scheduler.waiting],
            "free": self.pool.get_num_free_blocks(),
            **self.encoder_cache(),
        }

    def prefix_cache(self) -> dict[str, Any]:
        """Return the prefixes that the scheduler found, and what its victims shared; nothing without a cache."""
        if not self.config.enable_prefix_caching:
            return {}
        hits = [[int(name), *hit] for name, hit in self.scheduler.hits.items() if hit[0]]
        shared = [[int(name), number] for name, number in self.scheduler.shared.items() if number]
        return {"hits": hits, "shared": shared}

    def encoder_cache(self) -> dict[str, Any]:
        """Return what the encoder cache holds; nothing for text."""
        if self.config.max_multimodal_item_tokens == 0:
            return {}
        found = self.scheduler.encoder_cache_manager
        used = [item for item, users in found.cached.items() if users]
        return {
            "encoder": {
                "free": found.num_free_slots,
                "used": sorted([int(part) for part in item.split(".")] for item in used),
                "unused": [[int(part) for part in item.split(".")] for item in found.freeable],
            }
        }

    def fields_of(self, request: Any) -> list[int]:
        return [
            int(request.request_id),
            request.num_tokens,
            request.num_computed_tokens,
            len(request.spec_token_ids),
            request.num_output_placeholders,
            self.num_blocks(request),
            int(request.is_prefill_chunk),
            request.num_in_flight_tokens,
            request.num_stale_output_tokens,
        ]

    def let_users_act(self) -> None:
        rng, load = self.rng, self.load
        if rng.random() < load.arrival_rate:
            for _ in range(rng.randint(1, load.most_arrivals)):
                if len(self.scheduler.waiting) < load.max_waiting:
                    self.arrive()
        everybody = self.everybody()
        if everybody and rng.random() < load.abort_rate:
            name = rng.choice(everybody).request_id
            self.scheduler.finish_requests(name, self.loaded.status.FINISHED_ABORTED)
            self.events.append(["abort", int(name)])

    def arrive(self) -> None:
        rng, load = self.rng, self.load
        self.num_arrived += 1
        most = load.max_short_prompt if rng.random() < 0.5 else load.max_prompt
        num_prompt = rng.randint(1, max(1, min(most, self.config.max_model_len - 1)))
        if self.hasher is not None and rng.random() < 0.4:
            num_prompt = (num_prompt - 1) // self.config.block_size * self.config.block_size + 1
        num_output = rng.randint(1, max(1, min(load.max_output, self.config.max_model_len - num_prompt)))
        priority = rng.randint(0, 3) if self.config.policy == "priority" else 0
        arrival = self.num_arrived - (rng.random() < 0.2)
        items = self.draw_items(num_prompt)
        self.scheduler.add_request(
            self.loaded.request(
                request_id=str(self.num_arrived),
                prompt_token_ids=self.draw_prompt(num_prompt),
                block_hasher=self.hasher,
                sampling_params=self.loaded.sampling(max_tokens=num_output, ignore_eos=True),
                pooling_params=None,
                arrival_time=float(arrival),
                priority=priority,
                mm_features=[self.feature(index, *item) for index, item in enumerate(items)],
            )
        )
        event = ["arrive", self.num_arrived, num_prompt, num_output, priority, arrival]
        self.events.append([*event, items] if items else event)

    def draw_prompt(self, num_prompt: int) -> list[int]:
        """Draw a prompt; with a prefix cache it begins like others, and goes on like none."""
        if self.hasher is None:
            return [TOKEN] * num_prompt
        beginning = self.rng.randint(1, 3)
        num_common = self.rng.choice([num_prompt, self.rng.randint(0, num_prompt)])
        return [beginning] * num_common + [1000 + self.num_arrived] * (num_prompt - num_common)

    def feature(self, index: int, start: int, end: int) -> Any:
        inputs = self.loaded.inputs
        return inputs.MultiModalFeatureSpec(
            data=None,
            modality="image",
            identifier=f"{self.num_arrived}.{index}",
            mm_position=inputs.PlaceholderRange(offset=start, length=end - start),
        )

    def draw_items(self, num_prompt: int) -> list[list[int]]:
        """Draw the items of a prompt, in order, some of them next to each other."""
        most, end = self.config.max_multimodal_item_tokens, 0
        items: list[list[int]] = []
        while most > 0 and self.rng.random() < 0.7:
            start = end + self.rng.choice([0, self.rng.randint(0, 20)])
            end = start + self.rng.choice([most, self.rng.randint(1, most)])
            if end > num_prompt:
                break
            items.append([start, end])
        return items

    def complete(self) -> None:
        """Let the worker answer the oldest step under way, and propose drafts for the next."""
        step = self.under_way.popleft()
        names = list(step.output.num_scheduled_tokens)
        accepted = {name: self.num_accepted(name, step) for name in names if step.yields[name]}
        self.scheduler.update_from_output(
            step.output,
            self.loaded.output(
                req_ids=names,
                req_id_to_index={name: index for index, name in enumerate(names)},
                sampled_token_ids=[[TOKEN] * (accepted[name] + 1) if name in accepted else [] for name in names],
                logprobs=None,
                prompt_logprobs_dict={},
                pooler_output=[],
            ),
        )
        self.events.append(["results", [[int(name), number] for name, number in accepted.items()]])
        if self.config.speculation is not None and not self.config.async_scheduling:
            self.propose(names)

    def num_accepted(self, name: str, step: UnderWay) -> int:
        number = 0
        if name not in step.admitted:
            most = len(step.output.scheduled_spec_decode_tokens.get(name, ()))
            while number < most and self.rng.random() < self.load.accept_rate:
                number += 1
        return number

    def propose(self, names: list[str]) -> None:
        rng, most = self.rng, self.config.num_speculative_tokens
        found = {}
        for name in names:
            drafts = most if rng.random() < self.load.draft_rate else rng.choice([0, rng.randint(0, most)])
            found[name] = drafts
        drafted = self.loaded.drafts(
            req_ids=list(found), draft_token_ids=[[TOKEN] * number for number in found.values()]
        )
        self.scheduler.update_draft_token_ids(drafted)
        self.events.append(["drafts", [[int(name), number] for name, number in found.items()]])
