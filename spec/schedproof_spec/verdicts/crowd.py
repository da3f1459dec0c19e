"""Searches one configuration for a violation that takes many requests at once.

Two symbolic requests do not show what a full node does. Here every other slot is taken by requests that are alike,
and the smallest such state that breaks an invariant is found by running the scheduler.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from schedproof.engines.fastdeploy.config import Role, ServingConfig
from schedproof.engines.fastdeploy.loop import Queues, schedule
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.engines.fastdeploy.rules.blocks import decode_blocks
from schedproof.request import Request, new_request
from schedproof_spec.invariant import Invariant, PlanStatement
from schedproof_spec.states.domain import is_well_formed
from schedproof_spec.verdicts.witness import Witness


@dataclass(frozen=True, slots=True)
class Family:
    """States by the number of requests that are alike, and the length of the prompt."""

    queues: Callable[[ServingConfig, int, int], Queues]
    num_others: int
    """Slots that the other requests take."""
    roles: tuple[Role, ...]
    """Nodes that can be in such a state."""


def smallest_crowd(invariant: Invariant, policy: Policy, config: ServingConfig) -> Witness | None:
    """Return a state that breaks the invariant: fewest requests alike, then shortest prompt, then least blocks."""
    if invariant.on_plan is None:
        return None
    for family in FAMILIES:
        if config.role in family.roles:
            queues = smallest_in(family, invariant.on_plan, policy, config)
            if queues is not None:
                return Witness(config=config, queues=queues)
    return None


def smallest_in(family: Family, on_plan: PlanStatement, policy: Policy, config: ServingConfig) -> Queues | None:
    """Return the smallest state of a family that breaks the invariant."""

    def breaks(queues: Queues) -> bool:
        if not all(is_well_formed(request, config) for request in queues.running + queues.waiting):
            return False
        return not on_plan(schedule(queues, config, policy), queues, config, policy)

    def is_broken(num_alike: int, prompt: int) -> bool:
        return breaks(family.queues(config, num_alike, prompt))

    most, longest = config.max_num_seqs - family.num_others, config.max_model_len
    if not is_broken(most, longest):
        return None
    num_alike = least(most, lambda value: is_broken(value, longest))
    prompt = least(longest, lambda value: value > 0 and is_broken(num_alike, value))
    queues = family.queues(config, num_alike, prompt)
    free = least(queues.num_free_blocks, lambda value: breaks(replace(queues, num_free_blocks=value)))
    return replace(queues, num_free_blocks=free)


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


def only_decodes(config: ServingConfig, num_decoding: int, prompt: int) -> Queues:
    """Return a state in which everything decodes."""
    return queues_of(config, decodes(config, num_decoding), ())


def prompt_waits(config: ServingConfig, num_decoding: int, prompt: int) -> Queues:
    """Return a state in which a prompt waits behind the decodes."""
    return queues_of(config, decodes(config, num_decoding), (new_request("prompt", prompt),))


def prompt_first(config: ServingConfig, num_decoding: int, prompt: int) -> Queues:
    """Return a state in which a prompt prefills before the decodes are visited."""
    return queues_of(config, (new_request("prompt", prompt), *decodes(config, num_decoding)), ())


def only_decodes_at_the_end_of_their_blocks(config: ServingConfig, num_decoding: int, prompt: int) -> Queues:
    """Return a state in which everything decodes and needs a KV block."""
    return queues_of(config, decodes_at_the_end_of_their_blocks(config, num_decoding), ())


def only_prompts(config: ServingConfig, num_prompts: int, prompt: int) -> Queues:
    """Return a state in which prompts wait and nothing runs."""
    return queues_of(config, (), prompts(num_prompts, prompt))


def prompts_before_a_decode(config: ServingConfig, num_prompts: int, prompt: int) -> Queues:
    """Return a state in which prompts prefill before a decode is visited that needs a KV block."""
    return queues_of(config, (*prompts(num_prompts, prompt), *decodes_at_the_end_of_their_blocks(config, 1)), ())


FAMILIES = (
    Family(only_decodes, num_others=0, roles=(Role.MIXED, Role.DECODE)),
    Family(prompt_waits, num_others=1, roles=(Role.MIXED,)),
    Family(prompt_first, num_others=1, roles=(Role.MIXED,)),
    Family(only_decodes_at_the_end_of_their_blocks, num_others=0, roles=(Role.MIXED, Role.DECODE)),
    Family(only_prompts, num_others=0, roles=(Role.MIXED, Role.PREFILL)),
    Family(prompts_before_a_decode, num_others=1, roles=(Role.MIXED,)),
)


def decodes(config: ServingConfig, num_decoding: int) -> tuple[Request, ...]:
    """Return decodes that have just begun, with the fewest KV blocks that do not grow in the next step."""
    one = Request(
        request_id="decode", need_prefill_tokens=1, num_computed_tokens=1, num_total_tokens=2, num_blocks=0
    )
    num_blocks = least(
        config.max_blocks_per_seq, lambda value: decode_blocks(replace(one, num_blocks=value), config) == 0
    )
    return tuple(replace(one, request_id=f"decode[{i}]", num_blocks=num_blocks) for i in range(num_decoding))


def decodes_at_the_end_of_their_blocks(config: ServingConfig, num_decoding: int) -> tuple[Request, ...]:
    """Return decodes with one KV block, which does not hold the tokens of their next step."""
    computed = max(config.block_size - config.tokens_per_seq + 1, 1)
    return tuple(
        Request(
            request_id=f"decode[{i}]",
            need_prefill_tokens=1,
            num_computed_tokens=computed,
            num_total_tokens=computed + 1,
            num_blocks=1,
        )
        for i in range(num_decoding)
    )


def prompts(num_prompts: int, length: int) -> tuple[Request, ...]:
    """Return prompts that have just arrived."""
    return tuple(new_request(f"prompt[{i}]", length) for i in range(num_prompts))


def queues_of(config: ServingConfig, running: tuple[Request, ...], waiting: tuple[Request, ...]) -> Queues:
    """Return queues with free blocks for everyone."""
    blocks = (len(running) + len(waiting)) * (config.max_blocks_per_seq + config.enc_dec_block_num + 1)
    return Queues(running=running, waiting=waiting, num_free_blocks=blocks)
