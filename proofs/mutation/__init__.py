"""Changes the reference in every small way, one at a time, and asks whether the proofs notice."""
