"""Named changes of the code under proof, by the invariant that each breaks: a proof that cannot fail proves nothing."""

from proofs.mutants import blocks, budget, capacity, chunk, life, overlap
from proofs.mutants.mutant import Mutant

MUTANTS: dict[str, tuple[Mutant, ...]] = {
    name: mutants
    for family in (budget, chunk, capacity, blocks, life, overlap)
    for name, mutants in family.MUTANTS.items()
}
