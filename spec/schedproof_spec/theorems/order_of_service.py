"""How it is proved that nobody is overtaken, and that an empty node takes a request (see `progress`).

What happens is done by the engine itself, to any two requests that are anywhere in it.
"""

from __future__ import annotations

from copy import copy

from schedproof.engines.fastdeploy.config import Role, ServingConfig
from schedproof.engines.fastdeploy.life.engine import Engine
from schedproof.engines.fastdeploy.life.job import Job
from schedproof.engines.fastdeploy.life.outcome import Ending
from schedproof.engines.fastdeploy.life.places import Place, Places
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.request import new_request
from schedproof_spec.prover.context import Context
from schedproof_spec.states.domain import Configs

FIRST, SECOND, NEW = "first", "second", "new"
"""Any two requests, in the order of service, and one that arrives."""


DOOR = "arrival: an empty node of a pair takes a request"

ORDER_EVENTS = ("admission", "preemption", "acknowledgement", "arrival", "abort", "end")
"""What changes who is where, under every policy."""


def order_of_service(places: Places) -> list[str]:
    """Return who is served before whom. Preemption takes the last running request first."""
    return [
        *places[Place.RUNNING],
        *reversed(places[Place.PREEMPTED]),
        *places[Place.WAITING],
    ]


def any_engine(ctx: Context, policy: Policy) -> Engine:
    """Return an empty engine of any role: who is where depends on neither its numbers nor what start-up refuses."""
    starting = copy(policy)
    starting.problems = lambda config: []  # type: ignore[method-assign]
    return Engine(ServingConfig(role=ctx.one_of("role_of_engine", tuple(Role)), num_kv_blocks=64), starting)


def any_two_in_order(ctx: Context, engine: Engine) -> None:
    """Let two requests be anywhere in an engine, one before the other."""
    first = ctx.one_of("first_is", (Place.RUNNING, Place.PREEMPTED, Place.WAITING))
    second = ctx.one_of("second_is", (Place.RUNNING, Place.PREEMPTED, Place.WAITING))
    both = [(FIRST, first), (SECOND, second)]
    if first is second is Place.PREEMPTED:
        both.reverse()
    for request_id, place in both:
        engine.put(place, new_request(request_id, 1), Job(max_total_tokens=2))
    ctx.assume(order_of_service(engine.places) == [FIRST, SECOND])


def prove_order(ctx: Context, configs: Configs, policy: Policy) -> None:
    """An admission takes the first waiting request, a preemption the last running one, and both wait their turn.

    What happens is done by the engine itself. A prompt that gets no chunk though budget is left may go to the end
    of the queue: then it is overtaken. A decode node drops what is preempted.

    Where only decodes are preempted, a decode may leave a mixed node before a prompt that runs behind it. Those two
    change places, and nothing is claimed of them: the prompt ran before the decode came to wait (`decode_victims`).
    """
    engine = any_engine(ctx, policy)
    any_two_in_order(ctx, engine)
    event = ctx.one_of("event", (*ORDER_EVENTS, "skip"))
    waiting, running = (list(engine.places[place]) for place in (Place.WAITING, Place.RUNNING))
    if event == "admission":
        ctx.assume(len(waiting) > 0 and not engine.places[Place.PREEMPTED])
        engine.admit(engine.requests[waiting[0]])
    elif event == "preemption":
        ctx.assume(len(running) > 0)
        engine.preempt(running[-1])
    elif event == "acknowledgement":
        ctx.assume(len(engine.places[Place.PREEMPTED]) > 0)
        engine.acknowledge()
    elif event == "arrival":
        ctx.assume(engine.config.role == Role.MIXED)
        engine.add_request(NEW, 1, 1)
        ctx.prove("arrival: a new request is behind all others", order_of_service(engine.places)[-1] == NEW)
    elif event == "skip":
        ctx.assume(policy.skips_unfit_prompts and len(waiting) > 0)
        config = configs(ctx, policy)
        ctx.assume(ctx.merged(lambda: not policy.uses_up_budget(config)))
        engine.skip(waiting[0])
    elif event == "abort":
        engine.abort(ctx.one_of("aborted", (FIRST, SECOND)))
    else:
        engine.end(ctx.one_of("ends", (FIRST, SECOND)), Ending.FINISHED)
    after = [name for name in order_of_service(engine.places) if name != NEW]
    ctx.prove(f"{event}: nobody overtakes", after == [name for name in (FIRST, SECOND) if name in after])


def prove_door(ctx: Context, policy: Policy) -> None:
    """Where requests are not queued, an empty node takes one; a small one, in a pool of 64 blocks."""
    engine = any_engine(ctx, policy)
    ctx.assume(engine.config.role != Role.MIXED)
    ctx.prove(DOOR, engine.preallocate(NEW, 1, 2))
