"""Decides the invariants for one deployment."""
