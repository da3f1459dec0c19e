"""Where requests are, and which moves a request's life has."""

import pytest

from schedproof.engines.fastdeploy.life.places import SLOT_HOLDERS, Place, Places


def places_with(**queues: list[str]) -> Places:
    places = Places()
    for place, names in queues.items():
        for name in names:
            places.enter(name, Place(place))
    return places


def test_a_request_enters_behind_the_others_of_its_place() -> None:
    places = places_with(waiting=["a", "b"])
    places.enter("c", Place.WAITING)
    assert list(places[Place.WAITING]) == ["a", "b", "c"]
    assert places.place_of == {"a": Place.WAITING, "b": Place.WAITING, "c": Place.WAITING}


@pytest.mark.parametrize("place", Place)
def test_a_request_does_not_enter_twice(place: Place) -> None:
    places = places_with(running=["a"])
    with pytest.raises(KeyError, match="'a' is already running"):
        places.enter("a", place)
    assert [list(places[other]) for other in Place if other is not Place.RUNNING] == [[], [], [], []]
    assert places[Place.RUNNING] == ["a"]


def test_a_move_takes_a_request_to_the_end_of_the_other_queue() -> None:
    places = places_with(waiting=["a", "b"], running=["c"])
    places.move("b", Place.RUNNING)
    assert (list(places[Place.WAITING]), places[Place.RUNNING]) == (["a"], ["c", "b"])
    assert places.place_of["b"] is Place.RUNNING


def test_a_preempted_request_moves_to_the_front() -> None:
    places = places_with(preempted=["a"], waiting=["b", "c"])
    places.move_to_front("a", Place.WAITING)
    assert list(places[Place.WAITING]) == ["a", "b", "c"]
    assert places[Place.PREEMPTED] == []


@pytest.mark.parametrize(
    ("start", "ends"),
    [
        ("waiting", {"running"}),
        ("running", {"preempted", "aborting"}),
        ("receiving", {"running", "aborting"}),
        ("preempted", {"waiting", "aborting"}),
        ("aborting", set()),
    ],
)
def test_a_life_has_these_moves_and_no_others(start: str, ends: set[str]) -> None:
    for end in Place:
        places = places_with(**{start: ["a"]})
        if end in ends:
            places.move("a", end)
            assert places.place_of["a"] is end
            continue
        with pytest.raises(ValueError, match=f"'a' is {start} and cannot become {end}"):
            places.move("a", end)
        assert list(places[Place(start)]) == ["a"]


def test_a_request_that_ends_is_nowhere() -> None:
    places = places_with(running=["a", "b"])
    places.leave("a")
    assert places[Place.RUNNING] == ["b"]
    assert places.place_of == {"b": Place.RUNNING}


def test_everyone_but_a_waiting_request_holds_a_slot() -> None:
    assert set(Place) - set(SLOT_HOLDERS) == {Place.WAITING}
    places = places_with(waiting=["a"], running=["b", "c"], receiving=["d"], preempted=["e"], aborting=["f"])
    assert places.num_in(SLOT_HOLDERS) == 5
    assert places.num_in((Place.WAITING, Place.RUNNING)) == 3
