"""Requests whose prompts begin alike share the KV blocks of the beginning."""

from __future__ import annotations

from small_engines import batch, counts, preempted, queue, run_until_idle, small_engine

from schedproof import Engine, MultimodalItem
from schedproof.engines.fastdeploy.life.places import Place

X = ("x0", "x1")
"""Hashes of two blocks of four tokens."""


def engine_with_x_running(**fields: int) -> Engine:
    engine = small_engine(**fields)
    engine.add_request("a", num_prompt_tokens=10, max_new_tokens=30, block_hashes=X)
    engine.step()
    return engine


def engine_with_x_freed(**fields: int) -> Engine:
    """Blocks 0 and 1 hold the beginning, and are free."""
    engine = small_engine(**fields)
    engine.add_request("a", num_prompt_tokens=10, max_new_tokens=1, block_hashes=X)
    engine.step()
    assert not engine.has_work
    return engine


def test_the_same_beginning_is_computed_once_and_held_twice() -> None:
    engine = engine_with_x_running()
    num_free = engine.pool.num_free_blocks
    engine.add_request("b", num_prompt_tokens=11, max_new_tokens=5, block_hashes=X)
    engine.schedule()
    assert (engine.pool.tables["a"][:2], engine.pool.tables["b"][:2]) == ([0, 1], [0, 1])
    assert engine.pool.num_holders[:2] == [2, 2]
    assert engine.pool.num_free_blocks == num_free - 1
    outcome = engine.complete()
    assert batch(outcome, engine) == {"a": 1, "b": 3}
    assert counts(engine, "b") == (12, 11, 3)


def test_a_beginning_is_found_as_far_as_it_is_the_same() -> None:
    engine = engine_with_x_running()
    engine.add_request("b", num_prompt_tokens=12, max_new_tokens=5, block_hashes=("x0", "y1", "y2"))
    assert batch(engine.step(), engine)["b"] == 8
    assert engine.pool.tables["b"][0] == 0


def test_a_beginning_is_found_once_it_is_prefilled_and_not_before() -> None:
    engine = small_engine()
    for name in ("a", "b"):
        engine.add_request(name, num_prompt_tokens=9, max_new_tokens=5, block_hashes=X)
    assert batch(engine.step(), engine) == {"a": 9, "b": 7}
    engine.add_request("c", num_prompt_tokens=9, max_new_tokens=5, block_hashes=X)
    assert batch(engine.step(), engine) == {"a": 1, "b": 2, "c": 1}
    assert engine.pool.tables["c"][:2] == engine.pool.tables["a"][:2]
    assert set(engine.pool.tables["a"]).isdisjoint(engine.pool.tables["b"])


def test_freed_blocks_keep_their_content_until_they_are_taken() -> None:
    engine = engine_with_x_freed()
    assert engine.pool.num_free_blocks == 64
    engine.add_request("b", num_prompt_tokens=10, max_new_tokens=5, block_hashes=X)
    queues = engine.queues()
    assert queues.waiting[0].num_free_cached_blocks == 2
    outcome = engine.step()
    assert batch(outcome, engine) == {"b": 2}
    assert engine.pool.tables["b"][:2] == [0, 1]
    assert engine.pool.num_free_blocks == 61 == outcome.launch.plan.final.num_free_blocks


def test_blocks_that_were_taken_for_another_prompt_are_not_found() -> None:
    engine = engine_with_x_freed(max_num_batched_tokens=32, max_model_len=32, num_kv_blocks=8)
    engine.add_request("b", num_prompt_tokens=26, max_new_tokens=1)
    engine.step()
    engine.add_request("c", num_prompt_tokens=10, max_new_tokens=1, block_hashes=X)
    assert batch(engine.step(), engine) == {"c": 6}, "the second block was taken first, the first one is left"
    engine.add_request("d", num_prompt_tokens=31, max_new_tokens=1)
    engine.step()
    engine.add_request("e", num_prompt_tokens=10, max_new_tokens=1, block_hashes=X)
    assert batch(engine.step(), engine) == {"e": 10}


def test_of_a_prompt_that_is_cached_as_a_whole_the_last_block_is_computed_again() -> None:
    engine = engine_with_x_freed()
    engine.add_request("b", num_prompt_tokens=8, max_new_tokens=2, block_hashes=X)
    outcome = engine.step()
    assert batch(outcome, engine) == {"b": 4}
    assert outcome.num_produced == {"b": 1}


def test_two_requests_of_one_step_share_the_same_free_blocks() -> None:
    """The plan sets blocks aside for each of them, so it knows of two free blocks less than there are."""
    engine = engine_with_x_freed()
    for name in ("b", "c"):
        engine.add_request(name, num_prompt_tokens=10, max_new_tokens=5, block_hashes=X)
    launch = engine.schedule()
    assert batch(engine.complete(), engine) == {"b": 2, "c": 2}
    assert (engine.pool.tables["b"][:2], engine.pool.tables["c"][:2]) == ([0, 1], [0, 1])
    assert engine.pool.num_holders[:2] == [2, 2]
    assert engine.pool.num_free_blocks == 60 == launch.plan.final.num_free_blocks + 2


def test_a_beginning_is_not_taken_away_between_plan_and_admission() -> None:
    """`b` grows in the step that admits `c`, and the block that has been free for longest is the cached one."""
    engine = small_engine(max_num_batched_tokens=40, max_model_len=32, num_kv_blocks=10)
    engine.add_request("a", num_prompt_tokens=5, max_new_tokens=1, block_hashes=("x0",))
    engine.step()
    engine.add_request("b", num_prompt_tokens=28, max_new_tokens=4)
    engine.add_request("filler", num_prompt_tokens=8, max_new_tokens=1)
    engine.step()
    assert list(engine.pool.free) == [0, 1, 9]
    engine.add_request("c", num_prompt_tokens=5, max_new_tokens=2, block_hashes=("x0",))
    assert batch(engine.step(), engine) == {"b": 1, "c": 1}
    assert (engine.pool.tables["b"][-1], engine.pool.tables["c"]) == (1, [0, 9])


def test_a_preempted_request_finds_its_own_blocks_again() -> None:
    engine = small_engine(max_num_batched_tokens=32, max_model_len=32, num_kv_blocks=8)
    engine.add_request("a", num_prompt_tokens=12, max_new_tokens=7)
    engine.add_request("b", num_prompt_tokens=12, max_new_tokens=7, block_hashes=("y0", "y1", "y2"))
    outcomes = run_until_idle(engine)
    assert [preempted(outcome) for outcome in outcomes if preempted(outcome)] == [["b"]]
    resumed = outcomes[-2]
    assert batch(resumed, engine) == {"b": 5}, "12 of 17 tokens are cached"
    assert resumed.launch.plan.visits[0].request.num_free_cached_blocks == 3


def test_preemption_frees_only_what_nobody_else_holds() -> None:
    """Both hold the first two blocks: of the last one's five blocks three come free."""
    engine = engine_with_x_running(max_num_batched_tokens=32, max_model_len=32, num_kv_blocks=8)
    engine.add_request("b", num_prompt_tokens=11, max_new_tokens=20, block_hashes=X)
    while True:
        launch = engine.schedule()
        if launch.plan.preempted:
            break
        engine.complete()
    (victim,) = launch.plan.preempted
    assert (victim.request_id, victim.num_blocks, victim.num_shared_blocks) == ("b", 5, 2)
    assert launch.plan.final.num_free_blocks == engine.pool.num_free_blocks == 8 - len(engine.pool.tables["a"])


def test_preemption_does_not_free_what_an_aborted_request_still_holds() -> None:
    """`c` shares two of its three blocks with `b`, which is aborted: one comes free, and `a` needs just that."""
    engine = small_engine(max_num_batched_tokens=40, max_model_len=32, num_kv_blocks=8)
    engine.add_request("a", num_prompt_tokens=15, max_new_tokens=10)
    engine.add_request("b", num_prompt_tokens=9, max_new_tokens=10, block_hashes=X)
    engine.step()
    engine.add_request("c", num_prompt_tokens=10, max_new_tokens=10, block_hashes=X)
    engine.step()
    assert counts(engine, "a") == (17, 16, 4)
    assert engine.pool.num_free_blocks == 0
    engine.abort("b")
    launch = engine.schedule()
    (victim,) = launch.plan.preempted
    assert (victim.request_id, victim.num_blocks, victim.num_shared_blocks) == ("c", 3, 2)
    assert counts(engine, "a") == (17, 16, 5)
    assert launch.plan.final.num_free_blocks == engine.pool.num_free_blocks == 0


def test_a_shared_block_outlives_the_request_that_computed_it() -> None:
    engine = engine_with_x_running()
    engine.add_request("b", num_prompt_tokens=11, max_new_tokens=5, block_hashes=X)
    engine.step()
    engine.abort("a")
    engine.acknowledge()
    assert queue(engine, Place.RUNNING) == ["b"]
    assert engine.pool.num_holders[:2] == [1, 1]
    run_until_idle(engine)
    assert engine.pool.num_free_blocks == 64


def test_a_cached_beginning_ends_before_an_item_that_it_would_cut() -> None:
    engine = small_engine(max_multimodal_item_tokens=8)
    engine.add_request("a", num_prompt_tokens=13, max_new_tokens=1, block_hashes=("x0", "x1", "x2"))
    engine.step()
    picture = (MultimodalItem(start=6, end=14),)
    engine.add_request("b", num_prompt_tokens=15, max_new_tokens=5, items=picture, block_hashes=("x0", "x1", "x2"))
    assert batch(engine.step(), engine) == {"b": 11}


def test_chunks_after_a_cached_beginning_are_aligned_to_the_prompt() -> None:
    """Eight tokens are cached; the budget of 16 reaches position 24, a multiple of 6; then 30 of 33 and so on."""
    engine = small_engine(deterministic=True, split_kv_size=6)
    engine.add_request("a", num_prompt_tokens=9, max_new_tokens=1, block_hashes=X)
    engine.step()
    engine.add_request("b", num_prompt_tokens=45, max_new_tokens=1, block_hashes=X)
    assert [batch(engine.step(), engine)["b"] for _ in range(3)] == [16, 12, 9]


def test_without_chunked_prefill_only_the_rest_has_to_fit() -> None:
    engine = small_engine(chunked_prefill=False, max_num_batched_tokens=20, max_model_len=20)
    engine.add_request("a", num_prompt_tokens=10, max_new_tokens=5, block_hashes=X)
    engine.step()
    engine.add_request("b", num_prompt_tokens=19, max_new_tokens=1, block_hashes=X)
    engine.add_request("c", num_prompt_tokens=9, max_new_tokens=1)
    assert batch(engine.step(), engine) == {"a": 1, "b": 11}
    assert batch(engine.step(), engine) == {"a": 1, "c": 9}
