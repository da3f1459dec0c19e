"""The reference budget: every live decode gets its tokens first, prefill gets the rest."""

from schedproof.engines.fastdeploy.config import ServingConfig


def decode_tokens(config: ServingConfig, num_decoding: int) -> int:
    """Return the tokens that the worker runs for this many decoding sequences."""
    return num_decoding * config.tokens_per_seq


def prefill_budget(config: ServingConfig, num_decoding: int) -> int:
    """Return what is left for prefill, never negative when ``max_decode_tokens`` fits the limit."""
    return config.max_num_batched_tokens - decode_tokens(config, num_decoding)
