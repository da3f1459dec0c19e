"""The order of the running list between two steps, and where an engine does not keep it."""

from __future__ import annotations

from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.request import Request


def keeps_order(config: ServingConfig) -> bool:
    """Whether no decode ever stands behind a prompt in its middle.

    A chunk that ends before its prompt does has used up the budget, so nobody behind it gets anything. Two features
    break this: deterministic alignment cuts a chunk down and leaves budget, and an item that does not fit waits
    while others go on.
    """
    return not config.deterministic and config.chunked_prefill and config.max_multimodal_item_tokens == 0


def order_holds(earlier: Request, later: Request) -> bool:
    """Of two running requests, the later one decodes only if the earlier one does."""
    return earlier.is_decoding or not later.is_decoding
