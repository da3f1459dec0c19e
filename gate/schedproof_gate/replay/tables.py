"""The figures of a replay in rows, for the text and for the page."""

from __future__ import annotations

from dataclasses import dataclass

from schedproof import Role
from schedproof_gate.replay.findings import Replay, seconds, status_of
from schedproof_gate.replay.measurements import Measurements, Quantiles, Tally
from schedproof_gate.report.wording import in_own_flags, plural
from schedproof_spec import INVARIANTS, Invariant, Status

NONE = "-"


@dataclass(frozen=True, slots=True)
class Figures:
    """A table; the first ``num_names`` columns are names, the others numbers."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    num_names: int = 1


def workload_sentence(replay: Replay) -> str:
    """Return what the trace holds."""
    survey = replay.survey
    return (
        f"{plural(survey.num_requests, 'request')} within {seconds(survey.duration_us)} s "
        f"({replay.plan.workload.format}): {survey.num_prompt_tokens:,} prompt tokens, "
        f"{survey.max_new_tokens:,} tokens to generate."
    )


def configuration_sentence(replay: Replay) -> str:
    """Return the sizes that decide about a run."""
    config = replay.plan.config
    drafts = "" if config.tokens_per_seq == 1 else f" of {config.tokens_per_seq} tokens"
    slots = "slots" if config.role == Role.PREFILL else f"decodes{drafts}"
    return (
        f"{replay.deployment.engine.name}, {config.role.value} node: at most {config.max_num_batched_tokens:,} "
        f"tokens a step, {config.max_num_seqs} {slots}, {config.num_kv_blocks:,} KV blocks of {config.block_size} "
        "tokens."
    )


def token_figures(replay: Replay) -> Figures:
    """Return the tokens of the steps, a row a policy."""
    headings = (
        "policy",
        "steps",
        "mean tokens",
        "most tokens",
        "of the limit",
        "steps over it",
        "KV blocks at most",
    )
    return Figures(headings, tuple(token_row(name, run) for name, run in replay.runs))


def token_row(name: str, run: Measurements) -> tuple[str, ...]:
    """Return the tokens of one policy's steps."""
    mean = run.sum_tokens / run.num_steps if run.num_steps else 0.0
    return (
        name,
        f"{run.num_steps:,}",
        f"{mean:,.1f}",
        NONE if run.worst is None else f"{run.worst.num_tokens:,}",
        f"{mean / run.limit:.1%}",
        f"{run.num_over_limit:,}",
        f"{run.peak_used_blocks / run.num_kv_blocks:.1%}",
    )


def waiting_figures(replay: Replay) -> Figures:
    """Return how long requests waited, in seconds, a row a policy."""
    headings = (
        "policy",
        "queued s p50",
        "p99",
        "most",
        "first token s p50",
        "p99",
        "pre- empted",
        "not ended",
    )
    rows = tuple(
        (
            name,
            *in_seconds(run.queueing),
            *in_seconds(run.first_token)[:2],
            f"{run.num_preemptions:,}",
            f"{run.num_unfinished:,}",
        )
        for name, run in replay.runs
    )
    return Figures(headings, rows)


def violation_figures(replay: Replay) -> Figures:
    """Return the invariants that steps violate, with the first such step."""
    rows = tuple(
        (tally.name, name, *first_step(tally))
        for name, run in replay.runs
        for tally in run.tallies.values()
        if status_of(tally, run) is Status.VIOLATED
    )
    return Figures(("violated", "policy", "steps", "first", "at s", "tokens"), rows, num_names=2)


def consequences_sentence(replay: Replay) -> str:
    """Return what the violations of the runs do to people."""
    names: dict[str, list[str]] = {}
    for invariant in violated(replay):
        names.setdefault(invariant.consequence.value, []).append(invariant.name)
    return " ".join(f"{consequence.capitalize()}: {', '.join(found)}." for consequence, found in names.items())


def violated(replay: Replay) -> list[Invariant]:
    """Return the invariants that any run violates, each once."""
    tallies = ((run, tally) for _, run in replay.runs for tally in run.tallies.values())
    names = dict.fromkeys(tally.name for run, tally in tallies if status_of(tally, run) is Status.VIOLATED)
    return [INVARIANTS[name] for name in names]


def first_step(tally: Tally) -> tuple[str, ...]:
    """Return how many steps violate an invariant, and the first one's number, time and tokens."""
    first = tally.first
    if first is None:
        return (NONE,) * 4
    return f"{tally.num_steps:,}", f"{first.index:,}", seconds(first.start_us), f"{first.num_tokens:,}"


def in_seconds(found: Quantiles) -> tuple[str, str, str]:
    """Return median, 99th percentile and maximum in seconds."""
    p50, p99, most = (
        NONE if value is None else seconds(value) for value in (found.p50_us, found.p99_us, found.max_us)
    )
    return p50, p99, most


def refusal_sentences(replay: Replay) -> list[str]:
    """Return why versions refuse to start, a sentence each."""
    return [
        f"{run.policy.name} refuses to start: "
        + "; ".join(in_own_flags(problem, replay.deployment) for problem in run.problems)
        + "."
        for run in replay.policies
        if run.measured is None
    ]


def kept_by_all(replay: Replay) -> list[str]:
    """Return the invariants that were checked and held in each run."""
    kept: dict[str, bool] = {}
    for _, run in replay.runs:
        for name, tally in run.tallies.items():
            kept[name] = kept.get(name, True) and status_of(tally, run) is Status.HELD
    return [name for name, holds in kept.items() if holds]


def kept_sentence(replay: Replay) -> str:
    """Return which invariants held in each run; empty when none did."""
    kept = kept_by_all(replay)
    whose = "" if len(replay.runs) == 1 else ", whatever the policy"
    return f"Held in every step{whose}: {', '.join(kept)}" if kept else ""
