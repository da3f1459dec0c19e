"""What an invariant is: one entry, the same fields for each."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.engines.fastdeploy.policy import Policy
from schedproof_spec.prover.context import Context
from schedproof_spec.states.domain import Configs, any_config, familiar_config
from schedproof_spec.states.ledger import Claim, nothing
from schedproof_spec.states.runs import RunStep


class Consequence(StrEnum):
    """What happens to people when a rule breaks."""

    CRASH = "crash"
    """A buffer or the device's memory is exceeded, and the process ends."""
    STALL = "stall"
    """Somebody is never served."""
    WRONG_OUTPUT = "wrong output"
    """Tokens are lost, repeated or mixed up."""
    COST = "cost"
    """Requests wait longer than they have to, or memory is wasted."""


Proof = Callable[[Context, Configs, Policy, Claim], None]
"""Proves an invariant for every configuration of a domain and every state; the last argument is known to hold."""

RunStatement = Callable[[RunStep, Policy], bool]
"""Says whether one step of a run from an empty engine keeps the invariant; on numbers and on symbols."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenVersion:
    """Code that was published and breaks an invariant, whatever the policy."""

    name: str
    source: str
    proof: Proof
    """The invariant's proof with this code in place of the reference's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invariant:
    """One rule that an engine must keep."""

    name: str
    family: str
    consequence: Consequence
    sentence: str
    statement: Callable[..., bool]
    """The rule itself, in the reference's terms; its source is the formula that people are shown."""
    origin: str
    """The real failure behind it."""
    fields: tuple[str, ...] = ()
    """The fields of `ServingConfig` whose change can repair it."""
    proof: Proof
    covers: frozenset[str]
    """Claims and covers that some state has to get to in the reference's proof, so that no proof is empty."""
    scope: str = "any number of requests"
    """What the proof speaks of, beside the configurations."""
    needs_pool: bool = False
    """Whether the proof asks for the pool's size; where nobody says it, any pool that holds every request."""
    existence: Proof | None = None
    """Proves that some state attains what the invariant bounds; None when it bounds nothing."""
    absence: Proof | None = None
    """Proves the opposite of ``existence``: that no state does."""
    configs: Configs = any_config
    """Every configuration that the invariant speaks of."""
    familiar_configs: Configs = familiar_config
    """Some of them, in which a violation is looked for first."""
    at_every_moment: Claim = nothing
    """The rule for one point of a step, for other proofs to build on; `nothing` when it is not of that kind."""
    builds_on: Invariant | None = None
    """Another invariant, which the proof uses where that one is proved."""
    applies: Callable[[ServingConfig], bool] = lambda config: True
    otherwise: str = ""
    """Why it says nothing about a configuration to which it does not apply."""
    on_run: RunStatement | None = None
    """The rule for a step of a run; None when it speaks of the configuration alone, or no policy can matter."""
    broken_by: tuple[BrokenVersion, ...] = ()

    @property
    def formula(self) -> str:
        """Return the source of the statement."""
        return textwrap.dedent(inspect.getsource(self.statement)).strip()
