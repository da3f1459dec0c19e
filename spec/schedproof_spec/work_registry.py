"""The rules of the work on tensors by name, in the order in which they are shown."""

from schedproof_spec.theorems.dispatch import DISPATCH_RULES
from schedproof_spec.theorems.dispatch_steps import DISPATCH_STEP_RULES
from schedproof_spec.theorems.output import OUTPUT_RULES
from schedproof_spec.theorems.output_topk import TOPK_RULES
from schedproof_spec.theorems.output_topk_7884 import TOPK_7884_RULES
from schedproof_spec.theorems.output_topk_bounds import TOPK_BOUNDS_RULES
from schedproof_spec.theorems.output_topk_columns import TOPK_COLUMNS_RULES
from schedproof_spec.theorems.output_topk_rows import TOPK_ROW_RULES
from schedproof_spec.work_rule import WorkRule

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
