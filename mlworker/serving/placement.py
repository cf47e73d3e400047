"""Which base is served on which worker: a pure decision over what the workers say of themselves.

Three rules. A wanted base that nobody serves goes to the worker with the least to do. A worker
that serves nothing takes part in the busiest base. A base whose workers are all busy gets one
more that is not. What two workers serve they share by taking from one queue.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

import redis

from anneal.kernel.redis import redis_client
from mlworker.catalog.selectors import base_models
from mlworker.serving.protocol import (
    ANNOUNCEMENT_TTL,
    ENGINES_KEY,
    NODES_KEY,
    WANTED_KEY,
    Announcement,
    Node,
    Said,
    engines_decode,
    nodes_decode,
)

WANTED_SECONDS: Final = 900.0
"""How long a base stays wanted after a call asked for it."""
RING_SECONDS: Final = 10
"""One ring in this time: a worker needs a moment to take it."""
FORGOTTEN_SECONDS: Final = 60.0
BUSY: Final = 0.85
IDLE: Final = 0.4
"""Shares of a second: what is above the first needs help, what is below the second can give it."""


@dataclass(frozen=True, slots=True)
class Placement:
    """One base that one worker shall begin to serve."""

    base: str
    node: str
    queue: str


def placements(
    nodes: Sequence[Node], wanted: Sequence[str], load: Mapping[str, float]
) -> list[Placement]:
    """Decide what is to be begun. ``load``: how busy the engines of a base are on average."""
    held = {node.node: set(node.bases) for node in nodes}
    made: list[Placement] = []

    def place(base: str, node: Node) -> None:
        held[node.node].add(base)
        made.append(Placement(base, node.node, node.queue))

    def least(base: str, busy_below: float = float("inf")) -> Node | None:
        fit = [
            node
            for node in nodes
            if len(held[node.node]) < node.room
            and base not in held[node.node]
            and node.busy < busy_below
        ]
        order = [(len(held[n.node]), n.busy, -n.free_bytes, n.node) for n in fit]
        return fit[order.index(min(order))] if fit else None

    for base in wanted:
        if not any(base in bases for bases in held.values()) and (node := least(base)):
            place(base, node)
    for idle in nodes:
        # What is about to be opened elsewhere needs no help yet.
        shared = [base for base in wanted if any(base in each.bases for each in nodes)]
        if shared and not held[idle.node] and idle.room > 0:
            place(max(shared, key=lambda base: load.get(base, 0.0)), idle)
    for base in wanted:
        begun = any(each.base == base for each in made)
        if load.get(base, 0.0) > BUSY and not begun and (node := least(base, IDLE)):
            place(base, node)
    return made


def living_engines() -> list[Announcement]:
    """Return the engines that announced themselves lately."""
    return _living(ENGINES_KEY, engines_decode)


def living_nodes() -> list[Node]:
    """Return the worker processes that announced themselves lately, in order of name."""
    return sorted(_living(NODES_KEY, nodes_decode), key=lambda node: node.node)


def bases_wanted() -> list[str]:
    """Return the bases that are to be served, last asked first, and always the default one."""
    client: redis.Redis = redis_client()
    asked = client.zrevrangebyscore(WANTED_KEY, "+inf", time.time() - WANTED_SECONDS)
    present = [card.id for card in base_models() if card.usable]
    lately = [raw.decode() for raw in cast("list[bytes]", asked)]
    return list(dict.fromkeys([*(base for base in lately if base in present), *present[:1]]))


def base_stays(base: str, node: str) -> bool:
    """Say whether an engine whose lease is over goes on: others wait for its place when not."""
    wanted, nodes = bases_wanted(), living_nodes()
    if base not in wanted:
        return False
    held = {each for other in nodes for each in other.bases}
    full = any(other.node == node and len(other.bases) >= other.room for other in nodes)
    waiting = [each for each in wanted if each not in held]
    return not (waiting and full and not _room(nodes))


def placements_to_ring() -> list[Placement]:
    """Return what is to be begun and was not rung for a moment ago."""
    client: redis.Redis = redis_client()
    load: dict[str, list[float]] = {}
    for engine in living_engines():
        for base in engine.bases:
            load.setdefault(base, []).append(engine.busy)
    mean = {base: sum(shares) / len(shares) for base, shares in load.items()}
    return [
        each
        for each in placements(living_nodes(), bases_wanted(), mean)
        if client.set(f"serve:rung:{each.base}:{each.node}", "1", nx=True, ex=RING_SECONDS)
    ]


def _room(nodes: Sequence[Node]) -> bool:
    return any(len(node.bases) < node.room for node in nodes)


def _living(key: str, decode: Callable[[Mapping[bytes, bytes]], dict[str, Said]]) -> list[Said]:
    """Read who lives; nodes that have been silent for long are forgotten."""
    now = time.time()
    client: redis.Redis = redis_client()
    said = decode(cast("dict[bytes, bytes]", client.hgetall(key)))
    gone = [name for name, each in said.items() if each.at < now - FORGOTTEN_SECONDS]
    if gone and key == NODES_KEY:  # a gateway forgets engines, once it has what they took
        client.hdel(key, *gone)
    return [each for each in said.values() if each.at > now - ANNOUNCEMENT_TTL]
