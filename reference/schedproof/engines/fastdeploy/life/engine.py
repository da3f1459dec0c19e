"""The reference engine over many steps: requests arrive, run, are preempted, resume, are handed over, and end.

The engine strings together what is proved on its own: `schedule` plans a step, `Places` knows where each request
is, `BlockPool` which blocks it holds, `life` what an event makes of its counts. Nothing here decides a number.

    engine = Engine(ServingConfig(num_kv_blocks=1024), REFERENCE)
    engine.add_request("a", num_prompt_tokens=500, max_new_tokens=20)
    while engine.has_work:
        outcome = engine.step()
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from itertools import islice

from schedproof.engines.fastdeploy.config import Role, ServingConfig
from schedproof.engines.fastdeploy.life import request_events as life
from schedproof.engines.fastdeploy.life.job import (
    Job,
    RequestRefusedError,
    refuse_bad_hashes,
    refuse_bad_items,
    refuse_hopeless,
    refuse_preallocation,
)
from schedproof.engines.fastdeploy.life.outcome import Ending, Launch, StepOutcome
from schedproof.engines.fastdeploy.life.places import SLOT_HOLDERS, Place, Places
from schedproof.engines.fastdeploy.life.queues import cached_prefix, queues_of
from schedproof.engines.fastdeploy.life.reception import may_receive
from schedproof.engines.fastdeploy.loop import StepPlan, schedule
from schedproof.engines.fastdeploy.policies import REFERENCE
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.engines.fastdeploy.refusals import arrival_fault, config_fault
from schedproof.engines.fastdeploy.rules import launch_forecast
from schedproof.engines.fastdeploy.rules.output_reserve import (
    OutputReserve,
    ReserveState,
    published_reserve_after_step,
    reserve_after_step,
    reserved_blocks_per_seq,
)
from schedproof.engines.fastdeploy.rules.token_ratio import RatioReserve, TokenRatio
from schedproof.engines.fastdeploy.turns import Phase, Queues
from schedproof.kv.pool import BlockPool
from schedproof.kv.prefix_cache import (
    PrefixCache,
)
from schedproof.output.output_sender import finish_step
from schedproof.request import MultimodalItem, Request, new_request

AcceptedDrafts = Callable[[str], int]
"""How many drafts the target model accepts for a request in a step: 0 to k."""


def no_drafts(request_id: str) -> int:
    """Accept no draft."""
    return 0


class Engine:
    """One engine: a mixed node, a prefill node or a decode node.

    `step` does what one turn of the engine's loop does. Its three parts, `schedule`, `complete` and `acknowledge`,
    can be called one by one, for a worker that takes its time. Requests may arrive and be aborted at any moment.

    Output is reserved as ``reserve`` says: so many blocks for each request, or by the token ratio where the policy
    has one; by default as the policy does.

    Raises ValueError when a field of the configuration has a value that none can have, when it does not say how
    many KV blocks there are, when the policy refuses to start with it, or has no token ratio and is given one.
    """

    pool_type: type[BlockPool] = BlockPool
    """What keeps the KV blocks."""

    def __init__(
        self,
        config: ServingConfig,
        policy: Policy = REFERENCE,
        *,
        reserve: OutputReserve | TokenRatio | None = None,
        save_each_rank: bool = False,
    ) -> None:
        if fault := config_fault(config):
            raise ValueError(fault)
        if config.num_kv_blocks is None:
            raise ValueError("num_kv_blocks: expected the number of KV blocks, got None")
        problems = policy.problems(config)
        if problems:
            raise ValueError(f"policy {policy.name} refuses to start: {problems[0]}")
        self.config = config
        self.policy = policy
        self.save_each_rank = save_each_rank
        self.pool = self.pool_type(config.num_kv_blocks)
        self.places = Places()
        self.requests: dict[str, Request] = {}
        self.jobs: dict[str, Job] = {}
        self.prefix_cache = PrefixCache()
        self.reserve = reserve if isinstance(reserve, OutputReserve) else OutputReserve()
        self.reserve_state = ReserveState(is_relaxed=policy.relaxes_reserve)
        self.ratio_reserve = self._ratio_reserve_at_start(reserve)
        self.num_waiting_with_slot = 0
        """Preempted requests in the waiting queue that hold a slot there."""
        self.forecast = launch_forecast.no_forecast()
        self.last_preempted_idx = [0] * config.tensor_parallel_size
        """Each rank's note of what was preempted in the step at hand."""
        self.launched: Launch | None = None

    def _ratio_reserve_at_start(self, reserve: OutputReserve | TokenRatio | None) -> RatioReserve | None:
        if isinstance(reserve, TokenRatio) and not self.policy.reserves_by_token_ratio:
            raise ValueError(f"policy {self.policy.name} has no token ratio: give an OutputReserve")
        if isinstance(reserve, OutputReserve) or not self.policy.reserves_by_token_ratio:
            return None
        settings = TokenRatio() if reserve is None else reserve
        return RatioReserve(settings=settings, ratio=settings.initial)

    @property
    def has_work(self) -> bool:
        """Whether any request has not ended; some may wait for `receive`, `hand_over` or `acknowledge`."""
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

        ``items`` are prompt positions that prefill must not split. ``block_hashes`` has one hash for each full KV
        block of the prompt, or for the first of them; each stands for its block and all tokens before it, so that
        requests with the same beginning share its blocks.

        Raises RequestRefusedError when it can never be served as it is, KeyError when the id is in use.
        """
        if self.config.role == Role.DECODE:
            raise RequestRefusedError(
                "a decode node takes requests with `preallocate`, after their prefill elsewhere"
            )
        job = self._accept(request_id, num_prompt_tokens, max_new_tokens, items, tuple(block_hashes))
        self.put(Place.WAITING, new_request(request_id, num_prompt_tokens, items), job)

    def preallocate(
        self, request_id: str, num_prompt_tokens: int, max_new_tokens: int, items: tuple[MultimodalItem, ...] = ()
    ) -> bool:
        """Take a slot and blocks for a request that a prefill and a decode node are to share; False when refused.

        On a prefill node it runs from the next step on; on a decode node it waits for `receive`. A refusal is for
        now: try again when a slot or blocks are free, and nothing waits that came before. A decode node leaves the
        output reserve of its other requests untouched, and lets each of them finish.

        Raises RequestRefusedError when it can never be served as it is, KeyError when the id is in use.
        """
        if self.config.role == Role.MIXED:
            raise RequestRefusedError("a mixed node takes requests with `add_request`")
        job = self._accept(request_id, num_prompt_tokens, max_new_tokens, items, ())
        num_blocks = self.policy.preallocated_blocks(num_prompt_tokens, self.config)
        refuse_preallocation(request_id, num_prompt_tokens, job.max_total_tokens, num_blocks, self.config)
        num_slots, is_first = self.num_slots_used, self.places.num_in((Place.WAITING, Place.PREEMPTED)) == 0
        if num_slots >= self.config.max_num_seqs or not is_first or num_blocks > self.pool.num_free_blocks:
            return False
        if self.config.role == Role.PREFILL and not self.policy.takes_another_prompt(num_slots):
            return False
        newcomer = replace(new_request(request_id, num_prompt_tokens, items), num_blocks=num_blocks)
        receives = self.config.role == Role.DECODE
        if receives and not may_receive(self, newcomer, num_slots, job):
            return False
        self.put(Place.RECEIVING if receives else Place.RUNNING, newcomer, job)
        self._take_blocks(request_id, num_blocks)
        return True

    def receive(self, request_id: str) -> None:
        """On a decode node: a preallocated request's first token and cache have arrived; it joins the batch.

        Raises ValueError when it is not waiting for them.
        """
        self._needs_no_launch("receive")
        if self._place(request_id) is not Place.RECEIVING:
            raise ValueError(f"request {request_id!r} is {self._place(request_id)} and receives nothing")
        self.places.move(request_id, Place.RUNNING)
        arrived = (
            life.after_arrival_with_prefill if self.policy.prefills_on_arrival else life.after_arrival_of_cache
        )
        self.requests[request_id] = arrived(self.requests[request_id])
        self.forecast = launch_forecast.after_batch_change(self.forecast)

    def _accept(
        self,
        request_id: str,
        num_prompt_tokens: int,
        max_new_tokens: int,
        items: tuple[MultimodalItem, ...],
        block_hashes: tuple[Hashable, ...],
    ) -> Job:
        if request_id in self.jobs:
            raise KeyError(f"request {request_id!r} is already {self._place(request_id)}")
        if fault := arrival_fault(num_prompt_tokens, max_new_tokens, items):
            raise RequestRefusedError(f"request {request_id!r}: {fault}")
        max_total_tokens = min(num_prompt_tokens + max_new_tokens, self.config.max_model_len)
        refuse_hopeless(request_id, num_prompt_tokens, max_new_tokens, max_total_tokens, self.config)
        refuse_bad_items(request_id, num_prompt_tokens, items, self.config)
        refuse_bad_hashes(request_id, num_prompt_tokens, block_hashes, self.config)
        return Job(max_total_tokens=max_total_tokens, block_hashes=block_hashes)

    def put(self, place: Place, request: Request, job: Job) -> None:
        """Let a request be in a place, behind what is there, with an empty block table."""
        self.places.enter(request.request_id, place)
        self.pool.open_table(request.request_id)
        self.requests[request.request_id] = request
        self.jobs[request.request_id] = job

    # One step

    def step(self, accepted_drafts: AcceptedDrafts = no_drafts) -> StepOutcome:
        """Schedule a step, run it, and let the worker acknowledge what left the batch."""
        self.schedule()
        outcome = self.complete(accepted_drafts)
        return replace(outcome, ended={**outcome.ended, **self.acknowledge()})

    def schedule(self) -> Launch:
        """Plan a step and launch it.

        Raises ValueError when a step is launched already.
        """
        self._needs_no_launch("schedule")
        plan = schedule(self.queues(), self.config, self.policy)
        for victim in plan.preempted:
            self.preempt(victim.request_id)
        for aborted in plan.aborted:
            self._take_out(aborted.request_id)
        self._hand_out_blocks(plan)
        for skipped in plan.skipped:
            self.skip(skipped.request_id)
        decays = published_reserve_after_step if self.policy.relaxes_reserve else reserve_after_step
        self.reserve_state = decays(self.reserve, self.reserve_state, bool(plan.preempted), plan.has_tasks)
        self.ratio_reserve = plan.ratio_reserve_after(self.config)
        self.last_preempted_idx = [len(plan.preempted)] * self.config.tensor_parallel_size
        num_tokens = plan.num_tokens(self.config)
        self.forecast = launch_forecast.at_planning(self.forecast, len(plan.preempted), plan.num_chunks)
        tokens = launch_forecast.launch_tokens(self.forecast, num_tokens)
        self.launched = Launch(plan=plan, num_tokens=num_tokens, launch_tokens=tokens)
        return self.launched

    def queues(self) -> Queues:
        """Return what the scheduler finds now."""
        return queues_of(self)

    def first_waiting(self) -> Iterable[str]:
        """Return the waiting requests that a step could admit; all of them where it may skip some."""
        waiting = self.places[Place.WAITING]
        if self.policy.skips_unfit_prompts and not self.policy.uses_up_budget(self.config):
            return tuple(waiting)
        return islice(waiting, self.config.max_num_seqs - self.num_slots_used + self.num_waiting_with_slot)

    @property
    def num_slots_used(self) -> int:
        """Slots of requests that run, receive, or left and still hold theirs."""
        return self.places.num_in(SLOT_HOLDERS) + self.num_waiting_with_slot

    def awaits_hand_over(self, request_id: str) -> bool:
        """Return whether a request of a prefill node is prefilled, and not handed over yet."""
        return not self.config.runs_decode and self.requests[request_id].is_decoding

    @property
    def num_reserved_blocks_per_seq(self) -> int:
        """Free blocks that an admission leaves for each request with a slot; 0 under the token ratio."""
        if self.ratio_reserve is not None:
            return 0
        return reserved_blocks_per_seq(self.reserve, self.reserve_state)

    def preempt(self, request_id: str) -> None:
        """Take a running request's blocks; its slot stays occupied until the worker acknowledges."""
        self.pool.close_table(request_id)
        self.pool.open_table(request_id)
        keeps_slot = self.policy.keeps_slot_of_preempted
        self.requests[request_id] = life.after_preemption(self.requests[request_id], keeps_slot)
        self.places.move(request_id, Place.PREEMPTED)

    def _take_out(self, request_id: str) -> None:
        """Free an aborted decode's blocks at once; its slot stays occupied until the worker acknowledges."""
        self.pool.close_table(request_id)
        self.pool.open_table(request_id)
        self.requests[request_id] = life.after_abort(self.requests[request_id])
        self.places.move(request_id, Place.ABORTING)
        self.forecast = launch_forecast.after_batch_change(self.forecast)

    def skip(self, request_id: str) -> None:
        """Send a waiting request to the end of the queue."""
        self.places.requeue(request_id)

    def _hand_out_blocks(self, plan: StepPlan) -> None:
        for visit in plan.visits:
            if visit.phase is Phase.ADMISSION:
                self.admit(visit.request)
        for visit in plan.visits:
            request = self.requests[visit.request.request_id]
            self._take_blocks(request.request_id, visit.grant.num_new_blocks - request.num_free_cached_blocks)
            if visit.phase is Phase.DECODE:
                request = life.after_growth(request, visit.grant.num_new_blocks)
            else:
                request = life.after_chunk(request, visit.grant)
            self.requests[request.request_id] = request

    def admit(self, request: Request) -> None:
        """Give a request its cached prefix, before any block is taken and its content forgotten."""
        for block_id in cached_prefix(self, request):
            self.pool.share(request.request_id, block_id)
        self.requests[request.request_id] = life.after_admission(request)
        self.places.move(request.request_id, Place.RUNNING)
        self.num_waiting_with_slot -= request.holds_slot

    def _take_blocks(self, request_id: str, num_blocks: int) -> None:
        for block_id in self.pool.take_blocks(request_id, num_blocks):
            self.prefix_cache.forget(block_id)

    def complete(self, accepted_drafts: AcceptedDrafts = no_drafts) -> StepOutcome:
        """Take the worker's results of the launched step: tokens are appended, finished requests end.

        Raises ValueError when no step is launched, or when more drafts are accepted than it verified; the step is
        still launched then.
        """
        launch = self.launched
        if launch is None:
            raise ValueError("complete: no step is launched")
        produced = {name: self._num_produced(name, accepted_drafts) for name in self.places[Place.RUNNING]}
        num_produced = {request_id: num_tokens for request_id, num_tokens in produced.items() if num_tokens > 0}
        self.launched = None
        ended: dict[str, Ending] = {}
        for request_id, num_tokens in num_produced.items():
            self._append_tokens(request_id, num_tokens)
            if self.requests[request_id].num_total_tokens >= self.jobs[request_id].max_total_tokens:
                ended[request_id] = self.end(request_id, Ending.FINISHED)
        num_decoding = sum(1 for name in self.places[Place.RUNNING] if self.requests[name].is_decoding)
        self.forecast = launch_forecast.after_step(num_decoding, launch.plan.num_chunks, self.config)
        return StepOutcome(launch=launch, num_produced=num_produced, ended=ended, sending_ranks=self._send())

    def _num_produced(self, request_id: str, accepted_drafts: AcceptedDrafts) -> int:
        request = self.requests[request_id]
        if not request.is_decoding:
            return 0
        if request.has_just_prefilled:
            return 1
        if not self.config.runs_decode:
            return 0
        accepted, most = accepted_drafts(request_id), self.config.tokens_per_seq - 1
        if not 0 <= accepted <= most:
            raise ValueError(f"accepted drafts of {request_id!r}: expected 0 to {most}, got {accepted}")
        limit = self.jobs[request_id].max_total_tokens
        return life.num_produced_tokens(request, accepted, limit, self.config)

    def _append_tokens(self, request_id: str, num_tokens: int) -> None:
        request = self.requests[request_id]
        if request.has_just_prefilled:
            self._remember_prefix(request)
        self.requests[request_id] = life.after_tokens(request, num_tokens)

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

        Raises ValueError when its prompt is not prefilled yet, or it is aborted.
        """
        self._needs_no_launch("hand_over")
        if self._place(request_id) is not Place.RUNNING or not self.awaits_hand_over(request_id):
            raise ValueError(f"request {request_id!r} is not a prefilled request of a prefill node")
        self.end(request_id, Ending.HANDED_OVER)

    def abort(self, request_id: str) -> None:
        """End a request that nobody waits for any more; what it holds is freed when the worker acknowledges.

        Raises KeyError when there is no such request, or it has ended.
        """
        place = self._place(request_id)
        if self.policy.aborts_when_visited and place in (Place.WAITING, Place.RUNNING, Place.PREEMPTED):
            self.requests[request_id] = replace(self.requests[request_id], is_aborted=True)
        elif place is Place.WAITING:
            self.end(request_id, Ending.ABORTED)
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
            if self.config.role == Role.DECODE:
                ended[request_id] = self.end(request_id, Ending.DROPPED)
            else:
                self.places.move_to_front(request_id, Place.WAITING)
                self.num_waiting_with_slot += self.requests[request_id].holds_slot
        for request_id in tuple(self.places[Place.ABORTING]):
            ended[request_id] = self.end(request_id, Ending.ABORTED)
        return ended

    def _place(self, request_id: str) -> Place:
        place = self.places.place_of.get(request_id)
        if place is None:
            raise KeyError(f"request {request_id!r} is not here: it never arrived, or it has ended")
        return place

    def end(self, request_id: str, ending: Ending) -> Ending:
        """Let a request leave the engine with all that it holds; returns how it ended."""
        self.places.leave(request_id)
        self.pool.close_table(request_id)
        del self.requests[request_id]
        del self.jobs[request_id]
        return ending

    def _needs_no_launch(self, event: str) -> None:
        if self.launched is not None:
            raise ValueError(f"{event}: a step is launched; complete it first")
