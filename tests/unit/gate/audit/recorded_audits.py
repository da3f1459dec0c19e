"""Audits of recorded steps, written out as a trace and read back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from schedproof import POLICIES, ServingConfig, SpeculativeConfig, SpeculativeMethod
from schedproof_gate.audit.auditing import Audit, audit_trace
from schedproof_gate.audit.traces.forms import FORMS
from schedproof_gate.deployment.deployment import Deployment
from schedproof_gate.deployment.fastdeploy import FASTDEPLOY
from schedproof_gate.deployment.settings import Settings, Style
from schedproof_gate.report.report import Result

CONFIG = ServingConfig(
    max_num_seqs=4,
    max_num_batched_tokens=64,
    max_model_len=512,
    block_size=8,
    num_kv_blocks=100,
    speculation=SpeculativeConfig(method=SpeculativeMethod.MTP, num_speculative_tokens=3),
)
STEP = {"step": 1, "num_decoding": 1, "num_decode_tokens": 4, "num_prefill_tokens": 6}
DECODE = {"request_id": "d", "phase": "decode", "num_tokens": 4, "num_total_tokens": 20, "num_blocks": 3}
CHUNK = {
    "request_id": "p",
    "phase": "prefill",
    "num_tokens": 6,
    "num_computed_tokens": 10,
    "need_prefill_tokens": 30,
    "num_blocks": 2,
}
ALL = {
    "step": 1,
    "num_decoding": 1,
    "num_decode_tokens": 4,
    "num_prefill_tokens": 6,
    "num_slots_used": 4,
    "num_free_blocks": 95,
    "num_owned_blocks": 5,
    "budget": 0,
    "launch_tokens": 10,
    "requests": [DECODE, CHUNK],
}
BLOCKS = (64, 300, 400, 1 << 20)
"""Bytes that are read at a time: a part of a line, one line, two, all."""

EXPERT_PARALLEL = replace(
    CONFIG, expert_parallel_size=8, num_experts=64, num_max_dispatch_tokens_per_rank=8, max_num_batched_tokens=512
)


def audit(
    folder: Path,
    *records: dict[str, Any],
    config: ServingConfig = CONFIG,
    policy: str = "reference",
    form: str = "",
) -> Audit:
    path = folder / "trace"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return audit_file(path, config, policy, form)


def audit_file(path: Path, config: ServingConfig, policy: str = "reference", form: str = "") -> Audit:
    settings = Settings(source="config.yaml", style=Style.FILE)
    deployment = Deployment(
        source="config.yaml",
        file="config.yaml",
        engine=FASTDEPLOY,
        settings=settings,
        config=config,
        policy=None,
        notes=(),
    )
    return audit_trace(path, FORMS[form or "schedproof"], deployment, POLICIES[policy])


def results(found: Audit) -> dict[str, Result]:
    return {result.invariant: result for result in found.subject.results}


def chunk(step: int, computed: int, tokens: int, **fields: Any) -> dict[str, Any]:
    request = CHUNK | {"num_computed_tokens": computed, "num_tokens": tokens, "num_blocks": 9} | fields
    return {
        "step": step,
        "num_decoding": 0,
        "num_decode_tokens": 0,
        "num_prefill_tokens": tokens,
        "requests": [request],
    }
