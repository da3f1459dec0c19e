"""Draws small engines, in which every limit is met soon, and the jobs that people bring to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test
from strategies import items, limits

from schedproof import MultimodalItem, Policy, Role, ServingConfig, SpeculativeConfig, SpeculativeMethod
from schedproof.engines.fastdeploy.rules.output_reserve import OutputReserve

MOST_DRAFTS = 5

MOST_ARRIVALS = 4
"""Requests that arrive at once."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """What a person asks for."""

    prompt: int
    new: int
    items: tuple[MultimodalItem, ...] = ()
    block_hashes: tuple[str, ...] = ()


def speculations() -> st.SearchStrategy[SpeculativeConfig | None]:
    """Draw no speculation, or any method with a few drafts."""
    return st.none() | st.builds(
        SpeculativeConfig,
        method=st.sampled_from(SpeculativeMethod),
        num_speculative_tokens=st.integers(1, 3),
        num_model_steps=st.integers(1, 2),
    )


@st.composite
def engine_configs(draw: st.DrawFn, policy: Policy, role: Role) -> ServingConfig:
    """Draw a configuration with few slots, few blocks and short sequences, with which this policy starts."""
    config = ServingConfig(
        max_num_seqs=draw(st.sampled_from((4, 6, 3, 2, 1))),
        max_model_len=draw(st.integers(16, 24)),
        block_size=draw(st.sampled_from((4, 8, 2, 1))),
        role=role,
        speculation=draw(speculations()),
        chunked_prefill=draw(st.sampled_from((True, True, True, False))),
        deterministic=draw(st.booleans()),
        split_kv_size=draw(st.sampled_from((1, 3, 4))),
        max_multimodal_item_tokens=draw(st.sampled_from((0, 3, 6))),
        enc_dec_block_num=draw(st.sampled_from((2, 1, 0, 3))),
        prealloc_dec_block_slot_num_threshold=draw(st.integers(0, 4)),
        tensor_parallel_size=draw(st.integers(1, 2)),
    )
    longest = config.max_blocks_per_seq
    few_more = st.sampled_from((longest // 2, longest // 4)) if role is Role.DECODE else st.integers(0, 2)
    config = replace(config, num_kv_blocks=longest + draw(few_more | st.integers(0, longest)))
    with_limits = (replace(config, max_num_batched_tokens=limit) for limit in limits(config, draw(st.integers(1))))
    accepted = [candidate for candidate in with_limits if not policy.problems(candidate)]
    assume(accepted)
    return draw(st.sampled_from(accepted[:2]) | st.sampled_from(accepted))


def reserves() -> st.SearchStrategy[OutputReserve]:
    """Draw an output reserve that matters for a few steps at most."""
    return st.just(OutputReserve(initial_blocks=0)) | st.builds(
        OutputReserve, initial_blocks=st.integers(0, 2), steps_per_block=st.integers(1, 3)
    )


@st.composite
def sizes(draw: st.DrawFn, config: ServingConfig) -> Sizes:
    """Draw a job that the configuration can serve; prompts often begin like others."""
    prompt = draw(st.integers(1, 4) | st.integers(1, config.max_model_len - 1))
    num_hashes = draw(st.integers(0, prompt // config.block_size))
    document = draw(st.sampled_from("xy"))
    return Sizes(
        prompt=prompt,
        new=draw(st.just(config.max_model_len) | st.integers(1, config.max_model_len)),
        items=draw(items(config.max_multimodal_item_tokens, prompt)),
        block_hashes=tuple(f"{document}{index}" for index in range(num_hashes)),
    )


def numbers_of_drafts() -> st.SearchStrategy[list[int]]:
    """Draw the drafts that the running requests accept, in order; what is too many stands for all."""
    return st.lists(st.sampled_from((0, MOST_DRAFTS, 1, 2)), max_size=4)


def of_machine(names: Callable[..., Sequence[str]]) -> st.SearchStrategy[str]:
    """Draw one of the names that a state machine offers now."""
    return st.runner().flatmap(lambda machine: st.sampled_from(names(machine)))


def several_sizes(config: ServingConfig) -> st.SearchStrategy[list[Sizes]]:
    """Draw the jobs that arrive at once."""
    return st.lists(sizes(config), min_size=1, max_size=MOST_ARRIVALS)


def run_machine(machine: type[RuleBasedStateMachine], max_examples: int) -> None:
    """Run a state machine this often."""
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    limits = settings(max_examples=max_examples, stateful_step_count=30, suppress_health_check=checks)
    run_state_machine_as_test(machine, settings=limits)
