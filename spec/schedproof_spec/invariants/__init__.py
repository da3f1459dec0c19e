"""The work on tensors: sending output, dispatching tokens to experts."""
