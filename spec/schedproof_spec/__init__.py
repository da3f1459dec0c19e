"""What must hold: the invariants, and the prover that decides them."""
