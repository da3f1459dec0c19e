"""The integer rules of a step and of the buffers behind it, each readable on its own."""
