"""FastDeploy takes an aborted decode out where it stands; blocks that others hold stay with them."""

from schedproof import NEWEST, POLICIES, Engine, ServingConfig


def test_an_aborted_decode_frees_no_block_that_a_later_request_holds() -> None:
    config = ServingConfig(
        max_num_seqs=5,
        max_num_batched_tokens=64,
        max_model_len=16,
        block_size=4,
        num_kv_blocks=6,
        prealloc_dec_block_slot_num_threshold=0,
    )
    engine = Engine(config, NEWEST)
    engine.add_request("a", 6, 8, block_hashes=["same"])
    engine.step()
    engine.add_request("b", 6, 8, block_hashes=["same"])
    engine.step()
    engine.add_request("c", 4, 12)
    engine.step()
    engine.abort("a")
    outcome = engine.step()
    assert outcome.launch.plan.final.num_free_blocks <= config.num_kv_blocks
    while engine.has_work:
        engine.step()
    assert engine.pool.num_free_blocks == config.num_kv_blocks


def test_a_cached_prefix_of_an_aborted_decode_is_taken_from_the_free_blocks() -> None:
    config = ServingConfig(
        max_num_seqs=4, max_num_batched_tokens=16, max_model_len=16, block_size=2, num_kv_blocks=8
    )
    engine = Engine(config, POLICIES["original"])
    engine.add_request("a", 2, 14, block_hashes=["same"])
    engine.step()
    engine.abort("a")
    engine.add_request("b", 3, 13, block_hashes=["same"])
    launch = engine.schedule()
    assert [request.request_id for request in launch.plan.aborted] == ["a"]
    assert launch.plan.final.num_free_blocks == engine.pool.num_free_blocks
