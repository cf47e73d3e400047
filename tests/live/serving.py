"""What the live tests of serving share: a customer with a client, and real data if present."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg

from anneal.local.processes import wait_until
from mlworker.serving.gateway.ledger import HOLD_SECONDS
from tests.live.machine import Installation

DATA = Path(os.environ.get("ANNEAL_DATA") or Path(__file__).resolve().parents[3] / "shared/data")
MODEL = "sentiment-en"
GOOD = "A wonderful film: warm, funny and beautifully acted."
BAD = "A dull, lifeless mess; I wanted those two hours back."
AMPLE = 10_000_000
"""Credit that no test uses up; those that make do with the same are made together."""


class Customer:
    """An organization with an owner's key and an HTTP client."""

    def __init__(self, installation: Installation, credit: int = AMPLE) -> None:
        account = installation.account_new(credit)
        self.installation = installation
        self.key, self.organization_id = account.key, account.id
        self.http = httpx.Client(
            base_url=installation.url,
            headers={"Authorization": f"Bearer {self.key}"},
            timeout=60,
            trust_env=False,
        )

    def classify(self, given: str | list[str], model: str = MODEL, **more: Any) -> httpx.Response:
        """`POST /v1/classify`; keyword `headers` goes to the request, the rest into the body."""
        headers = more.pop("headers", None)
        body = {"model": model, "input": given, **more}
        return self.http.post("/v1/classify", json=body, headers=headers)

    def raw(self, body: bytes, path: str = "/v1/classify") -> httpx.Response:
        """Post bytes as they are."""
        return self.http.post(path, content=body)

    def balance(self) -> dict[str, float]:
        """The `prediction` balance."""
        data = self.http.get("/v1/billing/balance").json()["data"]
        row = next(row for row in data if row["unit"] == "prediction")
        return {name: float(row[name]) for name in ("granted", "held", "consumed", "available")}

    def events(self) -> int:
        """Predictions charged, as the database has them."""
        with psycopg.connect(self.installation.superuser_url) as connection:
            row = connection.execute(
                "SELECT coalesce(sum(units), 0) FROM metering_usageevent"
                " WHERE organization_id = %s AND meter = 'prediction'",
                [self.organization_id],
            ).fetchone()
        assert row is not None
        return int(row[0])

    def minute_pass(self) -> None:
        """Let the holds that a dead process left be a minute old, which is as long as they last."""
        with psycopg.connect(self.installation.superuser_url) as connection:
            left = connection.execute(
                "UPDATE ledger_hold SET expires_at = clock_timestamp()"
                " WHERE organization_id = %s AND state = 'held'"
                " RETURNING extract(epoch FROM old.expires_at - clock_timestamp())::float8",
                [self.organization_id],
            ).fetchall()
        assert all(seconds <= HOLD_SECONDS for (seconds,) in left), left

    def nothing_held(self, *, seconds: float = 90) -> bool:
        """Wait until every hold is settled or released."""
        return wait_until(lambda: self.balance()["held"] == 0, seconds=seconds, pause=0.5)


def error_code(answer: httpx.Response) -> str:
    """An answer's error code."""
    return str(answer.json()["error"]["code"])


def wait_serving(url: str, key: str) -> None:
    """Wait until an engine answers: a new installation has none yet, and a new web no ear."""
    body = {"model": "minilm-l6", "input": "warm"}
    said = ["nothing"]
    with httpx.Client(headers={"Authorization": f"Bearer {key}"}, trust_env=False) as client:

        def answers() -> bool:
            try:
                answer = client.post(f"{url}/v1/embeddings", json=body, timeout=60)
            except httpx.TransportError as error:
                said.append(repr(error))
                return False
            said.append(answer.text)
            return answer.is_success

        assert wait_until(answers, seconds=120, pause=0.5), said[-1]


@contextmanager
def serving(installation: Installation, credit: int = AMPLE) -> Iterator[Customer]:
    """A customer of an installation whose engine is up."""
    customer = Customer(installation, credit)
    with customer.http:
        wait_serving(installation.url, customer.key)
        yield customer
