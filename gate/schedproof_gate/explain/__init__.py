"""Explains one invariant."""
