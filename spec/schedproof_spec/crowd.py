"""Searches one configuration for a violation that takes many decoding sequences at once.

Two symbolic requests do not show what a full node does. Here the other slots decode, a prompt prefills beside them,
and the smallest such state that breaks an invariant is found by running the scheduler.
"""

from __future__ import annotations

from collections.abc import Callable

from schedproof.config import Role, ServingConfig
from schedproof.policy import Policy
from schedproof.request import Request, new_request
from schedproof.scheduler import Queues, schedule
from schedproof_spec.invariant import Invariant, PlanStatement
from schedproof_spec.witness import Witness

Family = Callable[[ServingConfig, int, int], Queues]
"""States by number of decodes and length of the prompt."""


def smallest_crowd(invariant: Invariant, policy: Policy, config: ServingConfig) -> Witness | None:
    """Return the state with the fewest decodes, then the shortest prompt, that breaks the invariant."""
    if invariant.on_plan is None or not config.runs_decode:
        return None
    for family in (only_decodes, prompt_waits, prompt_first):
        if family is only_decodes or config.role != Role.DECODE:
            queues = smallest_in(family, invariant.on_plan, policy, config)
            if queues is not None:
                return Witness(config=config, queues=queues)
    return None


def smallest_in(family: Family, on_plan: PlanStatement, policy: Policy, config: ServingConfig) -> Queues | None:
    """Return the smallest state of a family that breaks the invariant."""

    def is_broken(num_decoding: int, prompt: int) -> bool:
        queues = family(config, num_decoding, prompt)
        return not on_plan(schedule(queues, config, policy), queues, config, policy)

    most = config.max_num_seqs if family is only_decodes else config.max_num_seqs - 1
    longest = config.max_model_len
    if not is_broken(most, longest):
        return None
    num_decoding = least(most, lambda value: is_broken(value, longest))
    prompt = least(longest, lambda value: value > 0 and is_broken(num_decoding, value))
    return family(config, num_decoding, prompt)


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


def decodes(config: ServingConfig, num_decoding: int) -> tuple[Request, ...]:
    """Return decodes that have just begun, with all the KV blocks that they can need."""
    return tuple(
        Request(
            request_id=f"decode[{i}]",
            need_prefill_tokens=1,
            num_computed_tokens=1,
            num_total_tokens=2,
            num_blocks=config.max_blocks_per_seq,
        )
        for i in range(num_decoding)
    )


def queues_of(config: ServingConfig, running: tuple[Request, ...], waiting: tuple[Request, ...]) -> Queues:
    """Return queues with free blocks for everyone."""
    blocks = (len(running) + len(waiting)) * (config.max_blocks_per_seq + config.enc_dec_block_num + 1)
    return Queues(running=running, waiting=waiting, num_free_blocks=blocks)
