"""Searches one configuration for a run that breaks an invariant, by running the engine on crowds of equal requests.

Two symbolic requests do not show what a full node does. Here any number of requests that are alike arrive at once,
alone or with one more of another size; the run is as short as its prompts can make it, then the crowd as small.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

from schedproof.engines.fastdeploy.config import Role, ServingConfig
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.request import MultimodalItem
from schedproof_spec.invariant import Invariant
from schedproof_spec.states.runs import Arrival, RunStep
from schedproof_spec.verdicts.witness import EVERYONE, RunWitness, is_raised_by_a_rule, with_equal_steps_together

MAX_RUN_STEPS = 512
"""Where a run is given up that breaks nothing."""

STEP_LIMITS = (2, 8, 32, 128, MAX_RUN_STEPS)
"""How far all crowds are run before any is run further: most of what breaks does so soon."""

MAX_TURNS = 100_000
"""Requests times steps at which a run is given up."""

BOUND = f"crowds of up to max_num_seqs requests alike and one more, {MAX_RUN_STEPS} steps or {MAX_TURNS} turns"
"""What the search covers, for people."""


LAST = "last"
"""The name of the one more request."""

MOST_SHARED_STEPS = 8
"""How many steps of a run are kept for another invariant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """Requests that are alike, and the one that is not."""

    num_alike: int
    prompt_alike: int
    prompt_last: int = 0
    """Prompt of one more request; 0 where there is none."""
    last_has_item: bool = False
    last_before_step: int = 1
    num_accepted: int = 0
    """Drafts that every decode accepts in every step."""

    def arrivals(self, config: ServingConfig) -> tuple[Arrival, ...]:
        """Return who arrives, each to generate as much as it can."""
        arrivals = []
        if self.num_alike > 0:
            arrivals.append(
                Arrival(
                    request_id="request",
                    num_prompt_tokens=self.prompt_alike,
                    max_new_tokens=config.max_model_len - self.prompt_alike,
                    times=self.num_alike,
                )
            )
        if self.prompt_last > 0:
            items: tuple[MultimodalItem, ...] = ()
            if self.last_has_item:
                length = min(self.prompt_last, config.max_multimodal_item_tokens)
                items = (MultimodalItem(start=self.prompt_last - length, end=self.prompt_last),)
            arrivals.append(
                Arrival(
                    request_id=LAST,
                    num_prompt_tokens=self.prompt_last,
                    max_new_tokens=config.max_model_len - self.prompt_last,
                    items=items,
                    before_step=self.last_before_step,
                )
            )
        return tuple(arrivals)


RunsByCrowd = dict[tuple[Policy, ServingConfig, Crowd], list[RunStep]]

_runs: ContextVar[RunsByCrowd | None] = ContextVar("runs", default=None)


@contextmanager
def runs_shared() -> Iterator[None]:
    """Run each crowd once for all invariants that are decided in a block, in which no rule may change."""
    token = _runs.set({})
    try:
        yield
    finally:
        _runs.reset(token)


def shared_steps(policy: Policy, config: ServingConfig, crowd: Crowd) -> list[RunStep]:
    """Return the first steps of a run as far as they are known, to be continued."""
    runs = _runs.get()
    return [] if runs is None else runs.setdefault((policy, config, crowd), [])


def smallest_crowd(invariant: Invariant, policy: Policy, config: ServingConfig) -> RunWitness | None:
    """Return a run that breaks the invariant: fewest steps among the crowds, then fewest requests alike.

    A configuration that does not say how many KV blocks there are gets enough for everybody.
    """
    if invariant.on_run is None:
        return None
    sized = with_pool(config)
    runs = Runs(invariant, policy, sized)
    crowd = soonest(runs, list(candidates(sized, policy)))
    return None if crowd is None else runs.witness(runs.minimised(crowd))


def breaks_in_a_run_like(witness: RunWitness, invariant: Invariant, policy: Policy, config: ServingConfig) -> bool:
    """Return whether a configuration breaks an invariant in a run that was found on another, or in one as crowded.

    A configuration without a number of KV blocks gets those of the run.
    """
    sized = replace(config, num_kv_blocks=witness.config.num_kv_blocks)
    if Runs(invariant, policy, sized).breaks(replace(witness, config=sized)):
        return True
    sized = with_pool(config)
    runs = Runs(invariant, policy, sized)
    return any(runs.first_broken(crowd, witness.num_steps) for crowd in crowds_like(witness, sized, policy))


def crowds_like(witness: RunWitness, config: ServingConfig, policy: Policy) -> list[Crowd]:
    """Return the fullest crowds that a run may be the least of: with one more request where it has one."""
    accepts = any(steps.accepted for steps in witness.steps)
    last = next((arrival for arrival in witness.arrivals if arrival.request_id == LAST), None)
    return [
        crowd
        for crowd in candidates(config, policy)
        if crowd.num_alike in (config.max_num_seqs, config.max_num_seqs - 1)
        and (crowd.num_accepted > 0) == accepts
        and (crowd.prompt_last > 0) == (last is not None)
        and (last is None or (crowd.last_has_item, crowd.last_before_step) == (bool(last.items), last.before_step))
    ]


def soonest(runs: Runs, crowds: Sequence[Crowd]) -> Crowd | None:
    """Return the first of the crowds whose runs break the invariant in the fewest steps; None if none does."""
    for limit in STEP_LIMITS:
        found, most_steps = None, limit
        for crowd in crowds:
            steps = runs.first_broken(crowd, most_steps)
            if steps is not None:
                found, most_steps = crowd, steps - 1
        if found is not None:
            return found
    return None


def with_pool(config: ServingConfig) -> ServingConfig:
    """Return the configuration with a number of KV blocks: its own, or enough for every slot."""
    if config.num_kv_blocks is not None:
        return config
    most = config.max_blocks_per_seq + config.enc_dec_block_num + 1
    return replace(config, num_kv_blocks=config.max_num_seqs * most)


def candidates(config: ServingConfig, policy: Policy) -> Iterator[Crowd]:
    """Yield the crowds that are tried: full nodes, and single requests.

    Where a running prompt waits for its output reserve, one is tried that leaves something to reserve.
    """
    longest = config.max_model_len - (2 if config.role == Role.DECODE else 1)
    block = config.block_size
    lengths = {1, block - config.tokens_per_seq + 1, block, 2 * block, longest}
    if policy.preempts_only_decodes:
        lengths.add(longest - 1)
    prompts = sorted(length for length in lengths if 1 <= length <= longest)
    drafts = sorted({0, min(config.tokens_per_seq - 1, 1), config.tokens_per_seq - 1})
    for num_accepted, prompt in itertools.product(drafts, prompts):
        for num_alike in sorted({1, config.max_num_seqs}):
            yield Crowd(num_alike=num_alike, prompt_alike=prompt, num_accepted=num_accepted)
    if config.role == Role.DECODE:
        return
    has_items = (False, True) if config.max_multimodal_item_tokens > 0 else (False,)
    for has_item, before_step in itertools.product(has_items, (1, 2)):
        for num_alike in sorted({0, 1, config.max_num_seqs - 1}):
            yield Crowd(
                num_alike=num_alike,
                prompt_alike=1,
                prompt_last=longest,
                last_has_item=has_item,
                last_before_step=before_step,
            )


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs crowds through the engine."""

    invariant: Invariant
    policy: Policy
    config: ServingConfig

    def first_broken(self, crowd: Crowd, most_steps: int = MAX_RUN_STEPS) -> int | None:
        """Return the number of the first step that breaks the invariant; None where none is found."""
        num_requests = crowd.num_alike + (crowd.prompt_last > 0)
        num_steps = min(most_steps, max(MAX_TURNS // max(num_requests, 1), 3))
        return self._first_broken(self._steps(crowd, num_steps), crowd.last_before_step)

    def breaks(self, witness: RunWitness) -> bool:
        """Return whether a run breaks the invariant."""
        last_arrival = max(arrival.before_step for arrival in witness.arrivals)
        return self._first_broken(self._steps_of(witness), last_arrival) is not None

    def _steps_of(self, witness: RunWitness) -> Iterator[RunStep]:
        yield from witness.run(self.policy)

    def _steps(self, crowd: Crowd, num_steps: int) -> Iterator[RunStep]:
        known = shared_steps(self.policy, self.config, crowd)
        yield from known[:num_steps]
        if len(known) < num_steps:
            for number, step in enumerate(self._witness(crowd, num_steps).run(self.policy)):
                if number < len(known):
                    continue
                if number < MOST_SHARED_STEPS:
                    known.append(step)
                yield step

    def _first_broken(self, steps: Iterator[RunStep], last_arrival: int) -> int | None:
        on_run = self.invariant.on_run
        assert on_run is not None
        number = 0
        try:
            for number, step in enumerate(steps, start=1):
                if not on_run(step, self.policy):
                    return number
                if number >= last_arrival and (not step.after or step.after == step.before):
                    return None
        except Exception as error:
            if is_raised_by_a_rule(error, self.policy):
                return number + 1
            if not isinstance(error, ValueError):
                raise
        return None

    def minimised(self, crowd: Crowd) -> Crowd:
        """Return the crowd with as few requests and as short prompts as break the invariant in as few steps."""
        steps = self.first_broken(crowd)
        assert steps is not None
        for name in ("num_alike", "prompt_last", "prompt_alike", "num_accepted"):
            crowd = self._lowered(crowd, name, steps)
        return crowd

    def _lowered(self, crowd: Crowd, name: str, steps: int) -> Crowd:
        def breaks(value: int) -> bool:
            changed = replace(crowd, **{name: value})  # type: ignore[arg-type]
            if changed.num_alike + changed.prompt_last == 0 or changed.prompt_alike < 1:
                return False
            return self.first_broken(changed, steps) is not None

        return replace(crowd, **{name: least(getattr(crowd, name), breaks)})  # type: ignore[arg-type]

    def witness(self, crowd: Crowd) -> RunWitness:
        """Return the run up to the step that breaks the invariant."""
        steps = self.first_broken(crowd)
        assert steps is not None
        return self._witness(crowd, steps)

    def _witness(self, crowd: Crowd, num_steps: int) -> RunWitness:
        drafts: Mapping[str, int] = {EVERYONE: crowd.num_accepted} if crowd.num_accepted else {}
        return RunWitness(
            config=self.config,
            arrivals=crowd.arrivals(self.config),
            steps=with_equal_steps_together([drafts] * num_steps),
        )


def least(good: int, is_good: Callable[[int], bool]) -> int:
    """Return a good value whose lower neighbour is not good, by halving; ``good`` is one."""
    bad = -1
    while good - bad > 1:
        middle = (good + bad) // 2
        if is_good(middle):
            good = middle
        else:
            bad = middle
    return good
