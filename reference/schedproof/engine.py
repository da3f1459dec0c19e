"""The reference engine over many steps: requests arrive, run, are preempted, resume, are handed over, and end.

The engine strings together what is proved on its own: `schedule` plans a step, `Places` knows where each request
is, `BlockPool` which blocks it holds, `life` what an event makes of its counts. Nothing here decides a number.

    engine = Engine(ServingConfig(num_kv_blocks=1024), REFERENCE)
    engine.add_request("a", num_prompt_tokens=500, max_new_tokens=20)
    while engine.has_work:
        outcome = engine.step()
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from itertools import islice

from schedproof import launch_forecast, life
from schedproof.blocks import leaves_reserve, preallocated_blocks
from schedproof.config import Role, ServingConfig
from schedproof.job import Job, RequestRefusedError, refuse_hopeless
from schedproof.outcome import Ending, Launch, StepOutcome
from schedproof.output_reserve import OutputReserve, reserved_blocks_per_seq
from schedproof.output_sender import finish_step
from schedproof.places import SLOT_HOLDERS, Place, Places
from schedproof.policies import REFERENCE
from schedproof.policy import Policy
from schedproof.pool import BlockPool
from schedproof.prefix_cache import PrefixCache, num_shared_blocks
from schedproof.request import MultimodalItem, Request, new_request
from schedproof.scheduler import Phase, Queues, StepPlan, Visit, schedule

AcceptedDrafts = Callable[[str], int]
"""How many drafts the target model accepts for a request in a step: 0 to k."""


def no_drafts(request_id: str) -> int:
    """Accept no draft."""
    return 0


class Engine:
    """One engine: a mixed node, a prefill node or a decode node.

    Raises ValueError when the configuration does not say how many KV blocks there are, or when the policy refuses
    to start with it.
    """

    pool_type: type[BlockPool] = BlockPool
    """What keeps the KV blocks."""

    def __init__(
        self,
        config: ServingConfig,
        policy: Policy = REFERENCE,
        *,
        reserve: OutputReserve | None = None,
        save_each_rank: bool = False,
    ) -> None:
        if config.num_kv_blocks is None:
            raise ValueError("num_kv_blocks: the engine needs the number of KV blocks, got None")
        problems = policy.problems(config)
        if problems:
            raise ValueError(f"policy {policy.name} refuses to start: {problems[0]}")
        self.config = config
        self.policy = policy
        self.save_each_rank = save_each_rank
        self.pool = self.pool_type(config.num_kv_blocks)
        self.places = Places({place: deque() if place is Place.WAITING else [] for place in Place})
        self.requests: dict[str, Request] = {}
        self.jobs: dict[str, Job] = {}
        self.prefix_cache = PrefixCache()
        self.reserve = reserve if reserve is not None else OutputReserve()
        self.num_steps_since_reset = 0
        self.forecast = launch_forecast.no_forecast()
        self.last_preempted_idx = [0] * config.tensor_parallel_size
        """Each rank's note of what was preempted in the step at hand."""
        self.launched: Launch | None = None

    @property
    def has_work(self) -> bool:
        """Whether any request has not ended."""
        return bool(self.places.place_of)

    # Arrival

    def add_request(
        self,
        request_id: str,
        num_prompt_tokens: int,
        max_new_tokens: int,
        *,
        items: tuple[MultimodalItem, ...] = (),
        block_hashes: Sequence[Hashable] = (),
    ) -> None:
        """Queue a request behind all others; generation also stops at ``max_model_len``.

        Raises RequestRefusedError when no step could ever run it, KeyError when the id is in use.
        """
        if self.config.role is Role.DECODE:
            raise RequestRefusedError(
                "a decode node takes requests with `preallocate`, after their prefill elsewhere"
            )
        self._enter(request_id, Place.WAITING, num_prompt_tokens, max_new_tokens, items, tuple(block_hashes))

    def preallocate(
        self, request_id: str, num_prompt_tokens: int, max_new_tokens: int, items: tuple[MultimodalItem, ...] = ()
    ) -> bool:
        """Take a slot and blocks for a request that a prefill and a decode node are to share; False when refused.

        On a prefill node it runs from the next step on; on a decode node it waits for `receive`. A refusal is for
        now: try again when a slot or blocks are free. A decode node leaves the output reserve of its other requests
        untouched. Raises RequestRefusedError when it could never be served.
        """
        if self.config.role is Role.MIXED:
            raise RequestRefusedError("a mixed node takes requests with `add_request`")
        num_blocks = preallocated_blocks(num_prompt_tokens, self.config)
        num_slots = self.places.num_in(SLOT_HOLDERS)
        per_seq = self.num_reserved_blocks_per_seq if self.config.role is Role.DECODE else 0
        has_blocks = leaves_reserve(num_blocks, num_slots * per_seq, self.pool.num_free_blocks)
        if num_slots >= self.config.max_num_seqs or len(self.places[Place.WAITING]) > 0 or not has_blocks:
            return False
        place = Place.RECEIVING if self.config.role is Role.DECODE else Place.RUNNING
        self._enter(request_id, place, num_prompt_tokens, max_new_tokens, items, ())
        self._take_blocks(request_id, num_blocks)
        self.requests[request_id] = replace(self.requests[request_id], num_blocks=num_blocks)
        return True

    def receive(self, request_id: str) -> None:
        """On a decode node: a preallocated request's first token and cache have arrived; it joins the batch."""
        self._needs_no_launch("receive")
        self.places.move(request_id, Place.RUNNING)
        self.requests[request_id] = life.after_arrival_of_cache(self.requests[request_id])
        self.forecast = launch_forecast.after_batch_change(self.forecast)

    def _enter(
        self,
        request_id: str,
        place: Place,
        num_prompt_tokens: int,
        max_new_tokens: int,
        items: tuple[MultimodalItem, ...],
        block_hashes: tuple[Hashable, ...],
    ) -> None:
        max_total_tokens = min(num_prompt_tokens + max_new_tokens, self.config.max_model_len)
        refuse_hopeless(request_id, num_prompt_tokens, max_new_tokens, max_total_tokens, self.config)
        self.places.enter(request_id, place)
        self.pool.open_table(request_id)
        self.requests[request_id] = new_request(request_id, num_prompt_tokens, items)
        self.jobs[request_id] = Job(max_total_tokens=max_total_tokens, block_hashes=block_hashes)

    # One step

    def step(self, accepted_drafts: AcceptedDrafts = no_drafts) -> StepOutcome:
        """Schedule a step, run it, and let the worker acknowledge what left the batch."""
        self.schedule()
        outcome = self.complete(accepted_drafts)
        return replace(outcome, ended={**outcome.ended, **self.acknowledge()})

    def schedule(self) -> Launch:
        """Plan a step and launch it."""
        self._needs_no_launch("schedule")
        plan = schedule(self.queues(), self.config, self.policy)
        for victim in plan.preempted:
            self._preempt(victim.request_id)
        self._hand_out_blocks(plan)
        self.num_steps_since_reset = 0 if plan.preempted else self.num_steps_since_reset + 1
        self.last_preempted_idx = [len(plan.preempted)] * self.config.tensor_parallel_size
        num_tokens = plan.num_tokens(self.config)
        self.forecast = launch_forecast.at_planning(self.forecast, len(plan.preempted), num_chunks(plan))
        tokens = launch_forecast.launch_tokens(self.forecast, num_tokens)
        self.launched = Launch(plan=plan, num_tokens=num_tokens, launch_tokens=tokens)
        return self.launched

    def queues(self) -> Queues:
        """Return what the scheduler finds now. Of the waiting requests it lists as many as there are slots."""
        running = self.places[Place.RUNNING]
        waiting = [self.requests[name] for name in self.first_waiting()]
        return Queues(
            running=tuple(self._as_victims(running)),
            waiting=tuple(self._with_cached_prefix(request) for request in waiting),
            num_free_blocks=self.pool.num_free_blocks,
            num_held_slots=self.places.num_in(SLOT_HOLDERS) - len(running),
            num_reserved_blocks_per_seq=self.num_reserved_blocks_per_seq,
        )

    def first_waiting(self) -> Iterable[str]:
        """Return the waiting requests that a step could admit: no more than there are slots."""
        return islice(self.places[Place.WAITING], self.config.max_num_seqs)

    @property
    def num_reserved_blocks_per_seq(self) -> int:
        """Free blocks that an admission leaves for each request with a slot."""
        return reserved_blocks_per_seq(self.reserve, self.num_steps_since_reset)

    def _as_victims(self, running: Sequence[str]) -> list[Request]:
        if not self.prefix_cache.has_content:
            return [self.requests[request_id] for request_id in running]
        shared = num_shared_blocks(self.pool, running)
        return [replace(self.requests[name], num_shared_blocks=shared[name]) for name in running]

    def _cached_prefix(self, request: Request) -> list[int]:
        cached = self.prefix_cache.longest_prefix(self.jobs[request.request_id].block_hashes)
        return cached[: life.num_usable_cached_blocks(request, len(cached), self.config)]

    def _with_cached_prefix(self, request: Request) -> Request:
        blocks = self._cached_prefix(request)
        num_free = sum(1 for block_id in blocks if self.pool.num_holders[block_id] == 0)
        return life.with_cached_prefix(request, len(blocks), num_free, self.config) if blocks else request

    def _preempt(self, request_id: str) -> None:
        self.pool.close_table(request_id)
        self.pool.open_table(request_id)
        self.requests[request_id] = life.after_preemption(self.requests[request_id])
        self.places.move(request_id, Place.PREEMPTED)

    def _hand_out_blocks(self, plan: StepPlan) -> None:
        for visit in plan.visits:
            if visit.phase is Phase.ADMISSION:
                self._share_cached_prefix(visit)
        for visit in plan.visits:
            request_id = visit.request.request_id
            self._take_blocks(request_id, visit.grant.num_new_blocks - visit.request.num_free_cached_blocks)
            if visit.phase is Phase.DECODE:
                self.requests[request_id] = life.after_growth(self.requests[request_id], visit.grant.num_new_blocks)
            else:
                self.requests[request_id] = life.after_chunk(visit.request, visit.grant)
            if visit.phase is Phase.ADMISSION:
                self.places.move(request_id, Place.RUNNING)

    def _share_cached_prefix(self, visit: Visit) -> None:
        for block_id in self._cached_prefix(visit.request)[: visit.request.num_blocks]:
            self.pool.share(visit.request.request_id, block_id)

    def _take_blocks(self, request_id: str, num_blocks: int) -> None:
        for block_id in self.pool.take_blocks(request_id, num_blocks):
            self.prefix_cache.forget(block_id)

    def complete(self, accepted_drafts: AcceptedDrafts = no_drafts) -> StepOutcome:
        """Take the worker's results of the launched step: tokens are appended, finished requests end.

        Raises ValueError when more drafts are accepted than the step verified.
        """
        launch = self.launched
        if launch is None:
            raise ValueError("complete: no step is launched")
        self.launched = None
        num_produced: dict[str, int] = {}
        ended: dict[str, Ending] = {}
        for request_id in tuple(self.places[Place.RUNNING]):
            produced = self._produce(request_id, accepted_drafts)
            if produced > 0:
                num_produced[request_id] = produced
            if self.requests[request_id].num_total_tokens >= self.jobs[request_id].max_total_tokens:
                ended[request_id] = self._end(request_id, Ending.FINISHED)
        num_decoding = sum(1 for name in self.places[Place.RUNNING] if self.requests[name].is_decoding)
        self.forecast = launch_forecast.after_step(num_decoding, num_chunks(launch.plan), self.config)
        return StepOutcome(launch=launch, num_produced=num_produced, ended=ended, sending_ranks=self._send())

    def _produce(self, request_id: str, accepted_drafts: AcceptedDrafts) -> int:
        request = self.requests[request_id]
        if not request.is_decoding:
            return 0
        if request.num_computed_tokens == request.num_total_tokens:
            self._remember_prefix(request)
            produced = 1
        elif self.config.runs_decode:
            accepted = accepted_drafts(request_id)
            if not 0 <= accepted < self.config.tokens_per_seq:
                most = self.config.tokens_per_seq - 1
                raise ValueError(f"accepted drafts of {request_id!r}: expected 0 to {most}, got {accepted}")
            limit = self.jobs[request_id].max_total_tokens
            produced = life.num_produced_tokens(request, accepted, limit, self.config)
        else:
            return 0
        self.requests[request_id] = life.after_tokens(request, produced)
        return produced

    def _remember_prefix(self, request: Request) -> None:
        table = self.pool.tables[request.request_id]
        for block_hash, block_id in zip(self.jobs[request.request_id].block_hashes, table, strict=False):
            self.prefix_cache.remember(block_hash, block_id)

    def _send(self) -> tuple[int, ...]:
        num_preempted = self.last_preempted_idx
        finished = [finish_step(rank, self.save_each_rank, index) for rank, index in enumerate(num_preempted)]
        self.last_preempted_idx = [index for _, index in finished]
        return tuple(rank for rank, (sends, _) in enumerate(finished) if sends)

    # Departure

    def hand_over(self, request_id: str) -> None:
        """On a prefill node: the first token and the cache are with the decode node; the request ends here.

        Raises ValueError when its prompt is not prefilled yet.
        """
        self._needs_no_launch("hand_over")
        if self.config.runs_decode or not self.requests[request_id].is_decoding:
            raise ValueError(f"request {request_id!r} is not a prefilled request of a prefill node")
        self._end(request_id, Ending.HANDED_OVER)

    def abort(self, request_id: str) -> None:
        """End a request that nobody waits for any more; what it holds is freed when the worker acknowledges."""
        place = self.places.place_of[request_id]
        if place is Place.WAITING:
            self._end(request_id, Ending.ABORTED)
        elif place is not Place.ABORTING:
            self.places.move(request_id, Place.ABORTING)
            self.forecast = launch_forecast.after_batch_change(self.forecast)

    def acknowledge(self) -> dict[str, Ending]:
        """Let the worker release the slots of preempted and aborted requests; returns which requests ended by it.

        A preempted request goes to the front of the queue, so that the oldest request is always served first; a
        decode node, which cannot prefill it again, drops it.
        """
        self._needs_no_launch("acknowledge")
        ended: dict[str, Ending] = {}
        for request_id in tuple(self.places[Place.PREEMPTED]):
            if self.config.role is Role.DECODE:
                ended[request_id] = self._end(request_id, Ending.DROPPED)
            else:
                self.places.move_to_front(request_id, Place.WAITING)
        for request_id in tuple(self.places[Place.ABORTING]):
            ended[request_id] = self._end(request_id, Ending.ABORTED)
        return ended

    def _end(self, request_id: str, ending: Ending) -> Ending:
        self.places.leave(request_id)
        self.pool.close_table(request_id)
        del self.requests[request_id]
        del self.jobs[request_id]
        return ending

    def _needs_no_launch(self, event: str) -> None:
        if self.launched is not None:
            raise ValueError(f"{event}: a step is launched; complete it first")


def num_chunks(plan: StepPlan) -> int:
    """Return how many prompts a step works on."""
    return sum(1 for visit in plan.visits if visit.phase is not Phase.DECODE)
