"""What an engine does when no call waits: a chunk of a batch, a slice at a time.

A chunk has thousands of rows of one model, run in the order of their lengths. Between slices the
loop looks for calls, so a call waits for one slice at most: a full batch's tokens while none has
come for some seconds, far fewer while calls come. The chunk in hand is nobody's but the sender's:
an engine that dies takes nothing along, since the sender keeps the rows and sends them again.
"""

import logging
import time
from functools import partial
from typing import TYPE_CHECKING, Final

from mlworker.serving.protocol import EMBEDDING_TIER
from mlworker.serving.worker.adapters import cause_of
from mlworker.serving.worker.backlog import NO_ENTRY, Pending, Row

if TYPE_CHECKING:
    from mlworker.serving.protocol import Envelope
    from mlworker.serving.worker.adapters import Adapters
    from mlworker.serving.worker.line import Line

logger = logging.getLogger(__name__)

SLICE_TOKENS: Final = 2_048
SLICE_TOKENS_BESIDE_CALLS: Final = 256
SLICE_ROWS: Final = 256
CALLS_SECONDS: Final = 5.0
"""How long after a call the slices stay small."""
LOOK_SECONDS: Final = 1.0
"""How often to ask whether the chunk in hand is still wanted."""


class Spare:
    """The chunk in hand, if any."""

    def __init__(self) -> None:
        self.chunk = ""
        self.pending: Pending | None = None
        self.online_seen = 0.0
        self._rows: list[Row] = []
        self._loading = False
        self._failed: Exception | None = None
        self._looked = 0.0

    def look(self, line: "Line") -> None:
        """Take a chunk when there is none in hand, and drop one that nobody wants any more.

        Raises redis.RedisError.
        """
        if self.pending is None:
            taken = line.spare_take()
            if taken is not None:
                self._begin(*taken)
            return
        if self._failed is not None:
            logger.error("engine.load_failed: %r", self._failed)
            line.answer(
                self.pending.gateway,
                self.pending.failure(str(self._failed), cause_of(self._failed)),
            )
            self.drop()
        elif time.monotonic() - self._looked > LOOK_SECONDS:
            self._looked = time.monotonic()
            if not line.spare_wanted(self.chunk):
                self.drop()

    def ready(self, adapters: "Adapters") -> bool:
        """Say whether a slice can run now; ask for the model's weights when they are not there."""
        if self.pending is None or self._failed is not None:
            return False
        spec = self.pending.work.spec
        if spec.tier == EMBEDDING_TIER or adapters.ready(spec):
            return True
        if not self._loading:
            self._loading = True
            adapters.request(spec, partial(self._loaded, self.chunk))
        return False

    def slice(self) -> list[Row]:
        """Take the rows of the next slice; one at least."""
        calls = time.time() - self.online_seen < CALLS_SECONDS
        tokens = SLICE_TOKENS_BESIDE_CALLS if calls else SLICE_TOKENS
        taken: list[Row] = []
        while self._rows and len(taken) < SLICE_ROWS:
            tokens -= len(self._rows[-1].ids)
            if taken and tokens < 0:
                break
            taken.append(self._rows.pop())
        return taken

    def drop(self) -> None:
        """Let go of the chunk."""
        self.chunk, self.pending, self._rows = "", None, []
        self._failed = None

    def _begin(self, chunk: str, envelope: "Envelope") -> None:
        [work] = envelope.works
        pending = Pending(work, envelope.gateway, NO_ENTRY, envelope.sent)
        rows = [Row(pending, index, ids) for index, ids in enumerate(pending.rows())]
        # Taken from the end: the longest first, as memory shows its bound at once.
        self._rows = sorted(rows, key=lambda row: len(row.ids))
        self.chunk, self.pending = chunk, pending
        self._failed, self._looked = None, time.monotonic()

    def _loaded(self, chunk: str, error: Exception | None) -> None:
        """Called in the loading thread."""
        self._loading = False
        if chunk == self.chunk:
            self._failed = error
