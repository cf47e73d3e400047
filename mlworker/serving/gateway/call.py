"""One HTTP request of the online paths: its id, its place, what was answered, how it is counted."""

import os
import time
from dataclasses import dataclass, field
from typing import Final

from anneal.kernel.errors import DomainError
from anneal.kernel.request_ids import request_id_of
from mlworker.serving import figures
from mlworker.serving.gateway.http import Headers, Receive, Scope, Send, header
from mlworker.serving.gateway.stands import Entry
from mlworker.serving.gateway.tickets import Ticket
from mlworker.serving.protocol import Answer

CLIENT_GONE: Final = 499
"""What is counted where the client left before its answer (nobody is answered this)."""


@dataclass(slots=True)
class Call:
    """One HTTP request under way. `model` is set on Hugging Face's paths alone."""

    scope: Scope
    receive: Receive
    send: Send
    route: str
    model: str | None = None
    random: bytes = field(default_factory=lambda: os.urandom(16))
    headers: Headers = field(default_factory=list)
    entry: Entry | None = None
    """Its place among the calls of its key and organization, where these are limited."""
    status: int = CLIENT_GONE
    began: float = field(default_factory=time.perf_counter)

    @property
    def request_id(self) -> str:
        """The id told in `x-request-id` and in the logs: the caller's own, if it looks like one."""
        return request_id_of(self.scope["headers"], self.random)

    @property
    def lines(self) -> bool:
        """Whether the caller takes rows as lines."""
        return b"application/x-ndjson" in (header(self.scope, b"accept") or b"")

    def streams(self, *, asked: bool) -> bool:
        """Say whether rows are to leave as they come: the body asks, or nothing else is taken."""
        return asked or (
            self.lines and b"application/json" not in (header(self.scope, b"accept") or b"")
        )

    def refused(self, error: DomainError) -> None:
        """Count a refusal."""
        self.status = error.status
        figures.REFUSALS.add(1, self.route, error.code)

    def ended(self) -> None:
        """Count the call."""
        figures.REQUESTS.add(1, self.route, str(self.status))

    def answered(self, ticket: Ticket, answer: Answer) -> None:
        """Count an answer, and the time that each stage of it took."""
        now = time.time()
        queue, inference = answer.queue_ms / 1000, answer.inference_ms / 1000
        total = time.perf_counter() - self.began
        observe, route = figures.STAGES.observe, self.route
        observe(max(0.0, total - (now - ticket.created)), route, "parse")
        observe(max(0.0, ticket.held - ticket.created), route, "hold")
        observe(queue, route, "queue")
        observe(inference, route, "inference")
        observe(max(0.0, now - ticket.answered), route, "settle")
        observe(total, route, "total")
        self.charged(ticket)

    def charged(self, ticket: Ticket) -> None:
        """Count what was answered and charged."""
        figures.TEXTS.add(ticket.items, self.route)
        figures.UNITS.add(ticket.units, self.route)
