"""What an invariant is: one entry, the same fields for each."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass

from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.engines.fastdeploy.loop import Queues, StepPlan
from schedproof.engines.fastdeploy.policy import Policy
from schedproof_spec.prover.context import Context
from schedproof_spec.prover.mutants import Mutant
from schedproof_spec.states.domain import Configs, Shape, familiar_config
from schedproof_spec.states.ledger import Claim, nothing

Proof = Callable[[Context, Configs, Policy, Claim], None]
"""Proves an invariant for every configuration of a domain and every state; the last argument is known to hold."""

PlanStatement = Callable[[StepPlan, Queues, ServingConfig, Policy], bool]
"""Says whether one planned step keeps an invariant; on numbers and on symbols."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invariant:
    """One rule that an engine must keep in every state."""

    name: str
    family: str
    sentence: str
    statement: Callable[..., bool]
    """The rule itself, in the reference's terms; its source is the formula that people are shown."""
    origin: str
    """The real failure behind it."""
    fields: tuple[str, ...]
    """The fields of `ServingConfig` whose change can repair it."""
    mutants: tuple[Mutant, ...]
    """Changes to the reference that a proof of this invariant refutes."""
    proof: Proof
    existence: Proof | None = None
    """Proves that some state attains what the invariant bounds; None when it bounds nothing."""
    absence: Proof | None = None
    """Proves the opposite of ``existence``: that no state does."""
    configs: Configs
    """Every configuration that the invariant speaks of."""
    familiar_configs: Configs = familiar_config
    """Some of them, in which a violation is looked for first."""
    at_every_moment: Claim = nothing
    """The rule for one point of a step, for other proofs to build on; `nothing` when it is not of that kind."""
    builds_on: Invariant | None = None
    """Another invariant, which the proof uses where that one is proved."""
    applies: Callable[[ServingConfig], bool]
    otherwise: str
    """Why it says nothing about a configuration to which it does not apply."""
    on_plan: PlanStatement | None = None
    """The rule for a planned step; None when it speaks of the configuration alone."""
    shapes: tuple[Shape, ...] = ()
    """The states among which the smallest violation is searched, smallest first."""

    @property
    def formula(self) -> str:
        """Return the source of the statement."""
        return textwrap.dedent(inspect.getsource(self.statement)).strip()


def always(config: ServingConfig) -> bool:
    """Return True: the invariant applies to every configuration."""
    return True
