"""The invariants by name, in the order in which they are shown."""

from schedproof_spec.invariant import Invariant
from schedproof_spec.invariants.blocks import BLOCKS_CONSERVED
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
from schedproof_spec.invariants.overlap import LAUNCH_COVERS_STEP
from schedproof_spec.invariants.places import REQUESTS_CONSERVED
from schedproof_spec.invariants.progress import PROGRESS
from schedproof_spec.invariants.served import EVERY_DECODE_SERVED_OVER_TIME
from schedproof_spec.invariants.tokens import BLOCKS_COVER_TOKENS
from schedproof_spec.run_invariant import RunInvariant

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
"""What holds for a configuration, and for a step from any state."""

RUN_INVARIANTS: dict[str, RunInvariant] = {
    invariant.name: invariant
    for invariant in (
        EVERY_DECODE_SERVED_OVER_TIME,
        BLOCKS_CONSERVED,
        BLOCKS_COVER_TOKENS,
        REQUESTS_CONSERVED,
        PROGRESS,
        LAUNCH_COVERS_STEP,
    )
}
"""What holds over many steps."""
