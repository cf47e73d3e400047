"""One claim of a batch, from where the last one left it: count, answer chunk by chunk, end.

A worker keeps a few chunks at the engine and stores what comes back in the file's order. Dead at
any moment it leaves whole chunks behind, each of them paid, and the next worker goes on after the
last one. It leaves a batch after its turn when others wait, when it is asked to stop, and when no
engine has come for a while.
"""

import logging
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

from redis.exceptions import RedisError

from anneal.kernel.errors import DomainError, StorageUnavailable
from anneal.kernel.scopes import system_scope
from anneal.kernel.storage import object_delete, object_put
from billing.ledger.services import BOOK_ERRORS, books_fault
from mlworker.batches.chunks import Chunk, Cutter, Encode
from mlworker.batches.claiming import batches_wait
from mlworker.batches.contracts import Claim
from mlworker.batches.errors import LeaseLost
from mlworker.batches.finishing import batch_end
from mlworker.batches.limits import (
    AHEAD,
    READING_SECONDS,
    RENEW_SECONDS,
    STALLED_LIMIT,
    TURN_SECONDS,
)
from mlworker.batches.opening import file_count, input_opened
from mlworker.batches.parts import leftovers_delete, part_key
from mlworker.batches.sending import ChunkLost, Sender
from mlworker.batches.serves import Serves
from mlworker.batches.states import BatchState
from mlworker.batches.stopping import draining
from mlworker.batches.working import (
    Work,
    all_answered,
    batch_counted,
    chunk_done,
    fault_of,
    kept,
    lease_renew,
    storing_begin,
    work_give_back,
    work_load,
    work_put_off,
)
from mlworker.batches.writing import Table, requests_written, rows_written
from mlworker.engine.base.locate import locate_base
from mlworker.engine.contracts import EngineError
from mlworker.engine.tokenizer import EncodedText, TextTokenizer
from mlworker.serving.protocol import Answer

logger = logging.getLogger(__name__)

ANSWER_SECONDS: Final = 1.0
NO_ENGINE_SECONDS: Final = 30.0
ENGINE_TRIES: Final = 3
LOAD_TRIES: Final = 6
"""How often a chunk may be refused for its model's weights, which a store or other models keep away
for a moment."""
FIRST_PAUSE: Final = 2.0
LONGEST_PAUSE: Final = 30.0
"""Seconds before it is sent once more; twice as long each time."""
_ENGINE_FAILED: Final = "engine_failed"
_WORKER_LOST: Final = "worker_lost"


class TurnOver(Exception):
    """Enough for now: others wait, the worker stops or there is no engine."""


class EngineRefused(Exception):
    """The engine could not run the model, several times."""


def batch_run(claim: Claim) -> None:
    """Work on a claimed batch until it has ended or has to be left."""
    try:
        _run(claim)
    except LeaseLost:
        logger.info("batch.lease_lost", extra={"batch": claim.public_id})
    except TurnOver:
        _leave(claim)
    except RedisError as error:
        logger.warning("batch.redis_away: %s", error)
        time.sleep(ANSWER_SECONDS)
        _leave(claim)
    except BOOK_ERRORS as error:
        logger.exception("batch.books_refuse", extra={"batch": claim.public_id})
        with system_scope("batch fault"):
            books_fault(organization_id=claim.organization.id, error=str(error))
    except StorageUnavailable:
        logger.exception("batch.interrupted", extra={"batch": claim.public_id})
        with suppress(LeaseLost):
            work_put_off(claim)


def _leave(claim: Claim) -> None:
    with suppress(LeaseLost):
        work_give_back(claim, ring=not draining())


def _run(claim: Claim) -> None:
    work = work_load(claim)
    leftovers_delete(claim, fence=work.storing_fence, chunks=work.chunks)
    storing_begin(claim)
    if work.stalled > STALLED_LIMIT:
        lost = f"{STALLED_LIMIT} workers in a row stopped answering: create the batch again."
        _fail(work, {"code": _WORKER_LOST, "message": lost, "param": None, "line": None})
        return
    try:
        while work.state in (BatchState.VALIDATING, BatchState.IN_PROGRESS) and not work.expired:
            if work.serves is None:
                _count(work)
            else:
                _answer(work, work.serves)
            work = work_load(claim)
    except StorageUnavailable:
        raise
    except DomainError as error:
        _fail(work_load(claim), fault_of(error))
        return
    except (EngineRefused, ChunkLost, EngineError) as error:
        refused = f"The model could not be run: {error}. What was answered before is paid."
        fault = {"code": _ENGINE_FAILED, "message": refused, "param": "model", "line": None}
        _fail(work_load(claim), fault)
        return
    _end(work)


def _count(work: Work) -> None:
    lease_renew(work.claim, READING_SECONDS)
    with input_opened(work) as source:
        # All columns, though the texts alone are counted: rows that unpack too far are found before
        # any is paid, and not half-way.
        entries = kept(work.claim, source.entries())
        counted, _ = file_count(source, entries, model=work.model)
    batch_counted(work.claim, counted)


def _end(work: Work) -> None:
    if work.state is BatchState.CANCELLING:
        state = BatchState.CANCELLED
    elif work.state is BatchState.FINALIZING:
        state = BatchState.COMPLETED
    else:
        state = BatchState.EXPIRED
    _finish(work, state)


def _fail(work: Work, error: dict[str, Any]) -> None:
    _finish(work, BatchState.FAILED, [error])


def _finish(work: Work, state: BatchState, errors: list[dict[str, Any]] | None = None) -> None:
    lease_renew(work.claim, READING_SECONDS)
    batch_end(work, state, errors=errors)


def _answer(work: Work, serves: Serves) -> None:
    """Answer what is left. Returns when all is stored, or when the batch is wanted no more."""
    # The file is fetched, and what is stored is read past, before anything else can be said.
    lease_renew(work.claim, READING_SECONDS)
    with input_opened(work) as source:
        cutter = Cutter(serves, _encoder(serves))
        chunks = cutter.cut(source.entries(skip=work.done), number=work.chunks + 1)
        sender = Sender(work.claim.organization.id, work.claim.batch_id, serves)
        try:
            _Flight(work, serves, work.table, sender).fly(chunks)
        finally:
            sender.close()


class _Flight:
    """The chunks of one claim between being cut and being stored."""

    def __init__(self, work: Work, serves: Serves, table: Table | None, sender: Sender) -> None:
        self._work, self._serves, self._table, self._sender = work, serves, table, sender
        self._flying: deque[Chunk] = deque()
        self._answers: dict[int, Answer | None] = {}
        self._refusals: Counter[tuple[int, bool]] = Counter()
        """By chunk, and whether its model was not there."""
        self._again: dict[int, float] = {}
        """Chunks that were refused, and from when on they are sent again."""
        self._began = self._renewed = self._served = time.monotonic()
        self._state = work.state
        self._leaving = False
        """Its turn is over: what is at the engine is still waited for."""

    def fly(self, chunks: Iterator[Chunk]) -> None:
        """Send, wait and store until the last chunk is stored or something ends it."""
        more = True
        while self._state is BatchState.IN_PROGRESS and not self._work.expired:
            while more and not self._leaving and len(self._flying) <= AHEAD:
                chunk = next(chunks, None)
                if chunk is None:
                    more = False
                else:
                    self._send(chunk)
                    self._look_up()
            if not self._flying and self._leaving:
                raise TurnOver
            if not self._flying:
                all_answered(self._work.claim)
                return
            if self._flying[0].number not in self._answers:
                self._wait()
            self._store_ready()
            self._look_up()

    def _send(self, chunk: Chunk) -> None:
        self._flying.append(chunk)
        if chunk.items:
            self._sender.send(chunk)
        else:
            self._answers[chunk.number] = None  # nothing in it can be answered

    def _wait(self) -> None:
        self._send_again()
        for answer in self._sender.answers(seconds=ANSWER_SECONDS):
            if answer.error:
                self._refused(answer)
            else:
                self._answers[answer.number] = answer

    def _refused(self, answer: Answer) -> None:
        logger.warning("batch.engine_error: %s", answer.error)
        absent = bool(answer.cause)
        self._refusals[answer.number, absent] += 1
        count = self._refusals[answer.number, absent]
        if count >= (LOAD_TRIES if absent else ENGINE_TRIES):
            raise EngineRefused(answer.error)
        pause = pause_after(count) if absent else 0.0
        self._again[answer.number] = time.monotonic() + pause

    def _send_again(self) -> None:
        now = time.monotonic()
        for chunk in self._flying:
            if self._again.get(chunk.number, now + 1) <= now:
                del self._again[chunk.number]
                self._sender.send(chunk)

    def _store_ready(self) -> None:
        """Store what is answered, in the file's order, until the batch is wanted no more."""
        while self._flying and self._flying[0].number in self._answers:
            self._store(self._flying.popleft())
            if self._state is not BatchState.IN_PROGRESS:
                return

    def _store(self, chunk: Chunk) -> None:
        answer, claim = self._answers.pop(chunk.number), self._work.claim
        if self._table is None:
            written = requests_written(claim.batch_id, self._serves, chunk, answer)
        else:
            written = rows_written(self._serves, chunk, answer, self._table)
        keys = [
            self._put(chunk, kind, data)
            for kind, data in (("output", written.output), ("errors", written.errors))
        ]
        try:
            self._state = chunk_done(
                claim,
                self._serves,
                chunk,
                failed=written.failed,
                output_key=keys[0],
                error_key=keys[1],
            )
        except (LeaseLost, DomainError):
            for key in filter(None, keys):
                object_delete(key)
            raise
        self._renewed = self._served = time.monotonic()

    def _put(self, chunk: Chunk, kind: str, data: bytes) -> str:
        return object_put(part_key(self._work.claim, chunk.number, kind), data).key if data else ""

    def _look_up(self) -> None:
        """Keep the lease, and see whether this worker should go on."""
        now = time.monotonic()
        if now - self._renewed < RENEW_SECONDS:
            if draining():
                raise TurnOver
            return
        self._state = lease_renew(self._work.claim)
        self._renewed = now
        if self._sender.engine_lives():
            self._served = now
        if now - self._served > NO_ENGINE_SECONDS:
            raise TurnOver
        if now - self._began > TURN_SECONDS and not self._leaving:
            self._leaving = batches_wait()


def pause_after(count: int) -> float:
    """Return how many seconds to wait when a model was not there ``count`` times."""
    return min(FIRST_PAUSE * 2.0 ** (count - 1), LONGEST_PAUSE)


_tokenizers: Final[dict[str, TextTokenizer]] = {}
"""By base. One batch is worked on at a time in a process: a tokenizer's length limit is state."""


def _encoder(serves: Serves) -> Encode:
    tokenizer = _tokenizers.get(serves.base)
    if tokenizer is None:
        tokenizer = _tokenizers[serves.base] = TextTokenizer.load(
            locate_base(serves.base).directory
        )

    def encode(texts: list[str]) -> list[EncodedText]:
        return tokenizer.encode(texts, serves.max_length, words=serves.by_token)

    return encode
