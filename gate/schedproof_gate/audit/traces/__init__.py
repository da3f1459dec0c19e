"""Reads recorded steps: the exact form, and the log lines of real engines."""
