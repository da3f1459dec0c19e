"""The engine over many steps: requests arrive, run, are preempted, resume and end."""
