"""The sender of one worker process: many attempts at once, on threads that only wait for others.

It holds one of the worker's own threads, whatever the addresses do. The database is touched by that
thread alone; no transaction is open while an attempt runs.
"""

import logging
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Final

from tenants.webhooks.sending import Outcome
from tenants.webhooks.services.attempts import (
    Sending,
    attempt_book,
    attempt_make,
    attempts_claim,
)

logger = logging.getLogger(__name__)

SLOTS: Final = 32
_LOOK_SECONDS: Final = 0.5
_SHIFT_SECONDS: Final = 60.0
"""After so long it claims no more and ends: the next poke begins anew."""
_running: Final = threading.Lock()
_stopping: Final = threading.Event()


def deliveries_send() -> None:
    """Make every attempt that is due. A second call in this process returns at once: the first one
    looks again twice a second.
    """
    if not _running.acquire(blocking=False):
        return
    try:
        _send_all()
    finally:
        _running.release()


def sender_stop(**_: object) -> None:
    """The worker is asked to end: what runs is booked, nothing more is claimed."""
    _stopping.set()


def _send_all() -> None:
    end = time.monotonic() + _SHIFT_SECONDS
    under_way: dict[Future[Outcome], Sending] = {}
    with ThreadPoolExecutor(SLOTS, thread_name_prefix="webhook") as pool:
        while True:
            room = SLOTS - len(under_way)
            if room and time.monotonic() < end and not _stopping.is_set():
                for sending in attempts_claim(room):
                    under_way[pool.submit(attempt_make, sending)] = sending
            if not under_way:
                return
            done, _rest = wait(under_way, timeout=_LOOK_SECONDS, return_when=FIRST_COMPLETED)
            for future in done:
                _book(under_way.pop(future), future)


def _book(sending: Sending, future: Future[Outcome]) -> None:
    """Book one outcome. When that fails its lease ends by itself, and the others are booked."""
    try:
        attempt_book(sending, future.result())
    except Exception:
        logger.exception("webhook.booking_failed")
