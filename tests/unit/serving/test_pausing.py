"""Paused deployments: who pauses them is told, and a gateway learns of it at once."""

import asyncio
import threading
from typing import Any

import pytest
from rest_framework.test import APIClient

from anneal.kernel.ids import uuid7
from anneal.kernel.models import AuditEvent
from anneal.kernel.principal import Role
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from mlworker.serving.errors import DeploymentPaused
from mlworker.serving.gateway import models
from mlworker.serving.gateway.models import ModelDirectory, Target
from mlworker.serving.selectors import model_resolve
from tests.unit.factories import make_client
from tests.unit.serving.factories import act, create

SOMEBODY = OrganizationRef(uuid7(), "acme")


@pytest.fixture
def deployment(client_api: APIClient) -> str:
    return str(create(client_api, model="sentiment-en").json()["id"])


@pytest.mark.django_db
def test_pause_and_resume_are_history_with_who_and_why(
    client_api: APIClient, organization: OrganizationRef, deployment: str
) -> None:
    paused = act(client_api, deployment, "pause", reason="wrong labels").json()
    with tenant_scope(organization):
        held = model_resolve(organization=organization, name="reviews").paused
    resumed = act(client_api, deployment, "resume").json()

    assert held
    assert paused["paused_at"] >= paused["created_at"]
    assert (paused["revision"], resumed["revision"], resumed["paused_at"]) == (2, 3, None)
    history = client_api.get(f"/v1/deployments/{deployment}").json()["revisions"]
    assert [entry["action"] for entry in history] == ["resumed", "paused", "created"]
    assert history[1]["reason"] == "wrong labels"
    with tenant_scope(organization):
        audited = [row.action for row in AuditEvent.objects.filter(target=deployment)]
    assert {"deployment.pause", "deployment.resume"} <= set(audited)


@pytest.mark.django_db
def test_pausing_twice_changes_nothing(client_api: APIClient, deployment: str) -> None:
    assert act(client_api, deployment, "resume").json()["revision"] == 1
    first = act(client_api, deployment, "pause").json()

    assert act(client_api, deployment, "pause").json() == first


@pytest.mark.django_db
def test_a_roll_back_passes_over_pauses_and_does_not_resume(
    client_api: APIClient, deployment: str
) -> None:
    act(client_api, deployment, "promote", model="sentiment-en", reason="the same")
    act(client_api, deployment, "pause")

    refused = act(client_api, deployment, "rollback")

    assert refused.json()["error"]["code"] == "nothing_to_roll_back"
    seen = client_api.get(f"/v1/deployments/{deployment}").json()
    assert seen["paused_at"] is not None


@pytest.mark.django_db
def test_a_viewer_may_not_pause(organization: OrganizationRef, deployment: str) -> None:
    viewer = make_client(organization, Role.VIEWER)

    assert act(viewer, deployment, "pause").status_code == 403
    assert act(viewer, deployment, "resume").status_code == 403


def test_what_was_read_before_a_change_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look-up that began before a pause ends after it: only the call that asked may use it."""
    reading, changed = threading.Event(), threading.Event()
    found = [Target("d", None, None, None, 0), Target("d", None, None, None, 0, paused=True)]  # type: ignore[arg-type] # not looked at

    def resolve(*_: Any) -> Target:
        reading.set()
        assert changed.wait(5)
        return found.pop(0)

    monkeypatch.setattr(models, "_unit", resolve)

    async def story() -> None:
        directory = ModelDirectory()
        asking = asyncio.create_task(directory.target(SOMEBODY, "d"))
        await asyncio.to_thread(reading.wait, 5)
        directory.forget(str(SOMEBODY.id))
        changed.set()
        assert not (await asking).paused
        for _ in range(2):  # the second is told from the cache
            with pytest.raises(DeploymentPaused):
                await directory.target(SOMEBODY, "d")
        assert found == []
        directory.close()

    asyncio.run(story())
