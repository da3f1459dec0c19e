"""Findings, their wording, and one renderer a format."""
