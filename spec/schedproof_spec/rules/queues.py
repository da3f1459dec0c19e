"""What holds of the running list between two steps, where chunks use up the budget (`Policy.uses_up_budget`)."""

from __future__ import annotations

from schedproof.request import Request


def in_order(earlier: Request, later: Request) -> bool:
    """Of two running requests, the later one decodes only if the earlier one does too."""
    return earlier.is_decoding | (later.is_decoding ^ True)
