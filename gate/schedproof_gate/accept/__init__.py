"""Which findings are asked for, and which ones a person accepts, with a reason and for how long."""
