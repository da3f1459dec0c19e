"""Decides every invariant for a scheduling rule of a person's own."""
