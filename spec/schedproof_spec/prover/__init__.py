"""Executes Python functions on symbolic integers along every feasible path, and decides what they guarantee."""
