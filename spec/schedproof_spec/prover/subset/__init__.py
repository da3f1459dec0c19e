"""What a rule may be made of so that a proof of it is about Python's own meaning; everything else is refused."""
