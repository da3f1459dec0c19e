"""What holds of the running list between two steps, where a version uses up its budget (`Policy.uses_up_budget`)."""

from __future__ import annotations

from schedproof.request import Request


def in_order(earlier: Request, later: Request) -> bool:
    """No decode stands behind a prompt in its middle: of two running requests, the later decodes only if both do."""
    return earlier.is_decoding | (later.is_decoding ^ True)
