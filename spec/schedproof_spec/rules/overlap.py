"""The overlap family: a launch that does not wait for the device is never too small for its step."""

from __future__ import annotations


def launch_covers_step(launch_tokens: int, num_tokens: int, num_chunks: int) -> bool:
    """The launch count is never below the step's tokens, and exact for a step that only decodes."""
    return (launch_tokens >= num_tokens) & ((num_chunks > 0) | (launch_tokens == num_tokens))
