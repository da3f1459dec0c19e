"""The invariants by name, in the order in which they are shown."""

from schedproof_spec.invariant import Invariant
from schedproof_spec.invariants.budget import (
    BUDGET_NONNEGATIVE,
    BUDGET_TIGHT,
    CHARGE_FOLLOWS_METHOD,
    EVERY_DECODE_SERVED,
    NO_OVERSHOOT,
)
from schedproof_spec.invariants.capacity import (
    DECODE_FITS_BUDGET,
    DISPATCH_CAPACITY_COVERS_STEP,
    MESSAGE_FITS,
)
from schedproof_spec.invariants.chunk import (
    CHUNK_CAPACITY_COVERS_STEP,
    CHUNK_RESPECTS_ITEMS,
    CHUNK_WITHIN_PROMPT,
)

INVARIANTS: dict[str, Invariant] = {
    invariant.name: invariant
    for invariant in (
        BUDGET_NONNEGATIVE,
        NO_OVERSHOOT,
        BUDGET_TIGHT,
        EVERY_DECODE_SERVED,
        CHARGE_FOLLOWS_METHOD,
        CHUNK_WITHIN_PROMPT,
        CHUNK_RESPECTS_ITEMS,
        CHUNK_CAPACITY_COVERS_STEP,
        DECODE_FITS_BUDGET,
        DISPATCH_CAPACITY_COVERS_STEP,
        MESSAGE_FITS,
    )
}
