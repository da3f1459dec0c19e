"""``schedproof audit``: did the recorded steps of an engine keep the invariants?"""
