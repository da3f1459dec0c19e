"""CPU references of a step's output: who sends it, and what is in the message."""
