"""What the prover found for each policy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from schedproof import REFERENCE
from schedproof_spec import INVARIANTS

GOLDENS = Path(__file__).parents[2] / "proofs" / "goldens"


def proved(policy_name: str) -> dict[str, Any]:
    """Return what the prover found for a policy, by invariant; the reference keeps everything."""
    if policy_name == REFERENCE.name:
        return {name: {"status": "held"} for name in INVARIANTS}
    found: dict[str, Any] = json.loads((GOLDENS / f"policy_{policy_name}.json").read_text(encoding="utf-8"))
    return found
