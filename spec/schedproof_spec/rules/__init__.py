"""The rules that an engine must keep: small predicates that mean the same on numbers and on symbols.

Prover, property tests, gate, replay and audit share them. How each is proved is in `schedproof_spec.theorems`, in a
file of the same name.
"""
