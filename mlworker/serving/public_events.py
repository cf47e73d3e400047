"""What webhooks hear of deployments."""

from anneal.kernel.ids import public_id
from mlworker.serving.contracts import DEPLOYMENT_PREFIX, DeploymentPointed
from tenants.webhooks.contracts import Fact
from tenants.webhooks.registry import public_events_register


def register() -> None:
    """Let webhooks hear of deployments that point at another model."""
    public_events_register(
        DeploymentPointed,
        types={
            "deployment.promoted": "A deployment points at a newly promoted model.",
            "deployment.rolled_back": "A deployment went back to an earlier revision.",
        },
        fact=_fact,
    )


def _fact(event: DeploymentPointed) -> Fact:
    return Fact(
        event.organization,
        "deployment.rolled_back" if event.rolled_back else "deployment.promoted",
        {
            "id": public_id(DEPLOYMENT_PREFIX, event.deployment_id),
            "name": event.name,
            # What it is at this very change; a read may already show the next one.
            "model": event.model,
            "revision": event.revision,
        },
    )
