"""What gateways and engines say to each other through Redis, and under which keys.

An envelope is one element of `serve:{base}`: the works of one gateway that were admitted together.
Its first byte counts deliveries, so that a Lua script can mark a second one without decoding.
Times are Unix seconds of the writer's clock. Arrays travel as little-endian bytes.
"""

import functools
import logging
from array import array
from collections.abc import Mapping
from typing import Annotated, Final, TypeVar

import msgspec

logger = logging.getLogger(__name__)

ENGINES_KEY: Final = "serve:engines"
"""Hash of engine id to `Announcement`; an entry older than `ANNOUNCEMENT_TTL` is a dead engine."""
NODES_KEY: Final = "serve:nodes"
"""Hash of node to `Node`: the worker processes that engines can be placed on."""
EPOCH_KEY: Final = "serve:epoch"
"""Random word; when it is gone Redis was emptied, and what waited there has to be sent again."""
WANTED_KEY: Final = "serve:wanted"
"""Sorted set of base ids by the second a call last asked for them."""
ANNOUNCEMENT_TTL: Final = 4.0
"""Seconds after which an engine that says nothing counts as dead."""
REPLY_TTL: Final = 60
SPARE_TTL: Final = 60
"""Seconds a chunk of a batch is wanted after whoever sent it said so last."""

EMBEDDING_TIER: Final = "embedding"
"""The tier of rows that want the base's own vector instead of a head's probabilities."""

NOT_LOADED: Final = "not_loaded"
"""The weights could not be fetched, verified or read."""
NO_ROOM: Final = "no_room"
"""Every slot was in use."""
GIVEN_UP: Final = "given_up"
"""Nobody waited for it any more."""
GIVEN_UP_TTL: Final = 60
"""Seconds for which works that were given up are remembered: longer than a call may take."""

FIRST_DELIVERY: Final = b"1"
SECOND_DELIVERY: Final = b"2"


def waiting_key(base: str) -> str:
    """Return the list of envelopes that wait for an engine of ``base``."""
    return f"serve:{base}"


def taken_key(engine: str) -> str:
    """Return the hash of envelopes an engine has taken and not answered."""
    return f"serving:{engine}"


def taking_key(engine: str) -> str:
    """Return the list through which a blocking take passes on its way to `taken_key`."""
    return f"serving:{engine}:taking"


def reply_key(gateway: str) -> str:
    """Return the list one gateway process reads its answers from."""
    return f"reply:{gateway}"


def given_up_key(engine: str) -> str:
    """Return the list of works, by `work_name`, that this engine need not run any more."""
    return f"serving:{engine}:given_up"


def work_name(gateway: str, number: int) -> bytes:
    """Return what a work is called between all gateways and engines."""
    return b"%s:%d" % (gateway.encode(), number)


def spare_key(base: str) -> str:
    """Return the list of chunks of batches, by id, that engines of ``base`` run in idle moments."""
    return f"serve:{base}:batch"


def chunk_key(chunk: str) -> str:
    """Return where a chunk's envelope lies. While it is there, the chunk is wanted."""
    return f"serve:chunk:{chunk}"


class ModelSpec(msgspec.Struct, array_like=True, frozen=True):
    """Which weights a row needs; `version` names them for ever, `sha256` proves them."""

    version: str
    tier: str
    artifact_key: str
    artifact_sha256: str
    labels: int


class Work(msgspec.Struct, array_like=True):
    """One request's rows. `tokens` are int32, all rows after each other; `lengths` cut them."""

    number: int
    organization: bytes
    spec: ModelSpec
    deadline: float
    lengths: list[int]
    tokens: bytes
    shadow: bool = False
    """Nobody waits for it: it runs when nothing else does, or not at all."""


class Envelope(msgspec.Struct, array_like=True):
    """Works of one gateway that were admitted in one round trip."""

    gateway: str
    sent: float
    works: list[Work]


class Answer(msgspec.Struct, array_like=True):
    """One work's outcome: `values` are float32 rows x `columns`, or `error` says what failed.

    Rows that differ in length (answers about tokens) have `columns` 0 and their `sizes`.
    """

    number: int
    columns: int
    values: bytes
    queue_ms: float
    inference_ms: float
    error: str = ""
    sizes: list[int] = []
    cause: str = ""
    """Of an error: NOT_LOADED, NO_ROOM, GIVEN_UP, or empty for a failure at work."""


class Announcement(msgspec.Struct):
    """What an engine says of itself each second."""

    engine: str
    host: str
    pid: int
    bases: Annotated[list[str], msgspec.Meta(min_length=1)]
    rows_per_second: float
    free_bytes: int
    at: float
    draining: bool = False
    chunk: str = ""
    """The chunk of a batch it has in hand."""
    busy: float = 0.0
    """Which share of the last second it computed."""
    tokens_per_second: float = 0.0
    """While it computed, lately."""


class Node(msgspec.Struct):
    """What a worker process says of itself each second, whether it serves anything or not."""

    node: str
    queue: str
    """The Celery queue that it alone reads."""
    room: int
    """How many bases it can serve at once."""
    bases: list[str]
    """Those it serves or is opening."""
    busy: float
    free_bytes: int
    at: float


Said = TypeVar("Said", Announcement, Node)

_encoder: Final = msgspec.msgpack.Encoder()
_envelope_decoder: Final = msgspec.msgpack.Decoder(Envelope)
_answers_decoder: Final = msgspec.msgpack.Decoder(list[Answer])
_announcement_decoder: Final = msgspec.msgpack.Decoder(Announcement)
_node_decoder: Final = msgspec.msgpack.Decoder(Node)


def envelope_encode(envelope: Envelope, *, again: bool = False) -> bytes:
    """Return the element for `waiting_key`; ``again`` marks a second delivery."""
    return (SECOND_DELIVERY if again else FIRST_DELIVERY) + _encoder.encode(envelope)


def envelope_decode(raw: bytes) -> Envelope:
    """Read an element of `waiting_key`. Raises msgspec.DecodeError on foreign bytes."""
    return _envelope_decoder.decode(memoryview(raw)[1:])


def answers_encode(answers: list[Answer]) -> bytes:
    """Return the element for `reply_key`."""
    return _encoder.encode(answers)


def answers_decode(raw: bytes) -> list[Answer]:
    """Read an element of `reply_key`."""
    return _answers_decoder.decode(raw)


def announcement_encode(announcement: Announcement) -> bytes:
    """Return the value for `ENGINES_KEY`."""
    return _encoder.encode(announcement)


def engines_decode(said: Mapping[bytes, bytes]) -> dict[str, Announcement]:
    """Read `ENGINES_KEY`, without what cannot be read."""
    return _readable(ENGINES_KEY, said, _announcement_decoder)


def node_encode(node: Node) -> bytes:
    """Return the value for `NODES_KEY`."""
    return _encoder.encode(node)


def nodes_decode(said: Mapping[bytes, bytes]) -> dict[str, Node]:
    """Read `NODES_KEY`, without what cannot be read."""
    return _readable(NODES_KEY, said, _node_decoder)


def tokens_pack(rows: list[list[int]]) -> tuple[list[int], bytes]:
    """Return the lengths and the concatenated int32 tokens of ``rows``."""
    packed = array("i")
    for row in rows:
        packed.extend(row)
    return [len(row) for row in rows], packed.tobytes()


def _readable(
    key: str, said: Mapping[bytes, bytes], decoder: msgspec.msgpack.Decoder[Said]
) -> dict[str, Said]:
    found = {}
    for name, raw in said.items():
        try:
            found[name.decode()] = decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError):  # written by another version
            _unreadable(key, name)
    return found


@functools.lru_cache(1_000)
def _unreadable(key: str, name: bytes) -> None:
    """Say it once: who reads it looks twice a second."""
    logger.error("serving.unreadable: %r in %s", name, key)
