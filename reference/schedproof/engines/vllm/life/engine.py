"""A vLLM engine that lives: requests arrive, are scheduled, gain tokens, are preempted, resume and end.

It decides what the scheduler decides, and takes from its caller what a worker would find out: how many drafts were
accepted, and how many the drafter proposes. KV blocks are counted, not named, since no block is shared: prefix
caching is off.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from schedproof.engines.vllm.config import SchedulingPolicy, ServingConfig
from schedproof.engines.vllm.encoder import EncoderCache, cache_after_results
from schedproof.engines.vllm.life import request_events as life
from schedproof.engines.vllm.loop import ScheduledRequest, StepPlan, schedule
from schedproof.engines.vllm.queues import Queues
from schedproof.engines.vllm.request import Request, new_request
from schedproof.engines.vllm.startup import refuse_at_startup
from schedproof.request import MultimodalItem

AcceptedDrafts = Callable[[str, int], int]
"""How many drafts of a request were accepted, of so many that ran; it is asked only where some did."""

ProposedDrafts = Callable[[str], int]
"""How many drafts the drafter proposes for a request's next step."""


def no_drafts(request_id: str, num_drafts: int) -> int:
    """Accept no draft."""
    return 0


class RequestRefusedError(ValueError):
    """A request that vLLM refuses when it arrives, or could never finish."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """A step whose results are not in yet."""

    plan: StepPlan
    yielding: frozenset[str]
    """Requests whose tokens reach the end of what is known, so that the worker samples for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOutcome:
    """What a step brought."""

    launch: Launch
    num_gained: dict[str, int]
    """Tokens that each request gained."""
    finished: tuple[str, ...]


class Engine:
    """One engine; `step` runs a whole step, `schedule` and `complete` its two halves.

    Raises InvalidConfigError where vLLM does not start, or where the configuration has what is not modelled.
    """

    def __init__(self, config: ServingConfig) -> None:
        refuse_at_startup(config)
        self.config = config
        self.requests: dict[str, Request] = {}
        self.running: list[str] = []
        self.waiting: list[str] = []
        self.num_free_blocks = config.num_usable_blocks
        self.cache = EncoderCache(num_free=config.encoder_budget)
        self.under_way: deque[Launch] = deque()
        self.num_arrived = 0

    @property
    def has_work(self) -> bool:
        """Whether a request has not ended."""
        return bool(self.requests)

    def add_request(
        self,
        request_id: str,
        num_prompt_tokens: int,
        max_output_tokens: int,
        *,
        items: tuple[MultimodalItem, ...] = (),
        priority: int = 0,
        arrival: int | None = None,
    ) -> None:
        """Let a request arrive; without ``arrival`` it is later than all before it.

        Raises RequestRefusedError when it leaves no room for output or an item is out of bounds, and KeyError when
        the id is in use.
        """
        if request_id in self.requests:
            raise KeyError(f"request {request_id!r} is already here")
        if num_prompt_tokens < 1 or max_output_tokens < 1:
            raise RequestRefusedError(
                f"request {request_id!r}: it needs at least one token of prompt and of output"
            )
        if num_prompt_tokens >= self.config.max_model_len:
            raise RequestRefusedError(
                f"request {request_id!r}: {num_prompt_tokens} prompt tokens leave no room for output below "
                f"max_model_len {self.config.max_model_len}"
            )
        end = 0
        for item in items:
            if not end <= item.start < item.end <= num_prompt_tokens:
                raise RequestRefusedError(
                    f"request {request_id!r}: item {item.start} to {item.end} is empty, leaves the "
                    f"{num_prompt_tokens} prompt tokens, or begins before the end of the item before it"
                )
            if item.end - item.start > self.config.max_multimodal_item_tokens:
                raise RequestRefusedError(
                    f"request {request_id!r}: item {item.start} to {item.end} is longer than "
                    f"max_multimodal_item_tokens {self.config.max_multimodal_item_tokens}"
                )
            end = item.end
        self.num_arrived += 1
        self.requests[request_id] = new_request(
            request_id,
            num_prompt_tokens,
            max_output_tokens,
            items=items,
            priority=priority,
            arrival=self.num_arrived if arrival is None else arrival,
        )
        self.waiting.append(request_id)
        self._sort_waiting()

    def abort(self, request_id: str) -> None:
        """End a request at once; results under way for it are dropped.

        Raises KeyError when there is no such request.
        """
        if request_id not in self.requests:
            raise KeyError(f"request {request_id!r} is not here: it never arrived, or it has ended")
        self._end(request_id)

    def queues(self) -> Queues:
        """Return what the scheduler finds now."""
        return Queues(
            running=tuple(self.requests[name] for name in self.running),
            waiting=tuple(self.requests[name] for name in self.waiting),
            num_free_blocks=self.num_free_blocks,
            cache=self.cache,
        )

    def step(
        self, accepted_drafts: AcceptedDrafts = no_drafts, proposed_drafts: ProposedDrafts | None = None
    ) -> StepOutcome:
        """Schedule a step, and take in the results of the oldest that is under way.

        With async scheduling that is the step before, so that the first step is scheduled twice in a row.
        """
        self.schedule()
        if self.config.async_scheduling and len(self.under_way) == 1:
            self.schedule()
        return self.complete(accepted_drafts, proposed_drafts)

    def schedule(self) -> Launch:
        """Plan a step and launch it.

        Raises ValueError when a step is under way and scheduling is not async.
        """
        if self.under_way and not self.config.async_scheduling:
            raise ValueError("schedule: a step is under way; complete it first, or turn async_scheduling on")
        plan = schedule(self.queues(), self.config)
        for victim in plan.preempted:
            self.requests[victim.request_id] = life.after_preemption(victim)
            self.waiting.insert(0, victim.request_id)
        for entry in plan.batch:
            request = self.requests[entry.request.request_id]
            self.requests[request.request_id] = life.after_launch(request, entry.grant, self.config)
        self.running = [request.request_id for request in plan.running]
        admitted = set(self.running)
        self.waiting = [name for name in self.waiting if name not in admitted]
        self._sort_waiting()
        self.num_free_blocks = plan.final.num_free_blocks
        self.cache = plan.cache
        scheduled = (entry.request.request_id for entry in plan.batch)
        yielding = frozenset(name for name in scheduled if not self.requests[name].is_prefill_chunk)
        self.under_way.append(Launch(plan=plan, yielding=yielding))
        return self.under_way[-1]

    def complete(
        self, accepted_drafts: AcceptedDrafts = no_drafts, proposed_drafts: ProposedDrafts | None = None
    ) -> StepOutcome:
        """Take in the results of the oldest step under way; without ``proposed_drafts`` all k drafts are proposed.

        Raises ValueError when no step is under way, or when more drafts are accepted than ran; it is still under
        way then.
        """
        if not self.under_way:
            raise ValueError("complete: no step is under way")
        launch = self.under_way[0]
        accepted = {
            entry.request.request_id: self._num_accepted(entry, launch, accepted_drafts)
            for entry in launch.plan.batch
            if entry.request.request_id in self.requests
        }
        self.under_way.popleft()
        num_gained: dict[str, int] = {}
        finished: list[str] = []
        for entry in launch.plan.batch:
            name = entry.request.request_id
            if name not in self.requests:
                continue
            self.cache = cache_after_results(self.cache, self.requests[name])
            results = life.after_results(self.requests[name], entry.grant, accepted[name], self.config)
            self.requests[name], num_new = results
            if num_new > 0:
                num_gained[name] = num_new
                if self.requests[name].is_at_end(self.config):
                    self._end(name)
                    finished.append(name)
        self._draft((entry.request.request_id for entry in launch.plan.batch), proposed_drafts)
        return StepOutcome(launch=launch, num_gained=num_gained, finished=tuple(finished))

    def _num_accepted(self, entry: ScheduledRequest, launch: Launch, accepted_drafts: AcceptedDrafts) -> int | None:
        name = entry.request.request_id
        if name not in launch.yielding:
            return None
        if entry.request.num_drafts == 0 or entry.grant.num_drafts == 0:
            return 0
        accepted = accepted_drafts(name, entry.grant.num_drafts)
        if not 0 <= accepted <= entry.grant.num_drafts:
            raise ValueError(f"accepted drafts of {name!r}: expected 0 to {entry.grant.num_drafts}, got {accepted}")
        return accepted

    def _draft(self, request_ids: Iterable[str], proposed_drafts: ProposedDrafts | None) -> None:
        if self.config.num_speculative_tokens == 0 or self.config.async_scheduling:
            return
        most = self.config.num_speculative_tokens
        for name in request_ids:
            if name in self.requests:
                num_drafts = most if proposed_drafts is None else proposed_drafts(name)
                self.requests[name] = life.after_drafting(self.requests[name], num_drafts)

    def _sort_waiting(self) -> None:
        if self.config.policy == SchedulingPolicy.PRIORITY:
            self.waiting.sort(key=lambda name: (self.requests[name].priority, self.requests[name].arrival, name))

    def _end(self, request_id: str) -> None:
        request = self.requests.pop(request_id)
        self.num_free_blocks += request.num_blocks
        self.cache = self.cache.without_use_of(request.items)
        for queue in (self.running, self.waiting):
            if request_id in queue:
                queue.remove(request_id)
