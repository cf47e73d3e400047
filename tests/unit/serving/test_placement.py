"""Which base is placed on which worker."""

import time
from collections.abc import Iterator

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from anneal.kernel.redis import redis_client
from mlworker.serving.placement import (
    BUSY,
    base_stays,
    bases_wanted,
    living_engines,
    living_nodes,
    placements,
    placements_to_ring,
)
from mlworker.serving.protocol import (
    ENGINES_KEY,
    NODES_KEY,
    WANTED_KEY,
    Announcement,
    Node,
    announcement_encode,
    node_encode,
)

KEYS = (ENGINES_KEY, NODES_KEY, WANTED_KEY, "serve:rung:minilm-l6:n1", "serve:rung:minilm-l6:n2")


def node(name: str, *bases: str, room: int = 4, busy: float = 0.0, free: int = 0) -> Node:
    return Node(name, f"serve.{name}", room, list(bases), busy, free, time.time())


def placed(
    nodes: list[Node], wanted: list[str], load: dict[str, float] | None = None
) -> list[tuple[str, str]]:
    return [(each.base, each.node) for each in placements(nodes, wanted, load or {})]


def test_a_new_base_goes_to_the_worker_with_the_least_to_do() -> None:
    assert placed([node("n1", "a", "b"), node("n2", "c")], ["a", "b", "c", "d"]) == [("d", "n2")]
    assert placed([node("n1", "a", busy=0.9), node("n2", "a", busy=0.1)], ["a", "d"]) == [
        ("d", "n2")
    ]
    assert placed([node("n1", "a", free=1), node("n2", "a", free=9)], ["d", "a"]) == [("d", "n2")]


def test_several_new_bases_are_spread() -> None:
    assert placed([node("n1"), node("n2")], ["a", "b"]) == [("a", "n1"), ("b", "n2")]


def test_a_worker_without_a_base_takes_part_in_the_busiest() -> None:
    nodes = [node("n1", "a", "b"), node("n2")]

    assert placed(nodes, ["a", "b"], {"a": 0.1, "b": 0.6}) == [("b", "n2")]
    assert placed(nodes, ["a", "b"]) == [("a", "n2")]


def test_a_busy_base_gets_a_second_worker_that_is_not_and_no_third_at_once() -> None:
    nodes = [node("n1", "a", busy=1.0), node("n2", "b"), node("n3", "b")]

    assert placed(nodes, ["a", "b"], {"a": BUSY + 0.1}) == [("a", "n2")]
    assert placed(nodes, ["a", "b"], {"a": BUSY - 0.1}) == []
    assert placed([nodes[0], node("n2", "b", busy=0.8)], ["a", "b"], {"a": 1.0}) == []


def test_a_full_worker_gets_nothing() -> None:
    assert placed([node("n1", "a", room=1)], ["a", "b"]) == []
    assert placed([], ["a"]) == []


@given(
    st.lists(st.sets(st.sampled_from("abcdef"), max_size=3), max_size=5),
    st.lists(st.sampled_from("abcdef"), unique=True),
    st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 1)),
)
def test_no_worker_gets_too_much_or_twice_and_no_base_waits_for_a_place_that_is_there(
    held: list[set[str]], wanted: list[str], load: dict[str, float]
) -> None:
    nodes = [node(f"n{number}", *bases, room=3) for number, bases in enumerate(held)]
    made = placed(nodes, wanted, load)

    after = {each.node: list(each.bases) for each in nodes}
    for base, name in made:
        assert base in wanted
        after[name].append(base)
    assert all(len(bases) == len(set(bases)) <= 3 for bases in after.values())
    served = {base for bases in after.values() for base in bases}
    assert set(wanted) <= served or all(len(bases) == 3 for bases in after.values())


@pytest.fixture
def client() -> Iterator[redis.Redis]:
    made = redis_client()
    made.delete(*KEYS)
    yield made
    made.delete(*KEYS)


def says(client: redis.Redis, said: Node, *, age: float = 0.0) -> None:
    said.at -= age
    client.hset(NODES_KEY, said.node, node_encode(said))


def test_the_default_base_is_placed_once_until_a_ring_is_lost(client: redis.Redis) -> None:
    says(client, node("n1"))

    [first] = placements_to_ring()

    assert (first.base, first.node, first.queue) == ("minilm-l6", "n1", "serve.n1")
    assert placements_to_ring() == []
    client.delete("serve:rung:minilm-l6:n1")
    assert [each.base for each in placements_to_ring()] == ["minilm-l6"]


def test_a_worker_started_a_second_time_takes_part_and_a_silent_one_is_replaced(
    client: redis.Redis,
) -> None:
    says(client, node("n1", "minilm-l6"))
    assert placements_to_ring() == []
    says(client, node("n2"))
    assert [each.node for each in placements_to_ring()] == ["n2"]

    client.delete("serve:rung:minilm-l6:n2")
    says(client, node("n1", "minilm-l6"), age=10)
    assert [each.node for each in placements_to_ring()] == ["n2"]


def test_who_is_silent_for_long_is_forgotten(client: redis.Redis) -> None:
    says(client, node("n1"), age=30)
    says(client, node("n2"), age=90)

    assert living_nodes() == []
    assert client.hkeys(NODES_KEY) == [b"n1"]


def test_a_worker_nobody_can_read_is_no_place_and_hides_no_other(client: redis.Redis) -> None:
    client.hset(NODES_KEY, "foreign", b"\xc1")
    says(client, node("n1"))

    assert [each.node for each in placements_to_ring()] == ["n1"]


def test_a_silent_engine_is_left_to_the_gateways_that_have_what_it_took(
    client: redis.Redis,
) -> None:
    said = Announcement("e1", "n1", 1, ["minilm-l6"], 0.0, 0, time.time() - 90)
    client.hset(ENGINES_KEY, "e1", announcement_encode(said))

    assert living_engines() == []
    assert client.hexists(ENGINES_KEY, "e1")


def test_an_unknown_base_is_never_wanted_nor_one_nobody_asked_for_lately(
    client: redis.Redis,
) -> None:
    client.zadd(WANTED_KEY, {"no-such-base": time.time(), "other": time.time() - 1000})

    assert bases_wanted() == ["minilm-l6"]


def test_a_lease_goes_on_while_its_base_is_wanted_and_nobody_lacks_a_place(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    says(client, node("n1", "minilm-l6", room=1))
    assert base_stays("minilm-l6", "n1")
    assert not base_stays("other", "n1")

    monkeypatch.setattr("mlworker.serving.placement.bases_wanted", lambda: ["b", "minilm-l6"])
    assert not base_stays("minilm-l6", "n1")
    says(client, node("n2", "c", room=2))
    assert base_stays("minilm-l6", "n1")
