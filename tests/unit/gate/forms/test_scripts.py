"""Whole scripts as people keep them."""

from reading_forms import example, line, summary

from schedproof import Role
from schedproof_gate.deployment.deployment import Deployment


def test_nodes_that_a_function_starts() -> None:
    found = example("nodes.sh")
    assert summary(found) == [("nodes.sh:27", 20), ("nodes.sh:29 (port=8200)", 20), ("nodes.sh:29 (port=8300)", 20)]
    prefill, decode, _ = found
    assert isinstance(prefill, Deployment)
    assert isinstance(decode, Deployment)
    assert (prefill.config.role, decode.config.role) == (Role.PREFILL, Role.DECODE)
    assert (prefill.config.block_size, decode.config.block_size) == (64, 32)
    assert prefill.config.deterministic
    assert (line(prefill), line(prefill, "role"), line(prefill, "has_router")) == (10, 24, 16)
    assert (line(decode, "block_size"), line(decode, "deterministic")) == (29, 22)


def test_a_cluster_with_health_checks_and_free_ports() -> None:
    found = example("cluster.sh")
    assert summary(found) == [("cluster.sh:41", 6), ("cluster.sh:53", 7)]
    prefill, decode = found
    assert isinstance(prefill, Deployment)
    assert isinstance(decode, Deployment)
    assert (prefill.config.role, decode.config.role) == (Role.PREFILL, Role.DECODE)
    assert (prefill.config.data_parallel_size, prefill.config.max_model_len) == (2, 32768)
    assert (line(prefill), line(decode)) == (46, 54)
