"""Deployments with a log, and rows in it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from anneal.kernel import clock
from anneal.kernel.ids import parse_id, uuid7
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from mlworker.predictions.contracts import LogDayInfo
from mlworker.predictions.rows import KeptRow, row_of
from mlworker.predictions.writing import log_write
from mlworker.serving.contracts import LogInfo
from tests.unit.factories import make_client

MODEL = "sentiment-en"


def make_deployment(organization: OrganizationRef, name: str = "live", **log: Any) -> str:
    """Make a deployment that keeps a log; its public id."""
    client = make_client(organization)
    made = client.post("/v1/deployments", {"name": name, "model": MODEL}, format="json").json()
    body = {"enabled": True, **log}
    done = client.put(f"/v1/deployments/{made['id']}/prediction_log", body, format="json")
    assert done.status_code == 200, done.content
    return str(made["id"])


def row(
    text: str = "fine",
    label: str = "positive",
    score: float = 0.9,
    *,
    prediction: UUID | None = None,
    model: str = MODEL,
    at: datetime | None = None,
    log: LogInfo = LogInfo(),  # noqa: B008 # frozen
) -> KeptRow:
    """Return a row as a gateway makes it."""
    return row_of(
        log,
        prediction_id=prediction or uuid7(),
        created_at=at or clock.now(),
        model=model,
        text=text,
        found={"label": label, "score": score, "scores": {label: score}},
    )


def keep(
    organization: OrganizationRef, deployment: str, rows: Sequence[KeptRow], dropped: int = 0
) -> int:
    """Write rows as a gateway does; how many the day has."""
    counted = LogDayInfo(clock.now().date(), len(rows) + dropped, len(rows), dropped)
    with tenant_scope(organization):
        return log_write(
            organization=organization,
            deployment_id=parse_id("dep_", deployment),
            rows=rows,
            counted=counted,
        )
