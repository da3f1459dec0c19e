"""From a question to a verdict: proof, search for a run, repair."""
