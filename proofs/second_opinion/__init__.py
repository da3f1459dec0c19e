"""Every question on which a verdict rests, asked again of another solver (cvc5)."""
