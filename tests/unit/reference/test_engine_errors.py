"""What a person does wrong is said in a sentence, and leaves the engine as it was."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from small_engines import batch, mtp, small_config, small_engine

from schedproof import POLICIES, Engine, MultimodalItem, RequestRefusedError, Role
from schedproof.engines.fastdeploy.releases import VERSIONS


def state(engine: Engine) -> dict[str, Any]:
    """Everything that an engine knows and that can change."""
    found = {name: copy.deepcopy(value) for name, value in vars(engine).items() if name != "policy"}
    for name in ("pool", "places", "prefix_cache"):
        found[name] = vars(found[name])
    found["pool"]["free"] = list(engine.pool.free)
    return found


def test_the_number_of_blocks_has_to_be_known() -> None:
    with pytest.raises(ValueError, match="num_kv_blocks: expected the number of KV blocks, got None"):
        Engine(small_config(num_kv_blocks=None))


def test_a_configuration_that_the_policy_refuses_does_not_start() -> None:
    message = "policy reference refuses to start: max_num_seqs is 100000, and the output message has slots"
    with pytest.raises(ValueError, match=message):
        Engine(small_config(max_num_seqs=100_000))
    config = small_config(num_kv_blocks=15)
    with pytest.raises(ValueError, match="a request of max_model_len 64 needs 16 KV blocks"):
        Engine(config)
    with pytest.raises(ValueError, match="policy 7756 refuses to start: max_model_len 64 is 16 KV blocks"):
        Engine(config, POLICIES["7756"])
    Engine(config, VERSIONS["release-2.3"])
    Engine(small_config(num_kv_blocks=1), VERSIONS["release-2.3"])


REFUSALS: dict[str, dict[str, Any]] = {
    "32 prompt tokens leave no room": {"num_prompt_tokens": 32},
    "at least one prompt token and one new token": {"num_prompt_tokens": 0},
    "got 8 and 0": {"max_new_tokens": 0},
    "is empty, overlaps": {"items": (MultimodalItem(start=2, end=9),)},
    "more than max_multimodal_item_tokens 3": {"items": (MultimodalItem(start=2, end=6),)},
    "3 block hashes, but 8 prompt tokens fill 2": {"block_hashes": ("x0", "x1", "x2")},
    "a block hash occurs twice": {"block_hashes": ["x0", "x0"]},
}


@pytest.mark.parametrize("message", REFUSALS)
def test_a_refused_request_leaves_no_trace(message: str) -> None:
    engine = small_engine(max_model_len=32, max_multimodal_item_tokens=3)
    before = state(engine)
    with pytest.raises(RequestRefusedError, match=f"request 'a': .*{message}"):
        engine.add_request("a", **({"num_prompt_tokens": 8, "max_new_tokens": 4} | REFUSALS[message]))
    assert state(engine) == before


def test_a_request_larger_than_the_pool_is_refused_by_any_policy() -> None:
    engine = Engine(small_config(num_kv_blocks=5), VERSIONS["release-2.3"])
    engine.add_request("a", num_prompt_tokens=20, max_new_tokens=1)
    with pytest.raises(RequestRefusedError, match="22 tokens need 6 KV blocks of 4 tokens, and the pool has 5"):
        engine.add_request("b", num_prompt_tokens=20, max_new_tokens=2)


def test_an_id_in_use_is_refused_wherever_its_request_is() -> None:
    engine = small_engine()
    engine.add_request("a", num_prompt_tokens=4, max_new_tokens=4)
    for place in ("waiting", "running", "aborting"):
        before = state(engine)
        with pytest.raises(KeyError, match=f"request 'a' is already {place}"):
            engine.add_request("a", num_prompt_tokens=8, max_new_tokens=4)
        assert state(engine) == before
        engine.step() if place == "waiting" else engine.abort("a")


@pytest.mark.parametrize("event", [Engine.abort, Engine.receive, Engine.hand_over])
def test_a_request_that_is_not_here_is_named(event: Callable[[Engine, str], None]) -> None:
    engine = small_engine(role=Role.PREFILL)
    with pytest.raises(KeyError, match="request 'z' is not here: it never arrived, or it has ended"):
        event(engine, "z")


def test_a_step_is_completed_before_anything_else_happens_to_the_batch() -> None:
    engine = small_engine()
    engine.add_request("a", num_prompt_tokens=4, max_new_tokens=4)
    engine.schedule()
    before = state(engine)
    events: dict[str, Callable[[], object]] = {
        "schedule": engine.schedule,
        "acknowledge": engine.acknowledge,
        "receive": lambda: engine.receive("a"),
        "hand_over": lambda: engine.hand_over("a"),
    }
    for name, event in events.items():
        with pytest.raises(ValueError, match=f"{name}: a step is launched; complete it first"):
            event()
        assert state(engine) == before
    assert engine.complete().num_produced == {"a": 1}


def test_nothing_is_completed_twice() -> None:
    engine = small_engine()
    with pytest.raises(ValueError, match="complete: no step is launched"):
        engine.complete()
    engine.step()
    with pytest.raises(ValueError, match="complete: no step is launched"):
        engine.complete()


@pytest.mark.parametrize("accepted", [-1, 4])
def test_a_wrong_number_of_drafts_can_be_corrected(accepted: int) -> None:
    engine = small_engine(speculation=mtp(3))
    for name in ("a", "b"):
        engine.add_request(name, num_prompt_tokens=4, max_new_tokens=20)
    engine.step()
    engine.schedule()
    before = state(engine)
    with pytest.raises(ValueError, match=f"accepted drafts of 'b': expected 0 to 3, got {accepted}"):
        engine.complete({"a": 2, "b": accepted}.__getitem__)
    assert state(engine) == before
    assert engine.complete({"a": 2, "b": 0}.__getitem__).num_produced == {"a": 3, "b": 1}


def test_an_idle_engine_steps_on_nothing() -> None:
    engine = small_engine()
    outcome = engine.step()
    assert (batch(outcome, engine), outcome.num_produced, outcome.ended) == ({}, {}, {})
    assert outcome.launch.num_tokens == outcome.launch.launch_tokens == 0
    assert not engine.has_work
