"""What nobody may do to an engine, in its state of the moment: each is refused, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from schedproof import Engine, MultimodalItem, Role
from schedproof.engines.fastdeploy.life.places import Place

Event = Callable[[], object]

ENTRANCES = {
    Role.MIXED: (Engine.add_request,),
    Role.PREFILL: (Engine.add_request, Engine.preallocate),
    Role.DECODE: (Engine.preallocate,),
}
WRONG_ENTRANCE = {Role.MIXED: Engine.preallocate, Role.DECODE: Engine.add_request}


def mistakes(engine: Engine) -> dict[str, Event]:
    """Return every mistake that can be made now."""
    return arrivals(engine) | bad_prompts(engine) | hand_overs(engine) | out_of_turn(engine)


def arrivals(engine: Engine) -> dict[str, Event]:
    """Requests without a prompt or output, too long, known already, or at the wrong node."""
    found: dict[str, Event] = {}
    for enter in ENTRANCES[engine.config.role]:
        found[f"{enter.__name__} without a prompt"] = partial(enter, engine, "new", 0, 5)
        found[f"{enter.__name__} without output"] = partial(enter, engine, "new", 5, 0)
        found[f"{enter.__name__} too long a prompt"] = partial(enter, engine, "new", engine.config.max_model_len, 5)
        for name in engine.requests:
            found[f"{enter.__name__} {name} again"] = partial(enter, engine, name, 2, 2)
    wrong = WRONG_ENTRANCE.get(engine.config.role)
    if wrong is not None:
        found[f"{wrong.__name__} at the wrong node"] = partial(wrong, engine, "new", 2, 2)
    return found


def bad_prompts(engine: Engine) -> dict[str, Event]:
    """Items and block hashes that contradict the prompt or the configuration."""
    if engine.config.role is Role.DECODE:
        return {}
    longest = engine.config.max_model_len - 1
    too_long = MultimodalItem(start=0, end=engine.config.max_multimodal_item_tokens + 1)
    empty = MultimodalItem(start=1, end=1)
    beyond = MultimodalItem(start=longest - 1, end=longest + 1)
    too_many = tuple(range(longest // engine.config.block_size + 1))
    add = partial(engine.add_request, "new", longest, 1)
    return {
        "add_request with too long an item": partial(add, items=(too_long,)),
        "add_request with an empty item": partial(add, items=(empty,)),
        "add_request with an item beyond the prompt": partial(add, items=(beyond,)),
        "add_request with too many hashes": partial(add, block_hashes=too_many),
        "add_request with a hash for two blocks": partial(add, block_hashes=("twice", "twice")),
    }


def hand_overs(engine: Engine) -> dict[str, Event]:
    """Caches that nobody sends or waits for."""
    found: dict[str, Event] = {}
    for name in (*engine.requests, "nobody"):
        place = engine.places.place_of.get(name)
        if place is not Place.RECEIVING or engine.launched is not None:
            found[f"receive {name}"] = partial(engine.receive, name)
        is_prefilled = place is Place.RUNNING and engine.requests[name].is_decoding
        if not is_prefilled or engine.config.role is not Role.PREFILL or engine.launched is not None:
            found[f"hand over {name}"] = partial(engine.hand_over, name)
    return found


def out_of_turn(engine: Engine) -> dict[str, Event]:
    """Events before or after their time, and numbers of drafts that cannot be."""
    found: dict[str, Event] = {"abort nobody": partial(engine.abort, "nobody")}
    if engine.launched is None:
        found["complete nothing"] = engine.complete
        return found
    found["schedule a launched step"] = engine.schedule
    found["acknowledge a launched step"] = engine.acknowledge
    if any(runs_drafts(engine, name) for name in engine.places[Place.RUNNING]):
        most = engine.config.tokens_per_seq - 1
        found["accept too many drafts"] = partial(engine.complete, lambda name: most + 1)
        found["accept fewer than no drafts"] = partial(engine.complete, lambda name: -1)
    return found


def runs_drafts(engine: Engine, name: str) -> bool:
    """Whether the request decodes in the launched step; one that has just prefilled gets its first token only."""
    request = engine.requests[name]
    if engine.config.role is Role.PREFILL or request.num_computed_tokens < request.need_prefill_tokens:
        return False
    return request.num_computed_tokens == request.num_total_tokens - 1


def known(engine: Engine) -> tuple[object, ...]:
    """Return what an engine knows, to compare."""
    queues = {place: list(engine.places[place]) for place in Place}
    tables = {name: list(table) for name, table in engine.pool.tables.items()}
    content = engine.prefix_cache.has_content
    counts = (dict(engine.requests), dict(engine.jobs), engine.forecast, engine.reserve_state)
    return queues, tables, list(engine.pool.free), list(engine.pool.num_holders), content, counts, engine.launched
