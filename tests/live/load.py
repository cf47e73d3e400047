"""A steady load on the online path, and the proof that its money is exact."""

import threading
import time
from dataclasses import dataclass, field

import httpx

from tests.live.serving import GOOD, Customer, error_code

CLIENTS = 8


@dataclass
class Load:
    """Clients that call without pause, each call under its own Idempotency-Key."""

    customer: Customer
    answered: dict[str, bytes] = field(default_factory=dict)
    unsure: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> "Load":
        self._threads = [threading.Thread(target=self._call, args=(n,)) for n in range(CLIENTS)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait_answers(self, more: int, *, seconds: float = 150) -> None:
        """Wait until so many more calls were answered."""
        goal, end = len(self.answered) + more, time.monotonic() + seconds
        while len(self.answered) < goal:
            assert time.monotonic() < end, f"no answers any more; refused {self.refused[-5:]}"
            time.sleep(0.05)

    def _call(self, client: int) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            key = f"c{client}-{number}"
            try:
                answer = self.customer.classify(GOOD, headers={"Idempotency-Key": key})
            except httpx.HTTPError:
                self.unsure.append(key)
                time.sleep(0.2)
                continue
            if answer.status_code == 200:
                self.answered[key] = answer.content
            else:
                self.refused.append(error_code(answer))
                self.unsure.append(key)
                time.sleep(0.1)

    def settle(self) -> int:
        """Retry what is unsure until each call has its answer; how many were stored answers."""
        replayed = 0
        for key in self.unsure:
            end = time.monotonic() + 60
            while key not in self.answered:
                answer = self.customer.classify(GOOD, headers={"Idempotency-Key": key})
                if answer.status_code == 200:
                    self.answered[key] = answer.content
                    replayed += answer.headers.get("idempotent-replayed") == "true"
                else:
                    assert time.monotonic() < end, answer.text
                    time.sleep(float(answer.headers.get("retry-after", "1")))
        return replayed


def exact(load: Load, before: int, *, kills: int) -> None:
    """Every answered call is charged once and nothing else is.

    What was charged and not seen was in flight at a kill, and is answered again uncharged.
    """
    customer = load.customer
    # What a process still settles is settled soon; the rest waits for the reaper.
    if not customer.nothing_held(seconds=5):
        customer.minute_pass()
    assert customer.nothing_held()
    unseen = customer.events() - before - len(load.answered)
    assert 0 <= unseen <= CLIENTS * kills
    assert load.settle() == unseen
    assert customer.nothing_held()
    assert customer.events() - before == len(load.answered)
    assert customer.balance()["consumed"] == customer.events()
