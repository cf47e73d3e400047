"""Waiting until a page has all that it asks for."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, Request

QUIET_SECONDS = 0.1
LONGEST_SECONDS = 20.0
IDLE = "() => new Promise(done => requestIdleCallback(() => done(), {timeout: 2000}))"


class Traffic:
    """What a page is waiting for."""

    def __init__(self) -> None:
        self.open: set[Request] = set()
        self.changed = time.monotonic()

    def began(self, request: Request) -> None:
        """Note a request."""
        self.open.add(request)
        self.changed = time.monotonic()

    def ended(self, request: Request) -> None:
        """Note that it was answered, or failed."""
        self.open.discard(request)
        self.changed = time.monotonic()


@contextmanager
def loading(page: Page) -> Iterator[None]:
    """Wait at the end until nothing is on its way and the page has drawn what came.

    Playwright's own `networkidle` waits half a second after the last answer, on each of some
    hundred visits; here the page says itself when it has nothing left to do.
    """
    traffic = Traffic()
    heard = {
        "request": traffic.began,
        "requestfinished": traffic.ended,
        "requestfailed": traffic.ended,
    }
    for event, note in heard.items():
        page.on(event, note)  # type: ignore[call-overload] # three names, one shape
    try:
        yield
        _wait(page, traffic)
    finally:
        for event, note in heard.items():
            page.remove_listener(event, note)


def _wait(page: Page, traffic: Traffic) -> None:
    ends = time.monotonic() + LONGEST_SECONDS
    while True:
        seen = traffic.changed
        page.evaluate(IDLE)  # after what came was drawn, which may have asked for more
        page.wait_for_timeout(1000 * QUIET_SECONDS)
        if not traffic.open and traffic.changed == seen:
            return
        missing = [request.url for request in traffic.open]
        assert time.monotonic() < ends, f"{page.url} is still waiting for {missing}"
