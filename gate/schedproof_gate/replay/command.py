"""The command ``schedproof replay``."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from schedproof import NEWEST, POLICIES, Policy
from schedproof_gate.deployment.deployment import Deployment
from schedproof_gate.deployment.deployment_file import read_deployments
from schedproof_gate.deployment.engines import ASSUMED, named_policies
from schedproof_gate.deployment.given import Given, Origin
from schedproof_gate.errors import COMMAND_LINE, InputError
from schedproof_gate.replay.findings import PolicyReplay, Replay, report_of
from schedproof_gate.replay.measurements import Measurements
from schedproof_gate.replay.options import MAX_KV_BLOCKS, ReplayOptions, replay_options
from schedproof_gate.replay.page import write_page
from schedproof_gate.replay.parallel import replay_all, replay_one
from schedproof_gate.replay.pictures import require_plotting, write_picture
from schedproof_gate.replay.plan import ReplayPlan, Survey, survey
from schedproof_gate.replay.recording import Recorder
from schedproof_gate.replay.step_time import StepTime
from schedproof_gate.replay.text import render_replay
from schedproof_gate.replay.workloads.formats import Workload, recognised_format
from schedproof_gate.report.output import emit, replaced
from schedproof_gate.report.renderers import RENDERERS
from schedproof_gate.report.wording import in_own_flags

ALL = "all"
KV_BLOCKS = "num_kv_blocks"

REMEDIES = {
    "max_model_len": "max_model_len",
    "KV blocks": KV_BLOCKS,
    "max_multimodal_item_tokens": "model_config.mm_max_tokens_per_item",
}
"""What to change, by what the engine's refusal speaks of."""


@click.command()
@click.argument("workload_file", type=click.Path(path_type=Path), metavar="WORKLOAD")
@replay_options
def replay(**values: Any) -> int:
    """Drive the reference engine with a request trace: what its steps run, who waits, which invariants break.

    WORKLOAD is a trace of Azure's (CSV) or Mooncake's (JSON lines), or your own: JSON lines or CSV with arrival_s,
    num_prompt_tokens and max_new_tokens. Several --policy options compare versions on the same requests. Times are
    modelled by a stated function of a step's tokens; the same input gives the same output, byte for byte.
    """
    with interrupted_when_terminated():
        return run(ReplayOptions(**values))


def run(options: ReplayOptions) -> int:
    """Replay, write what was asked for, and return the exit code.

    Raises:
        InputError: a file or a flag cannot be used.
    """
    done = replay_of(options)
    report = options.findings.observed(report_of(done), [done.deployment])
    if options.png is not None:
        write_picture(done, options.png)
    if options.html is not None:
        write_page(done, report, options.html)
    text = render_replay(done, report) if options.form == "text" else RENDERERS[options.form](report)
    emit(text, options.output)
    return report.exit_code()


def replay_of(options: ReplayOptions) -> Replay:
    """Return what a trace comes to under each policy; the steps are recorded if that was asked for.

    Raises:
        InputError: a file or a flag cannot be used.
    """
    selection = options.findings.selection
    deployment = with_num_kv_blocks(the_deployment(options.config_file), options.num_kv_blocks)
    policies, notes = chosen_policies(options.policy_names, deployment)
    require_outputs(options, policies)
    plan = plan_of(options, deployment)
    starting = [policy for policy in policies if not policy.problems(plan.config)]
    surveyed = survey(plan, starting[0] if starting else None)
    refuse_hopeless_requests(surveyed, deployment, plan, options.skip_refused)
    measured = measure(plan, starting, surveyed.num_requests, options)
    runs = (
        PolicyReplay(
            policy=policy, problems=tuple(policy.problems(plan.config)), measured=measured.get(policy.name)
        )
        for policy in policies
    )
    return Replay(
        deployment=deployment,
        plan=plan,
        survey=surveyed,
        notes=notes,
        policies=tuple(runs),
        fail_on=options.fail_on,
        selection=selection,
    )


def the_deployment(path: Path) -> Deployment:
    """Return the one deployment of a file.

    Raises:
        InputError: the file cannot be used, or has several.
    """
    deployments = read_deployments(path)
    if len(deployments) != 1:
        raise InputError(
            f"has {len(deployments)} launch commands, and a replay is of one engine",
            source=str(path),
            advice="give a file with one of them",
        )
    return deployments[0]


def with_num_kv_blocks(deployment: Deployment, num_kv_blocks: int | None) -> Deployment:
    """Return a deployment with the size of its pool: the option's, else its own.

    Raises:
        InputError: neither is given, or its own is too large.
    """
    flag = deployment.name(KV_BLOCKS)
    if num_kv_blocks is not None:
        given = Given(value=num_kv_blocks, origin=Origin(COMMAND_LINE, None, "--num-kv-blocks"))
        settings = dataclasses.replace(deployment.settings, flags={**deployment.settings.flags, flag: given})
        config = dataclasses.replace(deployment.config, num_kv_blocks=num_kv_blocks)
        return dataclasses.replace(deployment, settings=settings, config=config)
    own = deployment.config.num_kv_blocks
    if own is None:
        raise InputError(
            "the number of KV blocks is not given, which the engine measures at start-up",
            source=deployment.settings.source,
            key=flag,
            advice=f"set {flag} there or give --num-kv-blocks N",
        )
    if own > MAX_KV_BLOCKS:
        origin = deployment.place(KV_BLOCKS)
        assert origin is not None
        raise origin.error(f"{own} is more than a replay holds", f"give --num-kv-blocks N, up to {MAX_KV_BLOCKS}")
    return deployment


def chosen_policies(names: tuple[str, ...], deployment: Deployment) -> tuple[list[Policy], tuple[str, ...]]:
    """Return the policies to replay, each once, and notes on the choice.

    Raises:
        InputError: there is no such policy, or two have one name.
    """
    versions = list(POLICIES.values()) if ALL in names else []
    chosen = [*versions, *named_policies(name for name in names if name != ALL)]
    if chosen:
        return list({policy.name: policy for policy in chosen}.values()), deployment.notes
    if deployment.policy is not None:
        return [deployment.policy], deployment.notes
    note = ASSUMED
    return [NEWEST], (note, *deployment.notes)


def plan_of(options: ReplayOptions, deployment: Deployment) -> ReplayPlan:
    """Return what to replay.

    Raises:
        InputError: the workload's form is neither given nor known.
    """
    return ReplayPlan(
        workload=Workload(
            path=options.workload_file,
            format=options.workload_format or recognised_format(options.workload_file),
            tokens_per_hash=options.tokens_per_hash,
            rate_scale=options.rate_scale,
            limit=options.limit,
        ),
        config=deployment.config,
        step_time=StepTime(
            base_latency_us=options.base_latency_us,
            latency_per_token_us=options.latency_per_token_us,
            transfer_per_token_us=options.transfer_per_token_us,
        ),
        acceptance_rate=options.acceptance_rate,
        seed=options.seed,
    )


def require_outputs(options: ReplayOptions, policies: list[Policy]) -> None:
    """Refuse outputs that cannot be written, before the replay rather than after it.

    Raises:
        InputError: a path is not a file's, a package is not installed, or a recording of several policies.
    """
    outputs = {
        "--output": options.output,
        "--html": options.html,
        "--png": options.png,
        "--record": options.record,
    }
    for option, path in outputs.items():
        if path is None:
            continue
        if not path.absolute().parent.is_dir():
            raise InputError("its folder does not exist", source=str(path), key=option, advice="check the path")
        if path.is_dir():
            raise InputError("is a directory", source=str(path), key=option, advice="give a file")
    for option in ("--html", "--png"):
        if outputs[option] is not None:
            require_plotting(option)
    if options.record is not None and len(policies) > 1:
        raise InputError(
            f"records the steps of one policy, not of {len(policies)}",
            source=COMMAND_LINE,
            key="--record",
            advice="give one --policy",
        )


def refuse_hopeless_requests(
    surveyed: Survey, deployment: Deployment, plan: ReplayPlan, skip_refused: bool
) -> None:
    """Refuse a trace without requests, or with one that can never be served unless those are to be left out.

    Raises:
        InputError: such a trace; the message names the line and the flag to change.
    """
    if surveyed.num_requests == 0:
        raise InputError("has no requests", source=plan.workload.source, advice="give a request trace")
    refusal = surveyed.first_refusal
    if refusal is None or skip_refused:
        return
    fields = [field for words, field in REMEDIES.items() if words in refusal.reason]
    flags = " or ".join(deployment.spelling(field) for field in fields)
    raise InputError(
        in_own_flags(refusal.reason, deployment),
        source=plan.workload.source,
        line=refusal.arrival.line,
        advice=(f"raise {flags}, or " if flags else "") + "leave such requests out with --skip-refused",
    )


def measure(
    plan: ReplayPlan, policies: list[Policy], num_requests: int, options: ReplayOptions
) -> dict[str, Measurements]:
    """Replay each policy, by name; a single one in this process.

    Raises:
        InputError: the trace cannot be read to its end, or the recording cannot be written.
    """
    if len(policies) != 1:
        jobs = min(options.jobs or os.cpu_count() or 1, len(policies))
        return dict(
            zip((policy.name for policy in policies), replay_all(plan, policies, num_requests, jobs), strict=True)
        )
    policy = policies[0]
    if options.record is None:
        return {policy.name: replay_one(plan, policy, num_requests)}
    with replaced(options.record, "--record") as file:
        recorder = Recorder(file, plan.config, policy.name)
        return {policy.name: replay_one(plan, policy, num_requests, recorder.add)}


@contextlib.contextmanager
def interrupted_when_terminated() -> Iterator[None]:
    """Clean up on a request to terminate just as on an interrupt."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
