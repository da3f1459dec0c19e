"""The command ``schedproof replay``."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from schedproof import NEWEST, POLICIES, Policy
from schedproof_gate.check.unchecked import not_done
from schedproof_gate.deployment.deployment import Deployment
from schedproof_gate.deployment.deployment_file import read_deployments
from schedproof_gate.deployment.engines import ASSUMED, named_policies
from schedproof_gate.deployment.given import Given, Origin
from schedproof_gate.errors import COMMAND_LINE, InputError
from schedproof_gate.processes import Lost, interrupted_when_terminated
from schedproof_gate.replay.findings import PolicyReplay, Replay, subjects_of
from schedproof_gate.replay.measurements import Measurements
from schedproof_gate.replay.options import MAX_KV_BLOCKS, ReplayOptions, replay_options
from schedproof_gate.replay.page import write_page
from schedproof_gate.replay.parallel import Run, replay_all, replay_one
from schedproof_gate.replay.pictures import require_plotting, write_picture
from schedproof_gate.replay.plan import ReplayPlan, Survey, survey
from schedproof_gate.replay.recording import Recorder
from schedproof_gate.replay.step_time import StepTime
from schedproof_gate.replay.text import render_replays
from schedproof_gate.replay.workloads.formats import Workload, recognised_format
from schedproof_gate.report.output import emit, replaced, tell_unread
from schedproof_gate.report.renderers import RENDERERS
from schedproof_gate.report.report import Report
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
@click.argument("workload_files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="WORKLOAD...")
@replay_options
def replay(**values: Any) -> int:
    """Drive the reference engine with a request trace: what its steps run, who waits, which invariants break.

    A WORKLOAD is a trace of Azure's (CSV) or Mooncake's (JSON lines), or your own: JSON lines or CSV with
    arrival_s, num_prompt_tokens and max_new_tokens. Several --policy options compare versions on the same requests.
    Times are modelled by a stated function of a step's tokens; the same input gives the same output, byte for byte.
    """
    with interrupted_when_terminated():
        return run(ReplayOptions(**values))


def run(options: ReplayOptions) -> int:
    """Replay, write what was asked for, and return the exit code.

    Raises:
        InputError: a file or a flag cannot be used.
        KeyboardInterrupt: the one trace was not replayed to its end.
    """
    deployment = with_num_kv_blocks(the_deployment(options.config_file), options.num_kv_blocks)
    accepted = options.findings.accepted([deployment.file], [deployment])
    found = replays_of(options, deployment)
    only = found[0] if len(found) == 1 else None
    if isinstance(only, InputError):
        raise only
    if isinstance(only, Lost) and only.is_interrupted:
        raise KeyboardInterrupt
    done = [each for each in found if isinstance(each, Replay)]
    report = options.findings.observed(report_of_all(options.workload_files, found, options.fail_on), accepted)
    if isinstance(only, Replay) and options.png is not None:
        write_picture(only, options.png)
    if isinstance(only, Replay) and options.html is not None:
        write_page(only, report, options.html)
    text = render_replays(done, report) if options.form == "text" else RENDERERS[options.form](report)
    emit(text, options.output)
    tell_unread(report)
    return report.exit_code()


def replay_of(options: ReplayOptions) -> Replay:
    """Return what the one trace comes to under each policy; the steps are recorded if that was asked for.

    Raises:
        InputError: a file or a flag cannot be used.
        KeyboardInterrupt: it was not replayed to its end.
    """
    deployment = with_num_kv_blocks(the_deployment(options.config_file), options.num_kv_blocks)
    (found,) = replays_of(options, deployment)
    if isinstance(found, InputError):
        raise found
    if isinstance(found, Lost):
        raise KeyboardInterrupt
    return found


def replays_of(options: ReplayOptions, deployment: Deployment) -> list[Replay | InputError | Lost]:
    """Return what each trace comes to under each policy, in order, or why it was not replayed.

    Raises:
        InputError: a flag cannot be used.
    """
    policies, notes = chosen_policies(options.policy_names, deployment)
    require_outputs(options, policies)
    prepared = [prepared_or_error(path, options, deployment, policies) for path in options.workload_files]
    runs = [
        Run(each.plan, policy, each.survey.num_requests)
        for each in prepared
        if isinstance(each, Prepared)
        for policy in each.starting
    ]
    measured = iter(measure(runs, options))
    several = len(options.workload_files) > 1
    found: list[Replay | InputError | Lost] = []
    for each in prepared:
        if isinstance(each, InputError):
            found.append(each)
            continue
        results = {policy.name: next(measured) for policy in each.starting}
        failed = [result for result in results.values() if not isinstance(result, Measurements)]
        if failed:
            found.append(failed[0])
            continue
        workload = each.plan.workload.source
        found.append(
            Replay(
                deployment=deployment,
                source=f"{deployment.source} with {workload}" if several else deployment.source,
                plan=each.plan,
                survey=each.survey,
                notes=notes,
                policies=tuple(replayed(policy, each.plan, results.get(policy.name)) for policy in policies),
                fail_on=options.fail_on,
                selection=options.findings.selection,
            )
        )
    return found


def replayed(policy: Policy, plan: ReplayPlan, measured: object) -> PolicyReplay:
    """Return what became of a trace under a policy, which may not start with the configuration."""
    return PolicyReplay(
        policy=policy,
        problems=tuple(policy.problems(plan.config)),
        measured=measured if isinstance(measured, Measurements) else None,
    )


@dataclass(frozen=True, slots=True)
class Prepared:
    """A trace that can be replayed."""

    plan: ReplayPlan
    starting: list[Policy]
    """The policies that start with the configuration."""
    survey: Survey


def prepared_or_error(
    path: Path, options: ReplayOptions, deployment: Deployment, policies: list[Policy]
) -> Prepared | InputError:
    """Return a trace ready to be replayed, or why it cannot be."""
    try:
        plan = plan_of(path, options, deployment)
        starting = [policy for policy in policies if not policy.problems(plan.config)]
        surveyed = survey(plan, starting[0] if starting else None)
        refuse_hopeless_requests(surveyed, deployment, plan, options.skip_refused)
    except InputError as error:
        return error
    return Prepared(plan, starting, surveyed)


def report_of_all(workloads: tuple[Path, ...], found: list[Replay | InputError | Lost], fail_on: str) -> Report:
    """Return the report on what became of the traces, in their order."""
    subjects = (subject for each in found if isinstance(each, Replay) for subject in subjects_of(each))
    errors = [
        not_done(str(workload), str(workload), each)
        for workload, each in zip(workloads, found, strict=True)
        if not isinstance(each, Replay)
    ]
    return Report(
        subjects=tuple(subjects),
        fail_on=fail_on,
        unread=tuple(errors),
        subject_noun="replay",
        is_interrupted=any(isinstance(each, Lost) and each.is_interrupted for each in found),
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


def plan_of(path: Path, options: ReplayOptions, deployment: Deployment) -> ReplayPlan:
    """Return what to replay.

    Raises:
        InputError: the workload's form is neither given nor known.
    """
    return ReplayPlan(
        workload=Workload(
            path=path,
            format=options.workload_format or recognised_format(path),
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
    for option in ("--html", "--png", "--record"):
        if len(options.workload_files) > 1 and outputs[option] is not None:
            raise InputError(
                f"is of one trace, not of {len(options.workload_files)}",
                source=COMMAND_LINE,
                key=option,
                advice="give one WORKLOAD",
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


def measure(runs: list[Run], options: ReplayOptions) -> list[Measurements | InputError | Lost]:
    """Replay each, in order; a recording is either whole or not there.

    Raises:
        InputError: the recording cannot be written, or the trace cannot be read to its end while it is.
        KeyboardInterrupt: it was stopped while it was recorded.
    """
    if options.record is None or not runs:
        return replay_all(runs, options.jobs)
    (run,) = runs
    with replaced(options.record, "--record") as file:
        found = replay_one(run, Recorder(file, run.plan.config, run.policy.name).add)
        if isinstance(found, InputError):
            raise found
        if isinstance(found, Lost):
            raise KeyboardInterrupt
        return [found]
