"""What a version of an engine decides for itself; `schedule` asks one of these."""

from abc import ABC, abstractmethod
from typing import ClassVar

from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.engines.fastdeploy.rules.blocks import preallocated_blocks
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

    counts_prefilled: ClassVar[bool] = False
    """Whether a prefill node reserves budget for requests that wait for their hand-over, as if they decoded."""
    keeps_slot_of_preempted: ClassVar[bool] = False
    """Whether a preempted request holds its slot until it runs again."""
    skips_unfit_prompts: ClassVar[bool] = False
    """Whether a waiting prompt that gets no chunk goes to the end of the queue, and the next is asked."""
    aborts_when_visited: ClassVar[bool] = False
    """Whether an abort takes effect only when the loop visits the request, and it decodes."""
    preempts_only_decodes: ClassVar[bool] = False
    """Whether a prompt in its middle is never preempted: where its chunk may not start, the step is over."""
    prefills_on_arrival: ClassVar[bool] = False
    """Whether a decode node runs the first token of a request that arrives as a chunk of one."""

    grows_early_with_drafts: ClassVar[bool] = False
    """Whether a decode grows while more slots are free with drafts; a pool that holds its growth is larger then."""

    plans_transfers: ClassVar[bool] = True
    """Whether a decode node takes a request only if everybody on it can finish beside it."""
    reserves_by_token_ratio: ClassVar[bool] = False
    """Whether output is reserved by the tokens that each request may still generate, unless told otherwise."""
    relaxes_reserve: ClassVar[bool] = False
    """Whether no output is reserved until the first preemption, and the reserve decays as FastDeploy's does."""

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

    def may_admit(self, request: Request, budget: int, config: ServingConfig) -> bool:
        """Return whether a waiting request may start with this budget, whatever its chunk would be."""
        return True

    def blocks_to_admit(
        self,
        num_new_blocks: int,
        num_running: int,
        num_slots_used: int,
        num_reserved_blocks_per_seq: int,
        num_reserved_blocks: int,
        config: ServingConfig,
    ) -> int:
        """Return how many blocks must be free for an admission that takes ``num_new_blocks`` of them.

        ``num_reserved_blocks`` is what the token ratio reserves for all that run; 0 where blocks are reserved by
        their number for each.
        """
        return num_new_blocks + num_slots_used * num_reserved_blocks_per_seq

    def blocks_to_continue(
        self,
        request: Request,
        chunk: int,
        num_running: int,
        num_reserved_blocks_per_seq: int,
        num_reserved_blocks: int,
        config: ServingConfig,
    ) -> int:
        """Return how many blocks must be free for a chunk of a running prompt, where only decodes are preempted."""
        return self.prefill_blocks(request, chunk, config)

    def preallocated_blocks(self, num_prompt_tokens: int, config: ServingConfig) -> int:
        """Return the blocks that a request gets up front on both nodes of a disaggregated pair."""
        return preallocated_blocks(num_prompt_tokens, config)

    def takes_another_prompt(self, num_in_flight: int) -> bool:
        """Return whether a prefill node takes a prompt beside those that it has not handed over."""
        return True

    def uses_up_budget(self, config: ServingConfig) -> bool:
        """Return whether a chunk that ends before its prompt leaves no budget.

        Where it does, no decode ever stands behind a prompt in its middle. Proofs start from this, and prove it.
        """
        text_in_chunks = config.chunked_prefill and config.max_multimodal_item_tokens == 0
        return text_in_chunks and not config.deterministic

    @abstractmethod
    def max_chunk_tokens(self, config: ServingConfig) -> int:
        """Return the most tokens that the engine expects in one step."""

    @abstractmethod
    def dispatch_capacity(self, config: ServingConfig) -> DispatchCapacity:
        """Return the size of the expert-parallel dispatch buffer per rank."""

    def problems(self, config: ServingConfig) -> list[str]:
        """Return why the engine refuses to start, one sentence a reason; empty when it starts."""
        return [check.problem(config) for check in self.startup_checks() if not check.holds(config)]
