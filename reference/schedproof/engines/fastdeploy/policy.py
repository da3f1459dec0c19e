"""What a version of an engine decides for itself; `schedule` asks one of these."""

from abc import ABC, abstractmethod
from typing import ClassVar

from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.engines.fastdeploy.rules.capacity import DispatchCapacity
from schedproof.engines.fastdeploy.startup import StartupCheck
from schedproof.request import Request


class Policy(ABC):
    """One engine version. Methods are pure; every size is in tokens unless the name says otherwise."""

    name: ClassVar[str]
    source: ClassVar[str]
    """The pull request or document that the version comes from."""
    summary: ClassVar[str]
    """What this version changed, in one sentence."""

    @abstractmethod
    def startup_checks(self) -> tuple[StartupCheck, ...]:
        """Return what the engine refuses at start-up."""

    @abstractmethod
    def initial_budget(self, config: ServingConfig, num_decoding: int) -> int:
        """Return the budget of a step that begins with this many live decodes."""

    @abstractmethod
    def decode_charge(self, config: ServingConfig) -> int:
        """Return what visiting a decode takes off the budget."""

    @abstractmethod
    def keeps_visiting(self, budget: int) -> bool:
        """Return whether the running loop goes on with this budget."""

    @abstractmethod
    def next_chunk(self, request: Request, budget: int, config: ServingConfig) -> int:
        """Return the next chunk of a prefilling request; 0 leaves it out of the step."""

    @abstractmethod
    def prefill_blocks(self, request: Request, chunk: int, config: ServingConfig) -> int:
        """Return the new KV blocks of a chunk."""

    @abstractmethod
    def decode_blocks(self, request: Request, config: ServingConfig) -> int:
        """Return the new KV blocks of a decode visit."""

    @abstractmethod
    def max_chunk_tokens(self, config: ServingConfig) -> int:
        """Return the most tokens that the engine expects in one step."""

    @abstractmethod
    def dispatch_capacity(self, config: ServingConfig) -> DispatchCapacity:
        """Return the size of the expert-parallel dispatch buffer per rank."""

    def problems(self, config: ServingConfig) -> list[str]:
        """Return why the engine refuses to start, one sentence a reason; empty when it starts."""
        return [check.problem(config) for check in self.startup_checks() if not check.holds(config)]
