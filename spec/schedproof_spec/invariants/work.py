"""The rules of the work on a step's tensors, by name; a rule may be proved in several parts."""

from __future__ import annotations

from schedproof_spec.invariants.dispatch import DISPATCH_RULES
from schedproof_spec.invariants.dispatch_steps import DISPATCH_STEP_RULES
from schedproof_spec.invariants.output import OUTPUT_RULES
from schedproof_spec.invariants.output_topk import TOPK_RULES
from schedproof_spec.invariants.output_topk_7884 import TOPK_7884_RULES
from schedproof_spec.invariants.output_topk_bounds import TOPK_BOUNDS_RULES
from schedproof_spec.invariants.output_topk_columns import TOPK_COLUMNS_RULES
from schedproof_spec.invariants.output_topk_rows import TOPK_ROW_RULES
from schedproof_spec.work_rule import WorkRule

TOPK_PARTS = (*TOPK_ROW_RULES, *TOPK_RULES, *TOPK_COLUMNS_RULES, *TOPK_7884_RULES, *TOPK_BOUNDS_RULES)
ALL_PARTS = (*OUTPUT_RULES, *TOPK_PARTS, *DISPATCH_STEP_RULES, *DISPATCH_RULES)

WORK_RULES: dict[str, tuple[WorkRule, ...]] = {
    rule.name: tuple(part for part in ALL_PARTS if part.name == rule.name) for rule in ALL_PARTS
}
"""What holds for sending a step's output and for dispatching its tokens to experts."""
