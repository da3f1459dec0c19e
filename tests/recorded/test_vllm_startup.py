"""The reference beside vLLM's start-up: what it refuses, what it derives, and what absent flags become."""

from __future__ import annotations

import gzip
import json

from tests.recorded.vllm_steps import FOLDER, config_of

from schedproof.engines.vllm.defaults import Surroundings, Usage, batch_limits
from schedproof.engines.vllm.startup import REFUSALS


def lines_of(name):
    with gzip.open(FOLDER / "startup" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines][1:]


def test_the_same_configurations_are_refused():
    refused = {check.name: 0 for check in REFUSALS}
    for line in lines_of("refusals"):
        config = config_of(line["config"])
        broken = [check.name for check in REFUSALS if not check.holds(config)]
        assert line["starts"] == (not broken), config
        if len(broken) == 1:
            refused[broken[0]] += 1
    assert min(refused.values()) >= 2, refused


def test_the_same_limits_are_derived():
    num_lowered = 0
    for line in lines_of("refusals"):
        if line["starts"]:
            config = config_of(line["config"])
            assert config.draft_slots == line["draft_slots"]
            assert config.lookahead_tokens == line["lookahead"]
            assert config.prefill_lookahead_tokens == line["prefill_lookahead"]
            assert config.token_limit == line["token_limit"]
            assert config.active_limit == line["active_limit"]
            assert [config.encoder_budget, config.encoder_budget] == line["encoder_limits"]
            num_lowered += config.active_limit < (config.max_num_active_seqs or config.max_num_seqs)
    assert num_lowered >= 2


def test_absent_flags_become_the_same():
    lines = lines_of("defaults")
    assert len(lines) == 600
    for line in lines:
        given = dict(line["given"])
        names = ("max_num_batched_tokens", "max_num_seqs", "max_model_len", "enable_chunked_prefill")
        flags = {name: given.pop(name) for name in names}
        given["usage"] = Usage(given["usage"])
        assert list(batch_limits(Surroundings(**given), **flags)) == line["found"], line
