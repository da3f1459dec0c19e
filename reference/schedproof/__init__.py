"""The reference engine: how many tokens a serving step runs, and how large the buffers behind it are."""
