"""The command `schedproof`."""
