"""``schedproof replay``: drives the reference engine with a request trace."""
