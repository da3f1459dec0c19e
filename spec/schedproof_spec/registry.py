"""The invariants by name, in the order in which they are shown."""

from schedproof_spec.invariant import Invariant
from schedproof_spec.theorems.blocks import BLOCKS_COVER_TOKENS
from schedproof_spec.theorems.budget import (
    BUDGET_NONNEGATIVE,
    BUDGET_TIGHT,
    CHARGE_FOLLOWS_METHOD,
    EVERY_DECODE_SERVED,
    NO_OVERSHOOT,
)
from schedproof_spec.theorems.capacity import (
    DECODE_FITS_BUDGET,
    DISPATCH_CAPACITY_COVERS_STEP,
    MESSAGE_FITS,
)
from schedproof_spec.theorems.chunk import (
    CHUNK_CAPACITY_COVERS_STEP,
    CHUNK_RESPECTS_ITEMS,
    CHUNK_WITHIN_PROMPT,
)
from schedproof_spec.theorems.overlap import LAUNCH_COVERS_STEP
from schedproof_spec.theorems.places import REQUESTS_CONSERVED
from schedproof_spec.theorems.pool import BLOCKS_CONSERVED
from schedproof_spec.theorems.progress import PROGRESS

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
        BLOCKS_CONSERVED,
        BLOCKS_COVER_TOKENS,
        REQUESTS_CONSERVED,
        PROGRESS,
        LAUNCH_COVERS_STEP,
    )
}
