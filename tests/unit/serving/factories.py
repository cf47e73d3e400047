"""Deployments for tests, made and changed as clients do."""

from typing import Any

from rest_framework.test import APIClient


def create(client: APIClient, **body: Any) -> Any:
    return client.post("/v1/deployments", {"name": "reviews", **body}, format="json")


def act(client: APIClient, deployment: str, verb: str, **body: Any) -> Any:
    return client.post(f"/v1/deployments/{deployment}/{verb}", body, format="json")
