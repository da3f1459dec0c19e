"""What people said about single rules in pull requests and reviews, each made a theorem and decided."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from proofs.claims import CLAIMS
from proofs.stored import GOLDENS

from schedproof.engines.fastdeploy.config import Platform, Role, ServingConfig
from schedproof.engines.fastdeploy.loop import schedule
from schedproof.engines.fastdeploy.policies import POLICIES
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.engines.fastdeploy.rules.capacity import dispatch_capacity, loaded_dispatch_tokens
from schedproof.engines.fastdeploy.speculation import DRAFTS_IN_TARGET_BATCH, SpeculativeConfig, SpeculativeMethod
from schedproof.engines.fastdeploy.startup import decodes_fit_budget
from schedproof.engines.fastdeploy.turns import Queues
from schedproof.engines.fastdeploy.versions.pr_7237 import Pr7237Draft, is_replaced
from schedproof.engines.fastdeploy.versions.pr_7438 import Pr7438DraftWithoutFloor
from schedproof_spec import Status
from schedproof_spec.prover.context import Context
from schedproof_spec.prover.prove import Theorem, prove, search
from schedproof_spec.states.domain import any_config, any_config_with_dispatch, any_request, familiar_config

HELD, REFUTED = Status.HELD, Status.VIOLATED


def has_drafts(config: ServingConfig) -> bool:
    return config.speculation is not None and DRAFTS_IN_TARGET_BATCH[config.speculation.method]


def decode_node_on_gpu(config: ServingConfig) -> bool:
    return config.role == Role.DECODE and config.platform == Platform.GPU


def slip_without_floor(ctx: Context) -> None:
    """Without a speculative config the slip's budget is 1, whatever the limit."""
    policy = Pr7438DraftWithoutFloor()
    config = any_config(ctx, policy)
    decodes = ctx.integer("num_decoding", 0)
    budget = ctx.merged(lambda: policy.initial_budget(config, decodes))
    if config.speculation is None:
        ctx.prove("the budget is 1", budget == 1)
    else:
        full = config.max_num_seqs * (config.num_speculative_tokens + 1)
        ctx.prove("with a config it is what was meant", budget == config.max_num_batched_tokens - full)


def slip_with_floor(ctx: Context) -> None:
    """With the floor, the slip's budget without a speculative config is min(B, 512): a fixed share."""
    policy = POLICIES["7438-draft"]
    config = any_config(ctx, policy)
    ctx.assume(config.speculation is None)
    budget = ctx.merged(lambda: policy.initial_budget(config, 0))
    ctx.prove("the budget is the floor", ctx.merged(lambda: budget == min(config.max_num_batched_tokens, 512)))


def slip_only_without_config(ctx: Context) -> None:
    """With a speculative config the draft and the merged version hand out the same budget."""
    draft, merged = POLICIES["7438-draft"], POLICIES["7438"]
    config = any_config(ctx, draft)
    ctx.assume(config.speculation is not None)
    decodes = ctx.integer("num_decoding", 0)
    ours = ctx.merged(lambda: draft.initial_budget(config, decodes))
    ctx.prove("the same", ours == ctx.merged(lambda: merged.initial_budget(config, decodes)))


def always_progresses(policy: Policy) -> Theorem:
    """A prompt that waits alone in an empty engine with free KV blocks gets a chunk."""

    def theorem(ctx: Context) -> None:
        """A prompt that waits alone in an empty engine with free KV blocks gets a chunk."""
        config = familiar_config(ctx, policy)
        ctx.assume(ctx.merged(lambda: config.role != Role.DECODE and decodes_fit_budget(config)))
        prompt = ctx.integer("prompt", 1)
        ctx.assume(prompt <= config.max_model_len)
        request = replace(
            any_request(ctx, "waiting[0]", config),
            holds_slot=False,
            num_computed_tokens=0,
            num_blocks=0,
            need_prefill_tokens=prompt,
            num_total_tokens=prompt,
        )
        queues = Queues(running=(), waiting=(request,), num_free_blocks=config.max_blocks_per_seq + 1)
        plan = schedule(queues, config, policy)
        ctx.prove("the prompt gets a chunk", plan.final.prefill_tokens > 0)

    return theorem


def dispatch_with_a_method(ctx: Context) -> None:
    """With a method, and no 0 in config.json, 7237 holds a full decode step."""
    policy = POLICIES["7237"]
    config = any_config_with_dispatch(ctx, policy)
    ctx.assume(config.speculation is not None)
    ctx.assume(config.speculation.method != SpeculativeMethod.NONE)
    ctx.assume(loaded_dispatch_tokens(config) != 0)
    tokens = policy.dispatch_capacity(config).tokens
    ctx.prove("N * (k + 1)", tokens == config.max_num_seqs * (config.num_speculative_tokens + 1))
    ctx.prove("enough", tokens >= config.max_decode_tokens)


def dispatch_without_a_method(ctx: Context) -> None:
    """Without a method, and with no 0 in config.json, 7237 holds a full decode step."""
    policy = POLICIES["7237"]
    config = any_config_with_dispatch(ctx, policy)
    if config.speculation is not None:
        ctx.assume(config.speculation.method == SpeculativeMethod.NONE)
    ctx.assume(loaded_dispatch_tokens(config) != 0)
    tokens = policy.dispatch_capacity(config).tokens
    ctx.prove("N", tokens == config.max_num_seqs)
    ctx.prove("enough", tokens >= config.max_decode_tokens)


def dispatch_rule_leaves_absent_and_0(ctx: Context) -> None:
    """The rule of 7237 leaves an absent value and 0 as they are, and replaces every other that differs."""
    found, derived = ctx.integer("found", 0), ctx.integer("derived", 0)
    ctx.prove("absent stays", not is_replaced(None, derived))
    replaced = ctx.merged(lambda: is_replaced(found, derived))
    ctx.prove("0 stays", ctx.merged(lambda: found != 0 or not replaced))
    ctx.prove("what differs is replaced", ctx.merged(lambda: found == 0 or replaced == (found != derived)))


def dispatch_where_config_is_silent(ctx: Context) -> None:
    """Where config.json says nothing, the loader's preset is what 7237 replaces: a full decode step fits."""
    policy = POLICIES["7237"]
    config = replace(any_config(ctx, policy), num_max_dispatch_tokens_per_rank=None)
    ctx.prove("enough", policy.dispatch_capacity(config).tokens >= config.max_decode_tokens)


def dispatch_where_config_says_0(ctx: Context) -> None:
    """Where config.json says 0, 7237 holds a full decode step."""
    policy = POLICIES["7237"]
    config = replace(familiar_config(ctx, policy), num_max_dispatch_tokens_per_rank=0)
    ctx.prove("enough", policy.dispatch_capacity(config).tokens >= config.max_decode_tokens)


def dispatch_draft_never_raises(ctx: Context) -> None:
    """The first version of 7237 computes a capacity for every configuration."""
    policy = Pr7237Draft()
    configured = ctx.integer("num_max_dispatch_tokens_per_rank", 1)
    config = replace(familiar_config(ctx, policy), num_max_dispatch_tokens_per_rank=configured)
    ctx.prove("a capacity", policy.dispatch_capacity(config).tokens >= 0)


def naive_and_ngram_excluded(ctx: Context) -> None:
    """The dispatch buffer may leave out the drafts of n-grams, as a reviewer of 7237 asks."""
    config = familiar_config(ctx, POLICIES["7237"])
    ctx.assume(config.speculation is not None)
    ctx.assume(config.speculation.method == SpeculativeMethod.NGRAM)
    ctx.prove("N is enough", config.max_num_seqs >= config.max_decode_tokens)


def naive_excluded(ctx: Context) -> None:
    """The dispatch buffer may leave out the drafts of the naive method: it has none."""
    config = any_config(ctx, POLICIES["7237"])
    ctx.assume(config.speculation is not None)
    ctx.assume(config.speculation.method == SpeculativeMethod.NAIVE)
    ctx.assume(ctx.merged(lambda: config.runs_decode))
    ctx.prove("N is enough", config.max_num_seqs >= config.max_decode_tokens)


def plan_fits_the_limit(policy: Policy) -> Theorem:
    """A decode node's plan of 7756 is within the limit that start-up checks."""

    def theorem(ctx: Context) -> None:
        """A decode node's plan of 7756 is within the limit that start-up checks."""
        config = familiar_config(ctx, policy)
        ctx.assume(ctx.merged(lambda: decode_node_on_gpu(config)))
        planned = ctx.merged(lambda: POLICIES["7756"].max_chunk_tokens(config))
        ctx.prove("planned within the limit", planned <= config.max_num_batched_tokens)

    return theorem


def no_drafts_no_change(ctx: Context) -> None:
    """With no drafts, 7756 plans what was planned before."""
    config = replace(any_config(ctx, POLICIES["7756"]), speculation=None)
    before = ctx.merged(lambda: POLICIES["7623"].max_chunk_tokens(config))
    ctx.prove("the same", ctx.merged(lambda: POLICIES["7756"].max_chunk_tokens(config)) == before)


def zero_drafts_no_change(ctx: Context) -> None:
    """With num_speculative_tokens = 0, 7756 plans what was planned before."""
    idle = SpeculativeConfig(method=SpeculativeMethod.NGRAM, num_speculative_tokens=0)
    config = replace(any_config(ctx, POLICIES["7756"]), speculation=idle)
    before = ctx.merged(lambda: POLICIES["7623"].max_chunk_tokens(config))
    ctx.prove("the same", ctx.merged(lambda: POLICIES["7756"].max_chunk_tokens(config)) == before)


def derived_agrees_with_reference(ctx: Context) -> None:
    """Where a method with drafts is set, 7237 and the reference differ by alignment alone."""
    policy = POLICIES["7237"]
    config = any_config_with_dispatch(ctx, policy)
    ctx.assume(ctx.merged(lambda: has_drafts(config) and config.runs_decode))
    ctx.assume(loaded_dispatch_tokens(config) != 0)
    difference = dispatch_capacity(config).tokens - policy.dispatch_capacity(config).tokens
    ctx.prove("less than one unit", ctx.merged(lambda: difference >= 0 and difference < 4))


@dataclass(frozen=True, slots=True)
class RuleClaim:
    """A claim that is a theorem of its own."""

    theorem: Theorem
    source: str
    scope: str
    verdict: Status


EVERY = "every configuration that starts"
FAMILIAR = "text or multimodal, block_size 64, up to 5 drafts"
RULE_CLAIMS = {
    "slip_without_floor": RuleClaim(slip_without_floor, "PR 7438, review of the expression", EVERY, HELD),
    "slip_with_floor": RuleClaim(slip_with_floor, "PR 7438, review of the expression", EVERY, HELD),
    "slip_only_without_config": RuleClaim(slip_only_without_config, "PR 7438, review", EVERY, HELD),
    "clamp_always_progresses": RuleClaim(
        always_progresses(POLICIES["7438-clamp"]), "PR 7440, review: clamp", f"{FAMILIAR}, B >= N * t", REFUTED
    ),
    "assert_always_progresses": RuleClaim(
        always_progresses(POLICIES["7438-assert"]), "PR 7440, review: assert", f"{FAMILIAR}, B >= N * t", REFUTED
    ),
    "floor_always_progresses": RuleClaim(
        always_progresses(POLICIES["7438"]), "PR 7438, the floor of 512", f"{FAMILIAR}, B >= N * t", HELD
    ),
    "counting_always_progresses": RuleClaim(
        always_progresses(POLICIES["7499"]), "PR 7499", f"{FAMILIAR}, B >= N * t", HELD
    ),
    "dispatch_with_a_method": RuleClaim(dispatch_with_a_method, "PR 7237", EVERY, HELD),
    "dispatch_without_a_method": RuleClaim(dispatch_without_a_method, "PR 7237", EVERY, HELD),
    "dispatch_rule_leaves_absent_and_0": RuleClaim(
        dispatch_rule_leaves_absent_and_0, "PR 7237, override rule", "every value that the rule finds", HELD
    ),
    "dispatch_where_config_is_silent": RuleClaim(
        dispatch_where_config_is_silent, "PR 7237, override rule", EVERY, HELD
    ),
    "dispatch_where_config_says_0": RuleClaim(
        dispatch_where_config_says_0, "PR 7237, override rule", FAMILIAR, REFUTED
    ),
    "dispatch_draft_never_raises": RuleClaim(
        dispatch_draft_never_raises, "PR 7237, review of num_spec_tokens", FAMILIAR, REFUTED
    ),
    "ngram_may_be_excluded": RuleClaim(naive_and_ngram_excluded, "PR 7237, review", FAMILIAR, REFUTED),
    "naive_may_be_excluded": RuleClaim(naive_excluded, "PR 7237, review", EVERY, HELD),
    "derived_agrees_with_reference": RuleClaim(derived_agrees_with_reference, "PR 7237", EVERY, HELD),
    "plan_agrees_with_the_check_of_7499": RuleClaim(
        plan_fits_the_limit(POLICIES["7499"]), "PR 7756, review: same tokens_per_seq", FAMILIAR, HELD
    ),
    "plan_agrees_with_the_check_of_7623": RuleClaim(
        plan_fits_the_limit(POLICIES["7623"]), "PR 7756, review: same tokens_per_seq", FAMILIAR, HELD
    ),
    "plan_agrees_with_the_check_of_7623_draft": RuleClaim(
        plan_fits_the_limit(POLICIES["7623-draft"]), "PR 7756, review: same tokens_per_seq", FAMILIAR, REFUTED
    ),
    "no_config_plans_as_before": RuleClaim(no_drafts_no_change, "PR 7756, review", EVERY, HELD),
    "zero_drafts_plan_as_before": RuleClaim(zero_drafts_no_change, "PR 7756, review", EVERY, HELD),
}


@pytest.mark.parametrize("name", RULE_CLAIMS)
def test_claim_about_a_rule(name, theorem, golden):
    claim = RULE_CLAIMS[name]
    decided: Callable[[Theorem], object] = prove if claim.verdict is HELD else search
    outcome = decided(claim.theorem)
    assert outcome.status is claim.verdict, outcome.reason
    theorem(name, outcome, scope=claim.scope)
    if claim.verdict is REFUTED:
        golden(f"claims/{name}", {"refuted": outcome.reason, "smallest": outcome.values})
    else:
        assert not outcome.unreached


def test_claims_are_listed(golden_text):
    lines = [
        "# Claims about single rules, decided",
        "",
        "`pytest proofs/test_claims_about_rules.py --update-goldens` writes this page. A refuted claim has its",
        "smallest counterexample in `claims/NAME.json` beside it.",
        "",
        "| name | claim | said in | where | verdict |",
        "|:--|:--|:--|:--|:--|",
    ]
    for name, claim in sorted(RULE_CLAIMS.items()):
        says = (claim.theorem.__doc__ or "").rstrip(".")
        lines.append(f"| {name} | {says} | {claim.source} | {claim.scope} | {claim.verdict} |")
    golden_text("claims_about_rules.md", "\n".join(lines) + "\n")


def test_every_golden_is_of_a_refuted_claim():
    refuted = {name for name, claim in RULE_CLAIMS.items() if claim.verdict is REFUTED}
    refuted |= {name for name, claim in CLAIMS.items() if claim.verdict is REFUTED}
    assert {path.stem for path in (GOLDENS / "claims").glob("*.json")} == refuted
