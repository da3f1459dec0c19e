"""Named changes of the code under proof, by what each breaks: a proof that cannot fail proves nothing."""

from proofs.mutants import blocks, budget, capacity, chunk, dispatch, life, output, overlap
from proofs.mutants.mutant import Mutant

MUTANTS: dict[str, tuple[Mutant, ...]] = {
    name: mutants
    for family in (budget, chunk, capacity, blocks, life, overlap)
    for name, mutants in family.MUTANTS.items()
}
"""By invariant."""

WORK_MUTANTS: dict[str, tuple[Mutant, ...]] = output.MUTANTS | dispatch.MUTANTS
"""By the title of the entry about the work on tensors, which names its part of a rule."""
