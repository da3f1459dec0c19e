"""Ask vLLM which configurations it starts with, and what absent flags become; write down its answers.

    python tests/recorded/vllm/record_startup.py --source FOLDER --out DIR --seed 0

``FOLDER`` is an unpacked wheel of the release in the README, which also says what the lines mean.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import upstream
from record import VERSION, write_lines
from settings import EngineConfig, Speculation

NUM_CONFIGS = 400
NUM_DEFAULTS = 600
GIB = 2**30
METHODS = ("ngram", "suffix", "eagle", "eagle3", "mtp", "draft_model", "dflash", "dspark")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, required=True, help="the unpacked wheel")
    parser.add_argument("--out", type=Path, required=True, help="where the files go")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    write_all(upstream.load(arguments.source), arguments.out, arguments.seed)


def write_all(loaded: SimpleNamespace, out: Path, seed: int) -> None:
    header = {"schema": "schedproof/vllm-startup/1", "version": VERSION, "seed": seed}
    out.mkdir(parents=True, exist_ok=True)
    write_lines(out / "refusals.jsonl.gz", [header, *refusals(loaded, random.Random(f"refusals/{seed}"))])
    write_lines(out / "defaults.jsonl.gz", [header, *defaults(random.Random(f"defaults/{seed}"))])


def refusals(loaded: SimpleNamespace, rng: random.Random) -> Iterator[dict[str, Any]]:
    """Yield configurations, whether vLLM starts with each, and the active requests that it ends up with."""
    for _ in range(NUM_CONFIGS):
        config = draw_config(rng)
        try:
            found = upstream.vllm_config(loaded, config)
            limits = upstream.encoder_limits(loaded, config, found.scheduler_config)
        except ValueError:
            yield {"config": asdict(config), "starts": False}
            continue
        scheduler = found.scheduler_config
        yield {
            "config": asdict(config),
            "starts": True,
            "draft_slots": 0
            if config.speculation is None
            else found.speculative_config.max_num_new_slots_for_drafting,
            "lookahead": found.num_lookahead_tokens,
            "prefill_lookahead": found.num_prefill_lookahead_tokens,
            "token_limit": scheduler.max_num_scheduled_tokens or scheduler.max_num_batched_tokens,
            "encoder_limits": limits,
            "active_limit": scheduler.max_num_active_seqs or scheduler.max_num_seqs,
        }


def draw_config(rng: random.Random) -> EngineConfig:
    """Draw a configuration whose sizes are near each other, so that about half of them are refused."""
    speculation = None
    if rng.random() < 0.6:
        num_drafts = rng.randint(0, 6)
        speculation = Speculation(
            method=rng.choice(METHODS),
            num_speculative_tokens=num_drafts,
            parallel_drafting=rng.random() < 0.2,
            num_mtp_modules=rng.randint(1, 3),
            samples_from_anchor=rng.random() < 0.5,
        )
    num_seqs = rng.randint(0 if rng.random() < 0.1 else 1, 12)
    model_len = rng.randint(8, 40)
    return EngineConfig(
        max_num_seqs=num_seqs,
        max_num_batched_tokens=rng.choice([rng.randint(0, 12), rng.randint(num_seqs, 60)]),
        max_num_scheduled_tokens=rng.choice([None, None, rng.randint(-1, 60)]),
        max_num_active_seqs=rng.choice([None, None, rng.randint(0, 13)]),
        max_model_len=model_len,
        num_gpu_blocks=100,
        block_size=16,
        long_prefill_token_threshold=rng.choice([0, 0, rng.randint(-1, 45)]),
        enable_chunked_prefill=rng.random() < 0.7,
        speculation=speculation,
        max_multimodal_item_tokens=rng.choice([0, 0, rng.randint(1, 50)]),
        disable_chunked_mm_input=rng.random() < 0.5,
    )


def defaults(rng: random.Random) -> Iterator[dict[str, Any]]:
    """Yield flags and devices, and what vLLM makes of them."""
    from vllm.engine import arg_utils
    from vllm.usage.usage_lib import UsageContext

    usages = {"llm_class": UsageContext.LLM_CLASS, "api_server": UsageContext.OPENAI_API_SERVER}
    platform = arg_utils.current_platform
    for _ in range(NUM_DEFAULTS):
        given = draw_flags(rng)
        arg_utils.current_platform = device(given)
        arguments = SimpleNamespace(
            pipeline_parallel_size=1,
            tensor_parallel_size=1,
            get_batch_defaults=arg_utils.EngineArgs.get_batch_defaults,
            max_num_batched_tokens=given["max_num_batched_tokens"],
            max_num_seqs=given["max_num_seqs"],
            performance_mode="throughput" if given["is_throughput_mode"] else "balanced",
            enable_chunked_prefill=given["enable_chunked_prefill"],
            _get_min_mm_batched_tokens=lambda _, given=given: (given["longest_prefix_lm_item"], "image"),
        )
        has_items = given["longest_prefix_lm_item"] > 0
        arg_utils.EngineArgs._set_default_max_num_seqs_and_batched_tokens_args(
            arguments,
            usages[given["usage"]],
            SimpleNamespace(
                max_model_len=given["max_model_len"],
                is_multimodal_model=has_items,
                is_mm_prefix_lm=has_items,
                model="model",
            ),
            parallel_config(given),
        )
        yield {"given": given, "found": [arguments.max_num_batched_tokens, arguments.max_num_seqs]}
    arg_utils.current_platform = platform


def draw_flags(rng: random.Random) -> dict[str, Any]:
    return {
        "device_memory_bytes": rng.choice([0, 24, 69, 70, 80, 141, 159, 160, 192]) * GIB,
        "device_name": rng.choice(["NVIDIA H100", "NVIDIA A100-SXM4-80GB", "NVIDIA GB10"]),
        "is_gb10": rng.random() < 0.2,
        "usage": rng.choice(["llm_class", "api_server"]),
        "is_throughput_mode": rng.random() < 0.3,
        "all2all_backend": rng.choice(["deepep_low_latency", "nixl_ep", "allgather_reducescatter"]),
        "enable_expert_parallel": rng.random() < 0.5,
        "data_parallel_size": rng.choice([1, 2]),
        "longest_prefix_lm_item": rng.choice([0, 0, 280, 40000]),
        "max_num_batched_tokens": rng.choice([None, None, 128, 4096]),
        "max_num_seqs": rng.choice([None, None, 4, 300]),
        "max_model_len": rng.choice([16, 512, 4096, 32768]),
        "enable_chunked_prefill": rng.random() < 0.7,
    }


def device(given: dict[str, Any]) -> SimpleNamespace:
    """Return a platform with the device that the flags name."""
    return SimpleNamespace(
        get_device_total_memory=lambda: given["device_memory_bytes"],
        get_device_name=lambda: given["device_name"],
        is_device_capability=lambda _: given["is_gb10"],
        is_tpu=lambda: False,
        is_cpu=lambda: False,
    )


def parallel_config(given: dict[str, Any]) -> SimpleNamespace:
    """Return what vLLM's own property says of the experts."""
    from vllm.config import ParallelConfig

    names = ("all2all_backend", "enable_expert_parallel", "data_parallel_size")
    found = SimpleNamespace(**{name: given[name] for name in names})
    found.use_batched_dp_moe = ParallelConfig.use_batched_dp_moe.fget(found)
    return found


if __name__ == "__main__":
    sys.exit(main())
