"""The options of ``schedproof replay``: what a person can say about a run, and its defaults."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import click

from schedproof_gate.accept.options import OPTIONS as FINDING_OPTIONS
from schedproof_gate.accept.options import FindingOptions
from schedproof_gate.accept.selection import selection_of
from schedproof_gate.completion import complete_policy
from schedproof_gate.deployment.given import MAX_NUMBER
from schedproof_gate.replay.acceptance import ACCEPTANCE_RATE
from schedproof_gate.replay.step_time import BASE_LATENCY_US, LATENCY_PER_TOKEN_US, TRANSFER_PER_TOKEN_US
from schedproof_gate.replay.workloads.formats import FORMATS
from schedproof_gate.replay.workloads.mooncake import TOKENS_PER_HASH
from schedproof_gate.report.counting import fail_on_option
from schedproof_gate.report.options import (
    POLICY_METAVAR,
    colour_option,
    jobs_option,
    output_option,
    quiet_option,
    verbose_option,
)
from schedproof_gate.report.renderers import RENDERERS

MAX_RATE_SCALE = 1e6
MAX_LATENCY_US = 1e9

MAX_KV_BLOCKS = 1 << 20
"""What fits in some 100 MB of a replay's memory: 64 million tokens in blocks of 64."""

Command = Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayOptions:
    """What a person said, by the names of the options."""

    workload_files: tuple[Path, ...]
    config_file: Path
    policy_names: tuple[str, ...]
    num_kv_blocks: int | None
    workload_format: str | None
    tokens_per_hash: int
    limit: int | None
    rate_scale: float
    skip_refused: bool
    base_latency_us: float
    latency_per_token_us: float
    transfer_per_token_us: float
    acceptance_rate: float
    seed: int
    jobs: int | None
    form: str
    fail_on: str
    output: Path | None
    html: Path | None
    png: Path | None
    record: Path | None
    select: tuple[str, ...]
    ignore: tuple[str, ...]
    baseline: Path | None
    write_baseline: Path | None

    @property
    def findings(self) -> FindingOptions:
        """Which findings are asked for and accepted.

        Raises:
            InputError: a name that is no invariant, family or consequence.
        """
        return FindingOptions(
            selection=selection_of(self.select, self.ignore),
            baseline=self.baseline,
            write_baseline=self.write_baseline,
        )


class FiniteRange(click.FloatRange):
    """A range of numbers without the one that is none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number; not-a-number is in no range."""
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value} is not a number.", param, ctx)
        return number


def file_option(flag: str, help_text: str) -> Callable[[Command], Command]:
    """Return an option that names a file to write."""
    return click.option(flag, type=click.Path(path_type=Path), metavar="FILE", help=help_text)


def latency_option(flag: str, default: float, help_text: str) -> Callable[[Command], Command]:
    """Return an option for a coefficient of the modelled time."""
    return click.option(
        flag, type=FiniteRange(0, MAX_LATENCY_US), default=default, show_default=True, metavar="US", help=help_text
    )


OPTIONS = (
    click.option(
        "--config",
        "config_file",
        type=click.Path(path_type=Path),
        required=True,
        metavar="FILE",
        help="The deployment, in any form that `check` reads.",
    ),
    click.option(
        "--policy",
        "policy_names",
        multiple=True,
        metavar=POLICY_METAVAR,
        shell_complete=complete_policy,
        help="An engine version, or a rule of your own, whose module is run; several to compare, `all` for all "
        "versions.",
    ),
    click.option(
        "--num-kv-blocks",
        type=click.IntRange(1, MAX_KV_BLOCKS),
        metavar="N",
        help="KV blocks of the pool (FastDeploy's num_gpu_blocks_override).",
    ),
    click.option(
        "--workload-format", type=click.Choice(list(FORMATS)), help="The form of WORKLOAD, instead of a guess."
    ),
    click.option(
        "--tokens-per-hash",
        type=click.IntRange(1, MAX_NUMBER),
        default=TOKENS_PER_HASH,
        show_default=True,
        metavar="N",
        help="Prompt tokens behind each of mooncake's hash ids.",
    ),
    click.option("--limit", type=click.IntRange(1), metavar="N", help="Replay the first N requests."),
    click.option(
        "--rate-scale",
        type=FiniteRange(1 / MAX_RATE_SCALE, MAX_RATE_SCALE),
        default=1.0,
        show_default=True,
        metavar="X",
        help="Let requests arrive X times as fast.",
    ),
    click.option(
        "--skip-refused", is_flag=True, help="Leave requests out that can never be served, and count them."
    ),
    latency_option("--base-latency-us", BASE_LATENCY_US, "Modelled time of a step without tokens."),
    latency_option("--latency-per-token-us", LATENCY_PER_TOKEN_US, "Modelled time of each token of a step."),
    latency_option(
        "--transfer-per-token-us", TRANSFER_PER_TOKEN_US, "Modelled time of each token of a cache between nodes."
    ),
    click.option(
        "--acceptance-rate",
        type=FiniteRange(0, 1),
        default=ACCEPTANCE_RATE,
        show_default=True,
        metavar="P",
        help="Probability that the target model accepts a draft.",
    ),
    click.option("--seed", type=click.IntRange(0, MAX_NUMBER), default=0, show_default=True, metavar="N"),
    jobs_option,
    click.option("--format", "form", type=click.Choice(list(RENDERERS)), default="text", show_default=True),
    fail_on_option,
    *FINDING_OPTIONS,
    output_option,
    colour_option,
    quiet_option,
    verbose_option,
    file_option("--html", "Write a page with the figures and pictures to FILE."),
    file_option("--png", "Write the picture to FILE."),
    file_option("--record", "Write every step to FILE, as `audit` reads it; for one policy."),
)


def replay_options(command: Command) -> Command:
    """Give a command all options of a replay."""
    return reduce(lambda decorated, option: option(decorated), reversed(OPTIONS), command)
