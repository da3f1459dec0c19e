"""What nobody can mean is refused in a sentence that names the field, the value and what is allowed."""

from __future__ import annotations

import dataclasses
from dataclasses import MISSING, fields, replace
from typing import Any

import numpy as np
import pytest
from small_engines import small_config, small_engine

import schedproof
from schedproof import (
    Engine,
    MultimodalItem,
    Queues,
    Request,
    RequestRefusedError,
    ServingConfig,
    SpeculativeConfig,
    new_request,
)
from schedproof.engines.fastdeploy.refusals import config_fault, step_fault
from schedproof.engines.fastdeploy.rules.output_reserve import OutputReserve
from schedproof.engines.fastdeploy.rules.token_ratio import TokenRatio
from schedproof.output.output_sender import OutputSender

MADE_BY_THE_ENGINE = {"DispatchCapacity", "Launch", "ScheduledRequest", "StepOutcome", "StepPlan"}
"""Public dataclasses that people read and do not build."""

NO_NUMBERS: list[Any] = [True, 4.0, "4", [4], np.zeros((), np.int64), np.float32(4), -1]
NO_TRUTHS: list[Any] = [0, 1, None, "true", np.True_]
NO_CHOICES: list[Any] = [None, 1, "decode", True]
NO_OBJECTS: list[Any] = [1, "mtp", {}]

REQUEST = new_request("a", 8)
QUEUES = Queues(running=(REQUEST,), waiting=(), num_free_blocks=4)


def nonsense(owner: type) -> list[tuple[str, Any]]:
    """Values that no field of a dataclass can have, by the type that it declares."""
    found: list[tuple[str, Any]] = []
    for field in fields(owner):
        kind = str(field.type)
        values = {
            "int": [*NO_NUMBERS, None],
            "int | None": NO_NUMBERS,
            "bool": NO_TRUTHS,
            "str": [None, 4, b"a"],
        }.get(kind.removeprefix("<class '").removesuffix("'>"))
        if values is None:
            is_choice = field.default is not MISSING and isinstance(field.default, str)
            values = NO_CHOICES if is_choice else NO_OBJECTS
        found += [(field.name, value) for value in values]
    return found


def faults(owner: type, name: str, value: Any) -> str:
    if owner is ServingConfig:
        return config_fault(replace(ServingConfig(), **{name: value}))
    if owner is SpeculativeConfig:
        return config_fault(ServingConfig(speculation=replace(SpeculativeConfig(), **{name: value})))
    if owner is Queues:
        return step_fault(replace(QUEUES, **{name: value}))
    request = replace(REQUEST, **{name: value}) if owner is Request else REQUEST
    if owner is MultimodalItem:
        request = replace(REQUEST, items=(replace(MultimodalItem(start=0, end=4), **{name: value}),))
    return step_fault(replace(QUEUES, running=(request,)))


CHECKED = (ServingConfig, SpeculativeConfig, Request, MultimodalItem, Queues)
CASES = [
    (owner, name, value)
    for owner in CHECKED
    for name, value in nonsense(owner)
    if not (owner is MultimodalItem and isinstance(value, int) and value == -1)
]


@pytest.mark.parametrize(("owner", "name", "value"), CASES, ids=lambda part: repr(getattr(part, "__name__", part)))
def test_a_value_that_no_field_can_have_is_named_with_what_is_allowed(owner: type, name: str, value: Any) -> None:
    fault = faults(owner, name, value)
    assert f"{name}: expected " in fault or f"{name}[0]: expected " in fault, fault
    assert "\n" not in fault
    assert f"got {value!r}" in fault or isinstance(value, dict | str)


def test_every_public_dataclass_is_checked_or_is_made_by_the_engine() -> None:
    public = {name for name in schedproof.__all__ if dataclasses.is_dataclass(getattr(schedproof, name))}
    assert public == {owner.__name__ for owner in CHECKED} | MADE_BY_THE_ENGINE


def test_what_is_right_has_no_fault() -> None:
    assert config_fault(small_config(max_num_seqs=np.int32(4), num_max_dispatch_tokens_per_rank=None)) == ""
    assert config_fault(ServingConfig(speculation=SpeculativeConfig())) == ""
    assert step_fault(QUEUES) == ""


@pytest.mark.parametrize("name", ["max_num_seqs", "max_num_batched_tokens", "max_model_len", "block_size"])
def test_an_engine_starts_with_no_size_of_zero(name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name}: expected a whole number of 1 or more, got 0$"):
        Engine(small_config(**{name: 0}))


@pytest.mark.parametrize("value", [True, 4.5, "4", None, np.float64(4)], ids=repr)
@pytest.mark.parametrize("name", ["num_prompt_tokens", "max_new_tokens"])
def test_a_request_of_a_size_that_is_no_number_is_refused(name: str, value: Any) -> None:
    engine = small_engine()
    with pytest.raises(RequestRefusedError, match=f"'a': {name}: expected a whole number, got"):
        engine.add_request("a", **{"num_prompt_tokens": 4, "max_new_tokens": 4, name: value})
    assert not engine.has_work


@pytest.mark.parametrize("item", [(0, 4), None, MultimodalItem(start=0.0, end=4)], ids=repr)  # type: ignore[arg-type]
def test_an_item_that_is_none_is_refused(item: Any) -> None:
    with pytest.raises(RequestRefusedError, match=r"items\[0\].*: expected a"):
        small_engine().add_request("a", 8, 4, items=(item,))


@pytest.mark.parametrize("value", [True, "1", None, -1, float("nan"), float("inf")], ids=repr)
@pytest.mark.parametrize("name", ["initial", "minimum", "decay", "most_tokens"])
def test_a_token_ratio_is_of_numbers(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{name}: expected a number of 0 or more, got"):
        TokenRatio(**{name: value})


@pytest.mark.parametrize("value", [True, 1.5, "1", None, -1], ids=repr)
@pytest.mark.parametrize("name", ["initial_blocks", "steps_per_block", "minimum_blocks"])
def test_a_reserve_is_of_whole_numbers(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{name}: expected a whole number of [01] or more, got"):
        OutputReserve(**{name: value})


@pytest.mark.parametrize(("rank", "saves"), [(True, False), (-1, False), (0.0, False), (0, 1), (0, None)])
def test_a_sender_has_a_rank(rank: Any, saves: Any) -> None:
    with pytest.raises(ValueError, match=r"(rank|save_each_rank): expected"):
        OutputSender(rank, saves, send=lambda message: None)
