"""How it is proved that a request is in exactly one place until it ends: change by change of the queues."""

from __future__ import annotations

from schedproof.engines.fastdeploy.life.places import MOVES, Place, Places
from schedproof.engines.fastdeploy.policy import Policy
from schedproof_spec.invariant import Consequence, Invariant
from schedproof_spec.prover.context import Context
from schedproof_spec.rules.life import request_is_in_one_place
from schedproof_spec.states.domain import Configs
from schedproof_spec.states.ledger import Claim

ACTOR, BYSTANDER = "actor", "bystander"
"""The request that an event is about, and any other. Events look at no third, so two stand for any number."""


def is_in_one_place(places: Places, request_id: str) -> bool:
    """Apply the rule to one request."""
    found = [place for place, queue in places.queues.items() for name in queue if name == request_id]
    return request_is_in_one_place(places.place_of.get(request_id), found)


def any_places(ctx: Context) -> Places:
    """Draw where two requests are, in either order where both are in one queue; None stands for nowhere."""
    places = Places()
    actor = ctx.one_of("actor_is", (None, *Place))
    bystander = ctx.one_of("bystander_is", (None, *Place))
    arrivals = [(ACTOR, actor), (BYSTANDER, bystander)]
    if actor is bystander and actor is not None and ctx.one_of("bystander_is_first", (False, True)):
        arrivals.reverse()
    for request_id, place in arrivals:
        if place is not None:
            places.place_of[request_id] = place
            places.queues[place].append(request_id)
    return places


EVENTS = ("enter", "move", "move_to_front", "requeue", "leave")
"""The only ways in which the queues change."""


def prove_requests_conserved(ctx: Context, configs: Configs, policy: Policy, given: Claim) -> None:
    """Each change of the queues, legal or refused, leaves both requests in exactly one place."""
    places = any_places(ctx)
    event = ctx.one_of("event", EVENTS)
    to = ctx.one_of("to", tuple(Place))
    place, others_place = places.place_of.get(ACTOR), places.place_of.get(BYSTANDER)
    refused = False
    try:
        if event == "enter":
            places.enter(ACTOR, to)
        elif event == "leave":
            places.leave(ACTOR)
        elif event == "requeue":
            places.requeue(ACTOR)
        elif event == "move":
            places.move(ACTOR, to)
        else:
            places.move_to_front(ACTOR, to)
    except (KeyError, ValueError):
        refused = True
    legal = place is None if event == "enter" else place is not None
    if event in ("move", "move_to_front") and place is not None:
        legal = to in MOVES[place]
    expected = place if refused or event == "requeue" else None if event == "leave" else to
    ctx.prove(f"{event}: done exactly when legal", refused is not legal)
    ctx.prove(f"{event}: the request is where it went", places.place_of.get(ACTOR) is expected)
    ctx.prove(f"{event}: the request is in one place", is_in_one_place(places, ACTOR))
    ctx.prove(f"{event}: no other request moves", places.place_of.get(BYSTANDER) is others_place)
    ctx.prove(f"{event}: any other request is in one place", is_in_one_place(places, BYSTANDER))


CLAIMS = (
    "done exactly when legal",
    "the request is where it went",
    "the request is in one place",
    "no other request moves",
    "any other request is in one place",
)

REQUESTS_CONSERVED = Invariant(
    name="requests_conserved",
    family="life",
    consequence=Consequence.STALL,
    sentence="Every request is in exactly one place until it ends; none is lost or served twice.",
    statement=request_is_in_one_place,
    origin="A request that is both queued and to be rescheduled is served twice; one in no queue is never served.",
    scope="any number of requests and events",
    proof=prove_requests_conserved,
    covers=frozenset(f"{event}: {claim}" for event in EVENTS for claim in CLAIMS),
)
