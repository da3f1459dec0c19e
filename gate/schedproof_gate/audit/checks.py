"""Which invariants recorded steps can be held against, each by its own statement."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from schedproof import Policy, ServingConfig
from schedproof.engines.fastdeploy.ledger import Grant
from schedproof_spec import INVARIANTS, Consequence
from schedproof_spec.rules.blocks import totals_are_conserved
from schedproof_spec.rules.capacity import dispatch_holds
from schedproof_spec.states.ledger import slots_suffice

if TYPE_CHECKING:
    from schedproof_gate.audit.traces.columns import RequestColumns, Truths

Counts = Mapping[str, int]
"""The counts of one step or request that are known, by their names."""

Columns = Any
"""Steps or requests by columns, where a statement reads one: the names are the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a report says about an invariant."""

    name: str
    sentence: str
    consequence: Consequence
    fields: tuple[str, ...]
    """The fields of `ServingConfig` that it depends on."""
    applies: Callable[[ServingConfig], bool] = lambda config: True
    otherwise: str = ""
    """Why it says nothing about a configuration to which it does not apply."""
    is_fastdeploys: bool = False
    """Whether it speaks of a size or a habit that only FastDeploy's policies have."""


def rule_of(name: str, *fields: str, is_fastdeploys: bool = False) -> Rule:
    """Return what is known about an invariant; the fields that a recorded step depends on, where it names none."""
    invariant = INVARIANTS[name]
    return Rule(
        name=invariant.name,
        sentence=invariant.sentence,
        consequence=invariant.consequence,
        fields=fields or invariant.fields,
        applies=invariant.applies,
        otherwise=invariant.otherwise,
        is_fastdeploys=is_fastdeploys,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCheck:
    """A rule about the counts of one step."""

    rule: Rule
    needs: tuple[str, ...] = ()
    """The optional counts that it reads."""
    holds: Callable[[Columns, ServingConfig, Policy], Any]
    """The statement; from columns it returns a column of truth values."""
    found: Callable[[Counts, ServingConfig, Policy], str]
    """Says what a step that breaks it did."""
    only_without: tuple[str, ...] = ()
    """The counts without which a part of a rule is asked instead of the whole; it can refute, and never prove."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCheck:
    """A rule about a request of a step."""

    rule: Rule
    unit: str
    """What the requests are that it speaks of."""
    needs: tuple[str, ...]
    """The optional counts that it reads."""
    rows: Callable[[RequestColumns], Truths]
    """Which requests it speaks of."""
    holds: Callable[[Columns, ServingConfig], Any]
    found: Callable[[Counts, ServingConfig], str]


SLOTS_WITHIN_LIMIT = Rule(
    name="slots_within_limit",
    sentence="No more than max_num_seqs sequences have a slot: every proof starts from that.",
    consequence=Consequence.CRASH,
    fields=("max_num_seqs",),
)
"""FastDeploy PR 7141: requests entered the batch while aborted and preempted ones still held their slots."""

POOL = replace(
    rule_of("blocks_conserved", "num_kv_blocks"),
    applies=lambda config: config.num_kv_blocks is not None,
    otherwise="neither the configuration nor the trace says how many KV blocks there are",
)


def tokens_of(counts: Counts) -> int:
    """Return the tokens that a step ran."""
    return counts["num_decode_tokens"] + counts["num_prefill_tokens"]


def over_limit(counts: Counts, config: ServingConfig, policy: Policy) -> str:
    """Say how far a step is over the limit."""
    tokens, limit = tokens_of(counts), config.max_num_batched_tokens
    return f"{tokens} tokens run, {tokens - limit} more than max_num_batched_tokens {limit}"


def over_plan(counts: Counts, config: ServingConfig, policy: Policy) -> str:
    """Say what the engine planned for."""
    return f"{tokens_of(counts)} tokens run, max_chunk_tokens is {policy.max_chunk_tokens(config)}"


def over_buffer(counts: Counts, config: ServingConfig, policy: Policy) -> str:
    """Say what the dispatch buffer holds."""
    capacity = policy.dispatch_capacity(config).tokens
    return f"{counts['num_decode_tokens']} tokens are dispatched, num_max_dispatch_tokens_per_rank is {capacity}"


def over_slots(counts: Counts, config: ServingConfig, policy: Policy) -> str:
    """Say how many slots there are."""
    return f"{counts['num_slots_used']} sequences have a slot, max_num_seqs is {config.max_num_seqs}"


def not_conserved(counts: Counts, config: ServingConfig, policy: Policy) -> str:
    """Say how many blocks there are."""
    free, owned = counts["num_free_blocks"], counts["num_owned_blocks"]
    return f"{free} KV blocks are free and {owned} in tables, the pool has {config.num_kv_blocks}"


def num_kv_blocks(config: ServingConfig) -> int:
    """Return the size of the pool, which is known where `POOL` applies."""
    assert config.num_kv_blocks is not None
    return config.num_kv_blocks


STEP_CHECKS = (
    StepCheck(
        rule=rule_of("budget_nonnegative"),
        needs=("budget",),
        holds=lambda steps, config, policy: INVARIANTS["budget_nonnegative"].statement(steps),
        found=lambda counts, config, policy: f"the budget is {counts['budget']}",
    ),
    StepCheck(
        rule=rule_of("no_overshoot"),
        holds=lambda steps, config, policy: INVARIANTS["no_overshoot"].statement(steps, config),
        found=over_limit,
    ),
    StepCheck(
        rule=rule_of("chunk_capacity_covers_step", is_fastdeploys=True),
        holds=INVARIANTS["chunk_capacity_covers_step"].statement,
        found=over_plan,
    ),
    StepCheck(
        rule=rule_of("dispatch_capacity_covers_step", is_fastdeploys=True),
        holds=lambda steps, config, policy: dispatch_holds(
            steps.num_decode_tokens, policy.dispatch_capacity(config)
        ),
        found=over_buffer,
    ),
    StepCheck(
        rule=SLOTS_WITHIN_LIMIT,
        needs=("num_slots_used",),
        holds=lambda steps, config, policy: slots_suffice(steps, config),
        found=over_slots,
    ),
    StepCheck(
        rule=rule_of("launch_covers_step", "max_num_seqs", "num_speculative_tokens"),
        needs=("launch_tokens",),
        # Every chunk has a token, so a step has chunks exactly when it has prefill tokens.
        holds=lambda steps, config, policy: INVARIANTS["launch_covers_step"].statement(
            steps.launch_tokens, steps.num_tokens, steps.num_prefill_tokens
        ),
        found=lambda counts, config, policy: (
            f"{counts['launch_tokens']} tokens are launched, {tokens_of(counts)} run"
        ),
    ),
    StepCheck(
        rule=POOL,
        needs=("num_free_blocks", "num_owned_blocks"),
        holds=lambda steps, config, policy: totals_are_conserved(
            steps.num_free_blocks, steps.num_owned_blocks, num_kv_blocks(config)
        ),
        found=not_conserved,
    ),
    StepCheck(
        rule=POOL,
        needs=("num_free_blocks",),
        holds=lambda steps, config, policy: steps.num_free_blocks <= num_kv_blocks(config),
        found=lambda counts, config, policy: (
            f"{counts['num_free_blocks']} KV blocks are free, the pool has {config.num_kv_blocks}"
        ),
        only_without=("num_owned_blocks",),
    ),
)


@dataclass(frozen=True, slots=True)
class AfterStep:
    """Requests when the step has run: a prefill holds its chunk, too; accepted drafts are not known."""

    requests: RequestColumns

    @property
    def num_computed_tokens(self) -> Any:
        """Tokens whose keys and values are in the cache."""
        return self.requests.num_computed_tokens + self.requests.num_tokens * ~self.requests.is_decode

    @property
    def num_blocks(self) -> Any:
        """KV blocks in the table."""
        return self.requests.num_blocks


def unserved(counts: Counts, config: ServingConfig) -> str:
    """Say what a decode needs and has."""
    if counts["num_tokens"] != config.tokens_per_seq:
        return f"it runs {counts['num_tokens']} tokens, a decode runs {config.tokens_per_seq}"
    last_slot = counts["num_total_tokens"] - 1 + config.tokens_per_seq
    slots = counts["num_blocks"] * config.block_size
    return f"it writes up to KV slot {last_slot}, its {counts['num_blocks']} blocks have {slots}"


def uncovered(counts: Counts, config: ServingConfig) -> str:
    """Say what a request holds."""
    slots = counts["num_blocks"] * config.block_size
    return f"it holds up to {counts['num_computed_tokens']} tokens and its chunk, its blocks have {slots} slots"


def beyond_prompt(counts: Counts, config: ServingConfig) -> str:
    """Say what is left of a prompt."""
    left = counts["need_prefill_tokens"] - counts["num_computed_tokens"]
    return f"its chunk has {counts['num_tokens']} tokens, {left} are left of its prompt"


REQUEST_CHECKS = (
    RequestCheck(
        rule=rule_of("every_decode_served", is_fastdeploys=True),
        unit="decode",
        needs=("num_total_tokens", "num_blocks"),
        rows=lambda requests: requests.is_decode,
        holds=lambda requests, config: INVARIANTS["every_decode_served"].statement(
            requests, Grant(num_tokens=requests.num_tokens, num_new_blocks=0), config
        ),
        found=unserved,
    ),
    RequestCheck(
        rule=rule_of("blocks_cover_tokens", "block_size"),
        unit="request",
        needs=("num_computed_tokens", "num_blocks"),
        rows=lambda requests: requests.num_tokens >= 0,
        holds=lambda requests, config: INVARIANTS["blocks_cover_tokens"].statement(AfterStep(requests), config),
        found=uncovered,
    ),
    RequestCheck(
        rule=rule_of("chunk_within_prompt"),
        unit="chunk",
        needs=("num_computed_tokens", "need_prefill_tokens"),
        rows=lambda requests: ~requests.is_decode,
        holds=lambda requests, config: INVARIANTS["chunk_within_prompt"].statement(requests, requests.num_tokens),
        found=beyond_prompt,
    ),
)

TILING = REQUEST_CHECKS[-1].rule
"""The rule that also speaks of the chunks of a request in several steps; see `ChunkOrder`."""
