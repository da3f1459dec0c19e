"""FastDeploy's flags, variables and defaults. The only module that knows them.

Source: ``fastdeploy/engine/args_utils.py``, ``fastdeploy/config.py`` and ``fastdeploy/envs.py``; the V1 scheduler.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from schedproof import NEWEST, Platform, Role, ServingConfig, SpeculativeConfig, SpeculativeMethod
from schedproof.engines.fastdeploy.releases import ALWAYS_CHUNKING
from schedproof.engines.fastdeploy.rules.capacity import loaded_dispatch_tokens
from schedproof_gate.deployment import fastdeploy_reserve
from schedproof_gate.deployment.fastdeploy_reserve import refuse_other_reserves
from schedproof_gate.deployment.given import Given
from schedproof_gate.deployment.launch import Argument
from schedproof_gate.deployment.settings import Engine, Settings, Understood
from schedproof_gate.errors import quoted
from schedproof_gate.misspellings import closest


@dataclass(frozen=True, slots=True)
class Number:
    """A setting that is one integer: its field, what the engine takes when it is absent, and the least value."""

    field: str
    default: int | None
    least: int = 1


FLAGS = {
    "max_num_seqs": Number("max_num_seqs", 8),
    "max_model_len": Number("max_model_len", 2048),
    "block_size": Number("block_size", 64),
    "num_gpu_blocks_override": Number("num_kv_blocks", None),
    "tensor_parallel_size": Number("tensor_parallel_size", 1),
    "data_parallel_size": Number("data_parallel_size", 1),
    "prealloc_dec_block_slot_num_threshold": Number("prealloc_dec_block_slot_num_threshold", 12, least=0),
}

VARIABLES = {
    "FD_ENC_DEC_BLOCK_NUM": Number("enc_dec_block_num", 2, least=0),
    "FD_DETERMINISTIC_SPLIT_KV_SIZE": Number("split_kv_size", 16),
    "NVSHMEM_QP_DEPTH": Number("dispatch_queue_depth", 1024),
}

MODEL_KEYS = {
    "num_max_dispatch_tokens_per_rank": Number("num_max_dispatch_tokens_per_rank", None, least=0),
}

BUDGET = "max_num_batched_tokens"
DEFAULT_BUDGET = 8192
EXPERT_KEYS = ("moe_num_experts", "num_experts", "n_routed_experts")

ROLES = {role.value: role.value for role in Role}
MODALITIES = {"mixed": "mixed", "text": "text"}
PLATFORMS = {"cuda": Platform.GPU.value} | {platform.value: platform.value for platform in Platform}
OTHER_PLATFORMS = frozenset({"cpu", "dcu", "gcu", "hpu", "intel_hpu", "npu"})
"""Platforms of FastDeploy that run another scheduler, or other rules, than the ones that schedproof knows."""

DEVICE_VARIABLES = {"XPU_VISIBLE_DEVICES": Platform.XPU, "MACA_VISIBLE_DEVICES": Platform.MACA}
BUDGET_IS_CONTEXT = frozenset({Platform.MACA, Platform.ILUVATAR})
"""Platforms where the limit is max_model_len unless it is given (MetaX since release 2.5, Iluvatar since 2.6)."""

LOCAL_SCHEDULER, SPLITWISE_SCHEDULER = "local", "splitwise"
METHODS = {
    "mtp": SpeculativeMethod.MTP.value,
    "hybrid_mtp_ngram": SpeculativeMethod.MTP.value,
    "ngram": SpeculativeMethod.NGRAM.value,
    "ngram_match": SpeculativeMethod.NGRAM.value,
    "suffix": SpeculativeMethod.SUFFIX.value,
    "naive": SpeculativeMethod.NAIVE.value,
}
SPECULATION_KEYS = {
    "num_speculative_tokens": Number("num_speculative_tokens", 1, least=0),
    "num_model_steps": Number("num_model_steps", 1),
}

OTHER_FLAGS = """
api_key cache_queue_port cache_transfer_protocol chat_template chunked_moe_size controller_port convert
early_stop_config engine_worker_queue_port eplb_config gpu_memory_utilization graph_optimization_config
guided_decoding_backend guided_decoding_disable_any_whitespace host innode_prefill_ports ips kv_cache_ratio
limit_mm_per_prompt load_choices load_strategy local_data_parallel_id logits_processors
logprobs_mode long_prefill_token_threshold max_concurrency max_encoder_cache max_logprobs max_long_partial_prefills
max_num_partial_prefills max_processor_cache max_waiting_time metrics_port mm_processor_kwargs model_config_name
model_impl override_pooler_config pd_comm_port plas_attention_config port ports quantization rdma_comm_ports
reasoning_parser revision routing_replay_config rsync_config runner scheduler_db scheduler_expire_period
scheduler_host scheduler_load_shards_num scheduler_max_size scheduler_min_load_score
scheduler_password scheduler_port scheduler_reader_batch_size scheduler_reader_parallel
scheduler_release_load_expire_period scheduler_sync_period scheduler_topic scheduler_ttl scheduler_writer_batch_size
scheduler_writer_parallel seed served_model_name static_decode_blocks task timeout
timeout_graceful_shutdown tokenizer tokenizer_base_url tool_call_parser tool_parser_plugin use_warmup workers
write_policy
"""

NOT_MODELLED = {
    "swap_space": "KV blocks in host memory",
    "kvcache_storage_backend": "KV blocks in storage",
    "enable_output_caching": "prefix caching of output",
}
"""What these flags turn on has no part in any verdict."""

SWITCHES = """
disable_chunked_mm_input disable_custom_all_reduce disable_sequence_parallel_moe dynamic_load_weight
enable_chunked_moe enable_chunked_prefill enable_early_stop enable_entropy enable_eplb enable_expert_parallel
enable_flashinfer_allreduce_fusion enable_keep_sampling_mask enable_logprob enable_mm
enable_overlap_schedule enable_prefix_caching lm_head_fp32 shutdown_comm_group_if_worker_idle skip_port_check
use_cudagraph use_internode_ll_two_stage
"""

ENTRY_POINT = re.compile(r"fastdeploy\.entrypoints\.|(.*/)?(multi_)?api_server\.py$")
COMMAND = re.compile(r"(.*/)?fastdeploy$")
SERVE = "serve"


def launch_arguments(arguments: tuple[Argument, ...]) -> tuple[Argument, ...] | None:
    """Return what follows FastDeploy's entry point; a command that begins with a flag is all flags."""
    if arguments and arguments[0].text.startswith("--"):
        return arguments
    for index, argument in enumerate(arguments):
        if ENTRY_POINT.match(argument.text):
            return arguments[index + 1 :]
        rest = arguments[index + 1 :]
        if COMMAND.match(argument.text) and rest and rest[0].text == SERVE:
            return rest[1:]
    return None


def understand(settings: Settings) -> Understood:
    """Return what FastDeploy makes of its flags before its own start-up checks.

    Raises:
        InputError: a value of the wrong type or out of range, or one that the model does not cover.
    """
    environment = settings.environment
    scheduler = environment.get("ENABLE_V1_KVCACHE_SCHEDULER")
    if scheduler is not None and not scheduler.truth():
        raise scheduler.fail("selects the scheduler before V1, which schedproof does not know", "remove it")
    refuse_other_reserves(environment, settings.version or NEWEST)
    fields: dict[str, Any] = {}
    for names, given in ((FLAGS, settings.flags), (VARIABLES, environment), (MODEL_KEYS, settings.model)):
        fields |= {number.field: read_number(given.get(name), number) for name, number in names.items()}
    role, platform = read_role(settings), read_platform(settings)
    chunked_prefill = always_chunks(settings) or not is_on(environment.get("FD_DISABLE_CHUNKED_PREFILL"))
    is_context = not chunked_prefill or platform in BUDGET_IS_CONTEXT
    default_budget = fields["max_model_len"] if is_context else DEFAULT_BUDGET
    fields |= {BUDGET: read_number(settings.flags.get(BUDGET), Number(BUDGET, default_budget))}
    if role is not Role.MIXED:
        fields |= read_router(settings)
    is_expert_parallel = is_on(settings.flags.get("enable_expert_parallel"))
    ranks = fields["tensor_parallel_size"] * fields["data_parallel_size"] if is_expert_parallel else 1
    config = ServingConfig(
        role=role,
        platform=platform,
        speculation=read_speculation(settings.flags.get("speculative_config")),
        chunked_prefill=chunked_prefill,
        enable_chunked_prefill=is_on(settings.flags.get("enable_chunked_prefill")),
        deterministic=is_on(environment.get("FD_DETERMINISTIC_MODE")),
        max_multimodal_item_tokens=read_longest_item(settings),
        expert_parallel_size=ranks,
        num_experts=read_num_experts(settings),
        **fields,
    )
    return Understood(config=config, notes=tuple(notes_on(settings, config)))


def notes_on(settings: Settings, config: ServingConfig) -> list[str]:
    """Return what the flags do not do although a person may think so, and what is not known."""
    notes = []
    chunking = settings.flags.get("enable_chunked_prefill")
    disabling = settings.environment.get("FD_DISABLE_CHUNKED_PREFILL")
    if chunking is not None and not chunking.truth() and config.chunked_prefill:
        way_out = "nor does anything else" if always_chunks(settings) else "FD_DISABLE_CHUNKED_PREFILL=1 does"
        notes.append(
            f"{chunking.origin.spelling} does not stop the V1 scheduler from cutting prompts into chunks; {way_out}"
        )
    if is_on(disabling) and always_chunks(settings):
        notes.append(
            "FD_DISABLE_CHUNKED_PREFILL does not stop the scheduler of this version from cutting prompts into "
            "chunks; it does so since PR 7152, in release 2.6"
        )
    for name, what in NOT_MODELLED.items():
        given = settings.flags.get(name)
        if given is not None and given.value not in (None, False, 0, "0"):
            notes.append(f"{given.origin.spelling} turns on {what}, which no verdict here speaks of")
    if config.expert_parallel_size > 1 and not settings.model:
        notes.append(
            "the model's config.json was not found: num_max_dispatch_tokens_per_rank is taken as the preset "
            f"{loaded_dispatch_tokens(config)}, the number of experts as unknown"
        )
    return notes


def read_number(given: Given | None, number: Number) -> int | None:
    """Return an integer setting; null counts as absent where the engine's own default is."""
    if given is None or (given.value is None and number.field in (BUDGET, "num_kv_blocks")):
        return number.default
    return given.whole_number(number.least)


def always_chunks(settings: Settings) -> bool:
    """Return whether the scheduler of this version cuts prompts into chunks whatever a person says."""
    return (settings.version or NEWEST).name in ALWAYS_CHUNKING


def is_on(given: Given | None) -> bool:
    """Return whether a switch is given and true."""
    return given is not None and given.truth()


def read_role(settings: Settings) -> Role:
    """Return the node's role from either flag.

    Raises:
        InputError: no such role, or the two flags differ.
    """
    role = settings.flags.get("splitwise_role")
    nested = settings.flags.get("splitwise_config")
    also = None if nested is None else nested.members().get("role")
    named = [Role(given.choice(ROLES)) for given in (role, also) if given is not None]
    if len(set(named)) > 1:
        assert role is not None and also is not None
        raise also.fail(f"differs from {role.origin.spelling}", "give the role once")
    return named[0] if named else Role.MIXED


def read_platform(settings: Settings) -> Platform:
    """Return the accelerator: as the file names it, else the one whose device variable is set.

    Raises:
        InputError: no such platform, or one that the model does not cover.
    """
    named = settings.platform
    if named is not None:
        if named.value in OTHER_PLATFORMS:
            advice = f"only {', '.join(PLATFORMS)} can be checked"
            raise named.fail(f"schedproof does not know FastDeploy's rules on {quoted(named.value)}", advice)
        return Platform(named.choice(PLATFORMS))
    found = [platform for name, platform in DEVICE_VARIABLES.items() if name in settings.environment]
    return found[0] if found else Platform.GPU


def read_router(settings: Settings) -> dict[str, bool]:
    """Return who hands out requests to a prefill or decode node: a router, or a scheduler that needs none."""
    given = settings.flags.get("scheduler_name")
    scheduler = LOCAL_SCHEDULER if given is None else given.text()
    return {
        "has_router": "router" in settings.flags or scheduler != LOCAL_SCHEDULER,
        "has_splitwise_scheduler": scheduler == SPLITWISE_SCHEDULER,
    }


def read_speculation(given: Given | None) -> SpeculativeConfig:
    """Return the speculative config; FastDeploy makes one, with method None, when the flag is absent.

    Raises:
        InputError: no such method, a wrong type, or a misspelt key.
    """
    members = {} if given is None or given.value is None else given.members()
    for name, member in members.items():
        if name not in SPECULATION_KEYS and name != "method":
            close = closest(name, ["method", *SPECULATION_KEYS])
            if close is not None:
                raise member.fail("unknown key", f"did you mean {close}?")
    method = members.get("method")
    if method is None or method.value is None:
        kind = SpeculativeMethod.NONE
    else:
        kind = SpeculativeMethod(method.choice(METHODS))
    numbers: dict[str, Any] = {
        number.field: read_number(members.get(name), number) for name, number in SPECULATION_KEYS.items()
    }
    if kind is SpeculativeMethod.NAIVE:
        numbers["num_speculative_tokens"] = 0
    return SpeculativeConfig(method=kind, **numbers)


def read_longest_item(settings: Settings) -> int:
    """Return the longest multimodal item from ``{"image": n, "video": n, "audio": n}``; 0 for text only.

    A model that is deployed for text alone has no items, whatever its ``config.json`` says.
    """
    modality = settings.flags.get("deploy_modality")
    given = settings.model.get("mm_max_tokens_per_item")
    is_text = modality is not None and modality.choice(MODALITIES) == "text"
    if is_text or given is None or given.value is None:
        return 0
    return max((member.whole_number() for member in given.members().values()), default=0)


def read_num_experts(settings: Settings) -> int:
    """Return the model's routed experts under any of its names; 0 when it has none or the number is unknown.

    A model with a number per modality counts with their greatest common divisor: ranks divide all of the numbers
    exactly when they divide that.
    """
    for key in EXPERT_KEYS:
        given = settings.model.get(key)
        if given is None or given.value is None:
            continue
        if isinstance(given.value, list):
            counts = [Given(value=node.value, origin=given.origin).whole_number() for node in given.value]
            return math.gcd(*counts)
        return given.whole_number()
    return 0


FASTDEPLOY = Engine(
    name="fastdeploy",
    significant=frozenset(FLAGS)
    | {
        BUDGET,
        "splitwise_role",
        "splitwise_config",
        "speculative_config",
        "enable_expert_parallel",
        "enable_chunked_prefill",
        "deploy_modality",
        "router",
        "scheduler_name",
        "config",
        "model",
        *NOT_MODELLED,
    },
    other_flags=frozenset(OTHER_FLAGS.split()),
    switches=frozenset({*SWITCHES.split(), "enable_output_caching"}),
    aliases={"tp": "tensor_parallel_size"},
    environment=frozenset(VARIABLES)
    | {
        "ENABLE_V1_KVCACHE_SCHEDULER",
        "FD_DISABLE_CHUNKED_PREFILL",
        "FD_DETERMINISTIC_MODE",
        *fastdeploy_reserve.VARIABLES,
        *DEVICE_VARIABLES,
    },
    environment_prefixes=("FD_", "NVSHMEM_", "ENABLE_V1_"),
    config_file_flag="config",
    model_flag="model",
    flag_of_field={
        **{number.field: name for table in (FLAGS, VARIABLES, MODEL_KEYS) for name, number in table.items()},
        BUDGET: BUDGET,
        "role": "splitwise_role",
        "speculation": "speculative_config",
        "num_speculative_tokens": "speculative_config.num_speculative_tokens",
        "expert_parallel_size": "enable_expert_parallel",
        "deterministic": "FD_DETERMINISTIC_MODE",
        "chunked_prefill": "FD_DISABLE_CHUNKED_PREFILL",
        "enable_chunked_prefill": "enable_chunked_prefill",
        "has_router": "router",
        "has_splitwise_scheduler": "scheduler_name",
    },
    repairable=(
        BUDGET,
        "max_num_seqs",
        "num_speculative_tokens",
        "max_model_len",
        "num_kv_blocks",
        "num_max_dispatch_tokens_per_rank",
        "dispatch_queue_depth",
    ),
    launch_arguments=launch_arguments,
    understand=understand,
)
