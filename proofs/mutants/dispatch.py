"""Changes of dispatch and combine, by the part of a rule that each breaks."""

from proofs.mutants.mutant import Mutant


def edit(name: str, function: str, old: str, new: str, module: str = "schedproof.dispatch.dispatch") -> Mutant:
    """Return a mutant."""
    return Mutant(name=name, module=module, function=function, old=old, new=new)


COMBINE = "schedproof.dispatch.combine"
COUNT_REPEATS = edit(
    "a repeated expert is a second token",
    "experts_of",
    "tuple(dict.fromkeys(choice for choice in choices if 0 <= choice < experts))",
    "tuple(choice for choice in choices if 0 <= choice < experts)",
)
IGNORE_CAPACITY = edit("a row beyond capacity", "row_of_slot", "slot < capacity", "slot <= capacity")
ADMIT_ONE_MORE = edit("admit one token more", "admitted", "min(routed, capacity)", "min(routed, capacity + 1)")

MUTANTS: dict[str, tuple[Mutant, ...]] = {
    "dispatch_conserves, one token more": (
        IGNORE_CAPACITY,
        edit("a dropped token is not counted", "Filling.take_token", "+= 1", "+= 0 if row == NO_ROW else 1"),
    ),
    "dispatch_conserves, one rank more": (
        ADMIT_ONE_MORE,
        edit("the next rank begins here too", "Filling.close_rank", "self.begin += count", "self.begin += 0"),
        edit("count on from rank to rank", "Filling.close_rank", "self.routed = 0", "self.routed += 0"),
    ),
    "dispatch_in_bounds, one token or rank more": (IGNORE_CAPACITY, ADMIT_ONE_MORE),
    "combine_inverts, rows of two tokens": (
        edit("every token at its rank's first row", "row_of_slot", "begin + slot if", "begin if"),
    ),
    "dispatch_conserves, whole routings": (COUNT_REPEATS, IGNORE_CAPACITY),
    "dispatch_in_bounds, whole routings": (IGNORE_CAPACITY,),
    "combine_inverts, whole routings": (
        edit("the first row is none", "combine", "row != NO_ROW", "row > 0", COMBINE),
        edit("combine reads the row behind", "combine", "rows[row[used]]", "rows[row[used] + 1]", COMBINE),
    ),
}
