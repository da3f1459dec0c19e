"""Changes every operator, constant and branch of the reference's rules, and asks whether the proofs notice."""
