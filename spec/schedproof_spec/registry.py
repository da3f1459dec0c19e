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
from schedproof_spec.theorems.dispatch import DISPATCH_RULES
from schedproof_spec.theorems.dispatch_steps import DISPATCH_STEP_RULES
from schedproof_spec.theorems.output import OUTPUT_RULES
from schedproof_spec.theorems.output_topk import TOPK_RULES
from schedproof_spec.theorems.output_topk_7884 import TOPK_7884_RULES
from schedproof_spec.theorems.output_topk_bounds import TOPK_BOUNDS_RULES
from schedproof_spec.theorems.output_topk_columns import TOPK_COLUMNS_RULES
from schedproof_spec.theorems.output_topk_rows import TOPK_ROW_RULES
from schedproof_spec.theorems.overlap import LAUNCH_COVERS_STEP
from schedproof_spec.theorems.places import REQUESTS_CONSERVED
from schedproof_spec.theorems.pool import BLOCKS_CONSERVED
from schedproof_spec.theorems.progress import PROGRESS
from schedproof_spec.work_rule import WorkRule

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

WORK_PARTS = (
    *OUTPUT_RULES,
    *TOPK_ROW_RULES,
    *TOPK_RULES,
    *TOPK_COLUMNS_RULES,
    *TOPK_7884_RULES,
    *TOPK_BOUNDS_RULES,
    *DISPATCH_STEP_RULES,
    *DISPATCH_RULES,
)
"""Every entry about sending a step's output and dispatching its tokens to experts."""

WORK_RULES: dict[str, tuple[WorkRule, ...]] = {
    rule.name: tuple(part for part in WORK_PARTS if part.name == rule.name) for rule in WORK_PARTS
}
"""The same by rule; a rule may be proved in several parts."""
