"""The matrix of every version and every invariant."""
