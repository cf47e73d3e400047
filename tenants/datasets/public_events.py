"""What webhooks hear of datasets."""

from anneal.kernel.ids import public_id
from tenants.datasets.contracts import DATASET_PREFIX, VERSION_PREFIX, DatasetVersionFinished
from tenants.webhooks.contracts import Fact
from tenants.webhooks.registry import public_events_register


def register() -> None:
    """Let webhooks hear of versions that were read."""
    public_events_register(
        DatasetVersionFinished,
        types={
            "dataset.ready": "A dataset's newest version was read and can be trained on.",
            "dataset.failed": "A dataset's newest version cannot be trained on: see its report.",
        },
        fact=_fact,
    )


def _fact(event: DatasetVersionFinished) -> Fact:
    return Fact(
        event.organization,
        "dataset.ready" if event.ready else "dataset.failed",
        {
            "id": public_id(DATASET_PREFIX, event.dataset_id),
            "version": public_id(VERSION_PREFIX, event.version_id),
        },
    )
